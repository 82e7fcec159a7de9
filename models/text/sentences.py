"""Finds where sentences, paragraphs, list items and log entries begin: the places where a window may begin or end.

Sentences are found by `sentencex`. Lines are boundaries too, but for wrapped prose. A stack trace belongs together: its
lines are boundaries only where it does not fit into a window as a whole. The text is looked at and never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Frames of Java, .NET, JavaScript, Python, Ruby and gdb; what they end with comes after them without an indent.
_FRAME: Final = re.compile(r'[ \t]+(?:at |in |from |File "|\.\.\. \d)|#\d+ |Caused by: ')
_ERROR: Final = re.compile(r"[\w.$]+(?:Error|Exception)\b")
# Wrapped prose: a line is about as long as the page is wide, ends without a stop, and goes on in lower case.
_WRAPPED: Final = re.compile(r".{40,}[\w,]\s*\Z")

# The library's time grows with the square of what it is given, where that is full of quotation marks.
_PIECE_CHARS: Final = 4000
# It panics at some spaces of more than one byte.
_PLAIN_SPACES: Final = {code: " " for code in range(0x80, 0x3001) if chr(code).isspace()}


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Places of a text, in code points.

    Attributes:
        sentences: where a sentence, a paragraph, a list item or a log entry begins.
        lines: where a further line of a stack trace begins; no sentence begins inside of one.
    """

    sentences: list[int]
    lines: list[int]


def boundaries_of(text: str) -> Boundaries:
    """Returns the boundaries of a text, in its order."""
    sentences = {
        place
        for start, end in _pieces(text)
        for sentence_start in _sentence_starts(text[start:end])
        if (place := start + sentence_start) > start and _may_end_a_sentence(text[place - 1])
    }
    lines: list[int] = []
    for start, end, kind in _lines(text):
        if kind == "trace":
            sentences.difference_update(range(start, end))
            lines.append(start)
        elif kind == "entry":
            sentences.add(start)
    return Boundaries(sorted(sentences), lines)


def _sentence_starts(piece: str) -> list[int]:
    """Returns where the library sees sentences begin; nowhere where it fails: the lines part the piece then."""
    from sentencex import get_sentence_boundaries  # noqa: PLC0415  only long documents need it

    try:
        found = get_sentence_boundaries("en", piece.translate(_PLAIN_SPACES))
        return [sentence["start_index"] for sentence in found]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001  a panic of Rust is no Exception, and no text may end the program
        return []


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of pieces that are parted at lines, else at spaces, else anywhere."""
    start = 0
    while start < len(text):
        end = start + _PIECE_CHARS
        if end < len(text):
            end = (text.rfind("\n", start, end) + 1) or (text.rfind(" ", start, end) + 1) or end
        yield start, end
        start = end


def _may_end_a_sentence(character: str) -> bool:
    """Whether a sentence may end behind it: there is no space in `java.lang.String`, and none is needed in `。`."""
    return character.isspace() or not character.isascii()


def _lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields start, end and kind of each line: `entry`, `wrapped` (goes on with the line before) or `trace`."""
    end, before, in_trace = 0, "", False
    for line in text.splitlines(keepends=True):
        start, end = end, end + len(line)
        is_indented = line[0] in " \t" and not line.isspace()
        in_trace = bool(_FRAME.match(line)) or (in_trace and (is_indented or bool(_ERROR.match(line))))
        if in_trace:
            yield start, end, "trace"
        else:
            goes_on = line[0].islower() and _WRAPPED.match(before) and not _ERROR.match(line)
            yield start, end, "wrapped" if goes_on else "entry"
        before = line
