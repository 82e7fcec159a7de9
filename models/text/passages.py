"""Cuts a text into passages: what is embedded, and found, as one. Whole paragraphs, list items and sentences.

    text -> blocks (parted by blank lines) -> places where a passage may begin -> cuts

An edit moves no cut far from it, so that only the passages around it are embedded again. The places are cut at in the
order of their rank, which is made of nothing but what stands there (as content-defined chunking has it: Muthitacharoen,
Chen and Mazieres 2001): first the beginnings of paragraphs, then of lines, of sentences, and within a level in the
order of a checksum. A place is cut at where what lies between its neighbouring cuts is too long, and neither side would
become too short.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np

from spanstream.models.arrays import Int64Array
from spanstream.models.text.sentences import boundaries_of

# Tokens, roughly: of a model that knows the common words of six letters, the signs, and each ideograph by itself.
_TOKEN: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffdc]|[^\W\d_]{1,6}|\d{1,3}|([^\w\s]|_)\1*"
)
_MOST_TOKENS: Final = 180
_LEAST_TOKENS: Final = 40
# Between two places: so there is always one that leaves enough on both sides.
_LONGEST_UNIT: Final = _MOST_TOKENS - 2 * _LEAST_TOKENS

# Characters. What finds sentences looks at a few thousand at a time: parted here, an edit does not move where.
_MOST_CHARS: Final = 3600
_LEAST_CHARS: Final = 400
_LONGEST_LINE: Final = _MOST_CHARS - 2 * _LEAST_CHARS

_BLANK_LINES: Final = re.compile(r"\n\s*\n")
_LINE_ENDS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_STOP: Final = re.compile(r"[.!?]\s+|[\u3002\uff01\uff1f]")
_HEADING: Final = re.compile(r"[^\n]{1,80}(?<![.!?;])")
_WORD: Final = re.compile(r"[^\W_]")
_WORD_START: Final = re.compile(r"(?<=\s)\S")
_LONGEST_WORD: Final = 64
# Characters behind a place that its rank is made of.
_LOOK_AHEAD: Final = 32


class _Level(IntEnum):
    """What begins at a place; the higher, the sooner a passage begins there."""

    PART = 0  # of a word that is too long
    WORD = 1  # of a sentence that is too long
    TRACE = 2  # a further line of a stack trace
    SENTENCE = 3  # or what follows a heading
    LINE = 4
    PARAGRAPH = 5


def passages_of(text: str) -> list[tuple[int, int]]:
    """Returns the character ranges (start, end exclusive) of a text's passages, in order.

    Every character that is not blank is in exactly one of them, and each holds a letter or a digit: a text without any
    has no passage. A passage has 40 to 180 tokens (about 30 to 130 words) as far as the text has so many; what would
    have no letter is part of the passage before it.
    """
    token_starts = np.fromiter((token.start() for token in _TOKEN.finditer(text)), dtype=np.int64)
    places: dict[int, _Level] = {}
    begins = _Level.PARAGRAPH
    for start, end, is_long in _sized(
        _parts(text, [blank.end() for blank in _BLANK_LINES.finditer(text)]), token_starts
    ):
        places[start] = begins
        if is_long:
            for first, behind in _sections(text, start, end, places):
                _add_sentences(text, first, behind, places)
        begins = _Level.SENTENCE if _HEADING.fullmatch(text[start:end].strip()) else _Level.PARAGRAPH
    for start, end, is_long in _sized(_parts(text, sorted(places)), token_starts):
        if is_long:
            places.update(_inside(text, start, end))
    cuts = _cuts(text, places, token_starts, _LEAST_TOKENS, _MOST_TOKENS)
    return _with_words(text, _parts(text, cuts))


def _sized(parts: Iterator[tuple[int, int]], token_starts: Int64Array) -> Iterator[tuple[int, int, bool]]:
    """Yields each part, and whether it is too long to be left as it is."""
    edges = np.array(list(parts), dtype=np.int64).reshape(-1, 2)
    tokens = np.searchsorted(token_starts, edges)
    for (start, end), (first, behind) in zip(edges.tolist(), tokens.tolist(), strict=True):
        yield start, end, behind - first > _LONGEST_UNIT


def _parts(text: str, cuts: list[int], start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yields what lies between the cuts, in order."""
    behind = len(text) if end is None else end
    return pairwise([start, *(cut for cut in cuts if start < cut < behind), behind])


