"""Regular expressions of playbooks, in RE2: no ticket can make one slow. The only file that imports `re2`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MEMORY_BYTES = 1 << 20


class BadPattern(ValueError):
    """RE2 does not take it; the text is one line for a person."""


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> Any:  # noqa: ANN401 - the library has no types
    """The compiled pattern, with `search`; case is ignored.

    Raises:
        BadPattern: it is none, in RE2's syntax (no look-around, no back-references).
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = _MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        raise BadPattern(f"no RE2 pattern: {said.decode() if isinstance(said, bytes) else said}") from None
