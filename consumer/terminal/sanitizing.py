"""Makes text from outside harmless for a terminal and for an SVG: nothing in it acts as a command or is hidden.

Control characters (an ESC begins a terminal's commands) become their pictures. A character that would turn the
direction of the rest of the line, or break an XML file, becomes its number.
Letters, marks, emoji and line ends stay as they are.
"""

from __future__ import annotations

import re

_TAB_CELLS = 4
_PICTURES = 0x2400  # U+2400 is the picture of U+0000, and so on up to U+001F
_DELETE, _DELETE_PICTURE = 0x7F, "\N{SYMBOL FOR DELETE}"
_PLANES = 17
_NONCHARACTERS = "".join(chr(plane * 0x10000 + low) for plane in range(_PLANES) for low in (0xFFFE, 0xFFFF))
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u2028\u2029"  # line and paragraph separator
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff\ufdd0-\ufdef\ufeff"  # surrogates, noncharacters, the byte order mark
    f"{_NONCHARACTERS}]"
)


def sanitized(text: str) -> str:
    """Returns `text` as it can be shown: tabs as spaces, without characters that a terminal takes as commands."""
    return _UNSAFE.sub(_picture, text.replace("\r\n", "\n")).replace("\t", " " * _TAB_CELLS)


def sanitized_line(text: str) -> str:
    """Sanitizes text for one line: a cell or a title."""
    return " ".join(sanitized(text).split())


def shortened(text: str, max_chars: int) -> str:
    """Returns the text, its end replaced by "…" where it has more characters."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


def _picture(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < ord(" "):
        return chr(_PICTURES + number)
    return _DELETE_PICTURE if number == _DELETE else f"⟨U+{number:04X}⟩"
