"""Ranks answers over all windows: the best spans that share no token, each text once with all places where it stands.

    [WindowSpan] -> best span of any window -> its text, and where else it stands -> the best span beside these -> ...

The score orders them; of equal scores the earliest window wins, so that the order of batches changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from spanstream.models.arrays import BoolArray
from spanstream.models.spans.search import FreeSpans, TokenSpan, WindowSpan
from spanstream.models.text.tokenization import TokenizedDocument

MAX_FURTHER_PLACES: Final = 100
"""Further places that are listed of one answer: a word may stand in a document ten thousand times."""

CharSpan = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RankedAnswer:
    """One text as an answer.

    Attributes:
        rank: 1 is the candidate.
        found: the window that scores it highest.
        span: its best place, in tokens.
        place: the same in characters, end exclusive.
        further_places: where else the text stands in whole words, read or not, in the document's order.
    """

    rank: int
    found: WindowSpan
    span: TokenSpan
    place: CharSpan
    further_places: tuple[CharSpan, ...]

    @property
    def log_probability(self) -> float:
        """Natural logarithm of softmax(start) x softmax(end) at the span, as the window has it of its best span."""
        # One softmax, one denominator: the difference is that of the scores.
        best = self.found.span
        return self.found.log_probability + (self.span.score - best.score if best is not None else 0.0)


def rank_answers(
    text: str,
    document: TokenizedDocument,
    window_spans: Sequence[WindowSpan],
    most: int,
    char_span: Callable[[TokenSpan], CharSpan],
) -> list[RankedAnswer]:
    """Returns the best answers, at most so many, the best first; the first one is that of `aggregate`.

    No other is punctuation alone.

    Args:
        text: the document's.
        document: its tokens.
        window_spans: of the windows that were read, in any order.
        most: how many answers.
        char_span: gives the place of a span, or raises where it is not valid; all that is returned came out of it.
    """
    spans = _DocumentSpans(window_spans)
    is_taken = np.zeros(document.size, dtype=np.bool_)
    texts: set[str] = set()
    ranked: list[RankedAnswer] = []
    while len(ranked) < most and (best := spans.best()) is not None:
        found, span = best
        spans.take(span)
        is_taken[span.first : span.last + 1] = True
        start, end = char_span(span)
        quoted = text[start:end]
        if quoted in texts or (ranked and _is_punctuation(quoted)):
            continue  # one of more places than are listed, or nothing that answers a question
        texts.add(quoted)
        places: list[CharSpan] = []
        for other in islice(_free_whole_spans(quoted, text, document, is_taken), MAX_FURTHER_PLACES):
            if text[slice(*(place := char_span(other)))] == quoted:
                spans.take(other)
                is_taken[other.first : other.last + 1] = True
                places.append(place)
        ranked.append(RankedAnswer(len(ranked) + 1, found, span, (start, end), tuple(places)))
    return ranked


def _is_punctuation(quoted: str) -> bool:
    return all(unicodedata.category(character)[0] in "PZC" for character in quoted)


class _DocumentSpans:
    """The spans of all windows that share no token with those that were taken."""

    def __init__(self, window_spans: Sequence[WindowSpan]) -> None:
        by_place = sorted(window_spans, key=lambda one: one.window.token_start)
        self._windows = [(one, FreeSpans(one.scores)) for one in by_place]

    def best(self) -> tuple[WindowSpan, TokenSpan] | None:
        """Returns the window whose best span scores highest, with this span."""
        spans = [(window, free.best) for window, free in self._windows]
        return max(
            ((window, span) for window, span in spans if span is not None),
            key=lambda found: found[1].score,
            default=None,
        )

    def take(self, span: TokenSpan) -> None:
        for _, free in self._windows:
            free.take(span.first, span.last)


def _free_whole_spans(quoted: str, text: str, document: TokenizedDocument, is_taken: BoolArray) -> Iterator[TokenSpan]:
    """Yields the spans of whole words where the text stands once more; looks at `is_taken` again for each of them."""
    occurrence = _outside_of_words(quoted)
    found = occurrence.search(text)
    while found is not None:
        start, end = found.span()
        first = int(np.searchsorted(document.ends, start, side="right"))
        last = int(np.searchsorted(document.starts, end, side="left")) - 1
        is_free = first <= last and document.is_whole(first, last) and not is_taken[first : last + 1].any()
        if is_free:
            yield TokenSpan(first, last, 0.0)
        found = occurrence.search(text, end if is_free else start + 1)


def _outside_of_words(quoted: str) -> re.Pattern[str]:
    """Returns what finds a text, but for most places inside words: a digit stands in a log a hundred thousand times."""
    before = "(?<![A-Za-z0-9])" if quoted[0].isascii() and quoted[0].isalnum() else ""
    behind = "(?![A-Za-z0-9])" if quoted[-1].isascii() and quoted[-1].isalnum() else ""
    return re.compile(before + re.escape(quoted) + behind)
