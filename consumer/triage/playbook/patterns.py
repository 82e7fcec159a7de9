"""Compiles a playbook's regular expressions with RE2, so that no ticket can make one slow.

This is the only file that imports `re2`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

_MEMORY_BYTES = 1 << 20


class BadPattern(ValueError):
    """RE2 does not accept the pattern; the text says why, in one line."""


@lru_cache(maxsize=1_000)
def compiled(pattern: str) -> Any:  # noqa: ANN401  the library has no types
    """Returns the compiled pattern, which has `search`; case is ignored.

    Raises:
        BadPattern: the pattern is not in RE2's syntax, which has no look-around and no back-references.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = _MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise BadPattern(f"no RE2 pattern: {reason.decode() if isinstance(reason, bytes) else reason}") from None
