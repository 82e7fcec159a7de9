"""Loads the redaction hook that the settings name: a function from a text to the text that may be published.

SPANSTREAM_REDACTION__HOOK=module:function ──> load_redaction ──> redact(text) -> text
                                                                     └── InvalidRecord: nothing is published
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import structlog

from spanstream.consumer.errors import Stop
from spanstream.consumer.logs import exception_facts
from spanstream.schemas.errors import InvalidRecord, Reason

_log = structlog.get_logger(__name__)

Redact = Callable[[str], str]
"""Returns the text that may be published; raises `InvalidRecord` where the hook failed on it."""


def unredacted(text: str) -> str:
    """Returns the text as it is: the hook of those who have none."""
    return text


def load_redaction(name: str | None) -> Redact | None:
    """Imports the hook; None where none is set.

    Args:
        name: `module:function`; the module has to be importable where the program runs.

    Raises:
        Stop: there is no such function.
    """
    if name is None:
        return None
    module, _, function = name.partition(":")
    try:
        hook = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise Stop(f"SPANSTREAM_REDACTION__HOOK={name} cannot be imported: {error}") from error
    if not callable(hook):
        raise Stop(f"SPANSTREAM_REDACTION__HOOK={name} is no function")
    return lambda text: _redacted(hook, text)


def _redacted(hook: Callable[[str], Any], text: str) -> str:
    """Runs the hook.

    Raises:
        InvalidRecord: it raised, or did not return a text.
    """
    try:
        redacted = hook(text)
    except Exception as error:  # noqa: BLE001  whatever it raises, the text must not go out
        _log.error("redaction_failed", **exception_facts(error))
        failure = f"the redaction hook raised {type(error).__name__}"
    else:
        if isinstance(redacted, str):
            return redacted
        failure = f"the redaction hook returned {type(redacted).__name__}, not a text"
    # Outside of the except block: the hook's own error may quote the text.
    raise InvalidRecord(Reason.INFERENCE_FAILED, failure)