def _sections(text: str, start: int, end: int, places: dict[int, _Level]) -> Iterator[tuple[int, int]]:
    """Yields the parts of a block that sentences are looked for in, and adds to `places` where they begin."""
    if end - start <= _MOST_CHARS:
        yield start, end
        return
    found: dict[int, _Level] = {}
    line_end = start
    for line in text[start:end].splitlines(keepends=True):
        line_start, line_end = line_end, line_end + len(line)
        if len(line) > _LONGEST_LINE:
            for first, behind in _parts(
                text, [stop.end() for stop in _STOP.finditer(text, line_start, line_end)], line_start, line_end
            ):
                found[first] = _Level.SENTENCE
                if behind - first > _LONGEST_LINE:
                    found.update(_inside(text, first, behind))
        found[line_start] = _Level.LINE
    found.pop(start)
    cuts = _cuts(text, found, np.arange(start, end), _LEAST_CHARS, _MOST_CHARS)
    places.update((cut, found[cut]) for cut in cuts)
    yield from _parts(text, cuts, start, end)


def _add_sentences(text: str, start: int, end: int, places: dict[int, _Level]) -> None:
    boundaries = boundaries_of(text[start:end])
    for place in boundaries.lines:
        places.setdefault(start + place, _Level.TRACE)
    for place in boundaries.sentences:
        begins_line = place and text[start + place - 1] in _LINE_ENDS
        places.setdefault(start + place, _Level.LINE if begins_line else _Level.SENTENCE)


def _inside(text: str, start: int, end: int) -> Iterator[tuple[int, _Level]]:
    """Yields the words of a sentence, and in a word that is too long every token; no mark is parted from its letter."""
    words = [word.start() for word in _WORD_START.finditer(text, start + 1, end)]
    yield from ((word, _Level.WORD) for word in words)
    for first, behind in _parts(text, words, start, end):
        if behind - first > _LONGEST_WORD:
            for token in _TOKEN.finditer(text, first + 1, behind):
                place = token.start()
                if not unicodedata.category(text[place]).startswith("M") and text[place - 1] != "\u200d":
                    yield place, _Level.PART


def _cuts(text: str, places: Mapping[int, _Level], sizes: Int64Array, least: int, most: int) -> list[int]:
    """Returns the places that are cut at, in order.

    Args:
        text: what is cut.
        places: where it may be cut.
        sizes: where what is counted begins (tokens, characters), in order.
        least: of these between two cuts.
        most: of these between two cuts.
    """
    ranked = sorted(places, key=lambda place: (places[place], _checksum(text, place)), reverse=True)
    edges, cuts = [0, len(sizes)], []
    for place, here in zip(ranked, np.searchsorted(sizes, ranked).tolist(), strict=True):
        number = bisect_left(edges, here)
        if not 0 < number < len(edges):
            continue
        before, behind = edges[number - 1], edges[number]
        if behind - before > most and here - before >= least and behind - here >= least:
            edges.insert(number, here)
            cuts.append(place)
    return sorted(cuts)


def _checksum(text: str, place: int) -> int:
    return zlib.crc32(text[place : place + _LOOK_AHEAD].encode(errors="surrogatepass"))


def _with_words(text: str, parts: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Trims the parts, and joins each without a letter or a digit to the one before it (the first ones: behind)."""
    passages: list[tuple[int, int]] = []
    waiting: int | None = None
    for start, end in parts:
        part = text[start:end]
        first, behind = end - len(part.lstrip()), start + len(part.rstrip())
        if first >= behind:
            continue
        if _WORD.search(part):
            passages.append((first if waiting is None else waiting, behind))
            waiting = None
        elif passages:
            passages[-1] = (passages[-1][0], behind)
        elif waiting is None:
            waiting = first
    return passages
