"""Says for the answer that was expected what became of it: given, or lost, and to what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spanstream.models.explaining.explanation import ExpectedPlace
from spanstream.models.spans.aggregate import RawAnswer
from spanstream.models.spans.search import WindowSpan
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.models.text.windowing import Window
from spanstream.models.text.words import WordMap


@dataclass(frozen=True, slots=True)
class Reading:
    """One question about one text as it was read.

    Attributes:
        windows: all of the document, in its order.
        read: what came of those that the model read, by number in `windows`.
        bm25: of each window; empty where all were read.
        raw: the best over all windows.
        confidence: of the best.
        threshold: from which on it is given.
        max_answer_tokens: the longest answer.
    """

    text: str
    document: TokenizedDocument
    windows: Sequence[Window]
    read: dict[int, WindowSpan]
    bm25: Sequence[float]
    raw: RawAnswer
    confidence: float
    threshold: float
    max_answer_tokens: int


def expected_places(reading: Reading, expected: str) -> tuple[tuple[ExpectedPlace, ...], str | None]:
    """Returns what became of each place of the expected answer, and why it has none, if so."""
    word_map = WordMap(reading.text)
    places = tuple(
        ExpectedPlace(start, start + len(expected), *_verdict(reading, word_map, start, start + len(expected)))
        for start in _occurrences(reading.text, expected)
    )
    if places:
        return places, None
    if expected.casefold() in reading.text.casefold():
        return (), "it stands in the text in other letters (upper or lower case)"
    if "".join(expected.split()).casefold() in "".join(reading.text.split()).casefold():
        return (), "it stands in the text with other white space"
    return (), "it does not stand in the text: no verbatim answer can be it"


def _occurrences(text: str, expected: str) -> Iterator[int]:
    start = text.find(expected) if expected else -1
    while start >= 0:
        yield start
        start = text.find(expected, start + 1)


def _verdict(reading: Reading, word_map: WordMap, char_start: int, char_end: int) -> tuple[str, str]:
    """Returns the verdict on one place, and the same in words."""
    document = reading.document
    tokens = np.flatnonzero((document.ends > char_start) & (document.starts < char_end))
    if not len(tokens):
        return "no_token", "no token stands for it: the tokenizer leaves it out"
    first, last = int(tokens[0]), int(tokens[-1])
    span = slice(first, last + 1)
    if (whole := word_map.char_span(document.starts[span], document.ends[span])) != (char_start, char_end):
        words = reading.text[whole[0] : whole[1]]
        return "not_whole_words", f"an answer consists of whole words; here they are {words!r}"
    size = last - first + 1
    if size > reading.max_answer_tokens:
        return "too_long", f"it has {size} tokens, an answer has at most {reading.max_answer_tokens}"
    holding = [n for n, window in enumerate(reading.windows) if window.token_start <= first and last < window.token_end]
    if not holding:
        return "cut_by_window", "every window cuts it: it is longer than what neighbouring windows share"
    if not any(number in reading.read for number in holding):
        return "window_not_read", _not_read(reading, holding)
    return _against_others(reading, first, last, [number for number in holding if number in reading.read])


def _not_read(reading: Reading, holding: Sequence[int]) -> str:
    ranks = sorted(range(len(reading.windows)), key=lambda number: -reading.bm25[number])
    best = min(holding, key=ranks.index)
    return (
        f"window {best + 1} was not read: BM25 puts it at {ranks.index(best) + 1} of {len(ranks)}, "
        f"{len(reading.read)} are read"
    )


def _against_others(reading: Reading, first: int, last: int, read: Sequence[int]) -> tuple[str, str]:
    """Compares a span that was scored with the best one, with no answer, and with the threshold."""
    number = max(read, key=lambda one: reading.read[one].scores.score_of(first, last))
    score, best, null = reading.read[number].scores.score_of(first, last), reading.raw.best, reading.raw.null_score
    if score == -math.inf or best is None or best.span is None:
        return "cut_by_window", f"window {number + 1} cuts a word of it, as every other that was read"
    scored = f"its score is {score:.2f} in window {number + 1}"
    if (best.span.first, best.span.last) != (first, last):
        lost = best.span.score - score
        return "lost_to_span", f"{scored}, the best span's is {best.span.score:.2f}: lost by {lost:.2f}"
    if reading.confidence >= reading.threshold:
        return "given", f"{scored}: it is the candidate, and its confidence {reading.confidence:.2f} is enough"
    said = f"confidence {reading.confidence:.2f}, threshold {reading.threshold:.2f}"
    if null > score:
        return "lost_to_null", f"{scored}, the null score is {null:.2f}: lost by {null - score:.2f} ({said})"
    return "below_threshold", f"{scored}, above the null score of {null:.2f}, but too unsure ({said})"
