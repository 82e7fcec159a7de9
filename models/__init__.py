"""Answers questions by quoting a text: text in, verbatim answers with a calibrated confidence out.

    from spanstream.models import Reader

    answer = Reader.load().read("It stops with error E-4107.", ["Which error is it?"])[0]

Each name is imported when it is first used, so that importing a part of this package does not load the runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanstream.models.artifact import Artifact, load_artifact
    from spanstream.models.errors import ModelError
    from spanstream.models.reader import Answer, Reader
    from spanstream.models.spans.quotes import AlternativeQuote, Quote

__all__ = ["AlternativeQuote", "Answer", "Artifact", "ModelError", "Quote", "Reader", "load_artifact"]

_MODULES = {
    "AlternativeQuote": "spans.quotes",
    "Answer": "reader",
    "Artifact": "artifact",
    "ModelError": "errors",
    "Quote": "spans.quotes",
    "Reader": "reader",
    "load_artifact": "artifact",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  classes and a function
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
