r"""Finds a terminal's escape sequences in a text: the colours of a log, say. They are no part of what it says.

    "\x1b[1;31mFXP-4107\x1b[0m" ──> "       FXP-4107    "

They are read as spaces, one a character, so that every place in the text stays what it was.
"""

from __future__ import annotations

import re
from typing import Final

_BEGINS: Final = ("\x1b", "\x9b")
_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences (ECMA-48, 5.4): colours, movements, what is cleared
    r"|\x9b[0-9;]+[@-~]"  # the same in one character, which a wrongly decoded text has for a quotation mark
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # commands of the operating system: titles, links
)


def without_escape_sequences(text: str) -> str:
    """Returns the text, as long as it was, with spaces in the place of escape sequences."""
    if not any(begin in text for begin in _BEGINS):
        return text
    return _SEQUENCE.sub(lambda match: " " * len(match[0]), text)
