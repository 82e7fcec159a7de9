"""Cuts a text into the words that an answer may begin and end with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spanstream.models.text.words import WordMap, without_invisible


@dataclass(frozen=True, slots=True)
class WordPiece:
    """A word of a text, or what stands between two words; `text` is what is shown of it."""

    text: str
    char_start: int
    char_end: int
    is_word: bool


def word_pieces(text: str, begin: int, end: int) -> Iterator[WordPiece]:
    """Yields the words that begin in `text[begin:end]`, the last one cut there, and what is between them."""
    cuts = np.flatnonzero(~WordMap(text).inside)
    first, last = np.searchsorted(cuts, [begin, end])
    between = ""
    for start, stop in pairwise(cuts[first : last + 1].tolist()):
        piece = text[start:stop]
        if not without_invisible(piece):
            between += piece
            continue
        if between:
            yield WordPiece(between, start - len(between), start, is_word=False)
            between = ""
        yield WordPiece(text[start : min(stop, end)], start, stop, is_word=True)
    if between:
        yield WordPiece(between, 0, 0, is_word=False)


def is_whole_words(text: str, char_start: int, char_end: int) -> bool:
    """Whether a span is in the text, begins and ends with visible characters, and cuts no word."""
    if not 0 <= char_start < char_end <= len(text):
        return False
    inside = WordMap(text).inside
    piece = text[char_start:char_end]
    ends = without_invisible(piece[0]) and without_invisible(piece[-1])
    return bool(ends) and not inside[char_start] and not inside[char_end]


def nearest_place(text: str, piece: str, place: int) -> tuple[int, int] | None:
    """Finds a piece of whole words in a text, the one nearest to a place; None where there is none."""
    found, start = [], text.find(piece) if piece else -1
    while start >= 0:
        found.append(start)
        start = text.find(piece, start + 1)
    for start in sorted(found, key=lambda start: abs(start - place)):
        if is_whole_words(text, start, start + len(piece)):
            return start, start + len(piece)
    return None
