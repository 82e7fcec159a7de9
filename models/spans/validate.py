"""Checks a span before it is published, independently of the slice that quotes it.

Each of these checks can refuse the answer alone:

- the text is the one that was tokenized,
- the arrays are as they were made, and lie inside the text,
- the words are those of the text,
- the predicted tokens spell the text at the span *and around it*.

Where spelling proves too little (an unknown token, a stretch of text that stands twice), the text is tokenized again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from spanstream.models.errors import DocumentChanged, SpanMismatch
from spanstream.models.spans.search import TokenSpan
from spanstream.models.text.surface import Surface
from spanstream.models.text.tokenization import TokenizedDocument, Tokenizer, sha256_of
from spanstream.models.text.words import WordMap

# Tokens compared on either side of the span: an answer that stands twice in a text differs in what surrounds it.
_NEIGHBOURS = 12
SAME_TEXT: Final = "the text is the one that was tokenized"


@dataclass(frozen=True, slots=True)
class ValidationStep:
    """One check of a span.

    Attributes:
        check: what has to hold.
        problem: what is wrong; None: it holds.
        char_span: (start, end) of the span in characters of the text; None before the arrays are known to be sound.
    """

    check: str
    problem: str | None
    char_span: tuple[int, int] | None = None


class Validator:
    """Validates spans of documents tokenized by one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._surface = Surface(tokenizer)

    def of(self, text: str, document: TokenizedDocument) -> DocumentValidation:
        """Returns what validates spans of one document; what they have in common is checked once."""
        return DocumentValidation(self._tokenizer, self._surface, text, document)

    def char_span(self, text: str, document: TokenizedDocument, span: TokenSpan) -> tuple[int, int]:
        """Returns the validated place of one span, as `DocumentValidation.char_span`."""
        return self.of(text, document).char_span(span)


class DocumentValidation:
    """Validates spans of one document."""

    def __init__(self, tokenizer: Tokenizer, surface: Surface, text: str, document: TokenizedDocument) -> None:
        self._tokenizer = tokenizer
        self._surface = surface
        self._text = text
        self._document = document

    def char_span(self, span: TokenSpan) -> tuple[int, int]:
        """Returns the validated (char_start, char_end) of the span: `text[char_start:char_end]` is the answer.

        Raises:
            DocumentChanged: the tokens were made from another text.
            SpanMismatch: the tokens are another tokenizer's, the arrays are damaged, the text does not read as the
                tokens do, or the span begins or ends inside a word.
        """
        char_span = (0, 0)
        for step in self.steps(span):
            if step.problem is not None:
                candidate: dict[str, object] = {"first_token": span.first, "last_token": span.last}
                if step.char_span is not None:
                    candidate |= {"char_start": step.char_span[0], "char_end": step.char_span[1]}
                raise (DocumentChanged if step.check == SAME_TEXT else SpanMismatch)(step.problem, candidate)
            char_span = step.char_span or char_span
        return char_span

    def steps(self, span: TokenSpan) -> Iterator[ValidationStep]:
        """Yields each check in its order; after one that finds a problem, the next ones may raise anything."""
        yield ValidationStep(SAME_TEXT, None if self._is_same_text else "the text is not the one that was tokenized")
        yield ValidationStep("the token arrays are sound", self._problem_of_arrays)
        is_inside = 0 <= span.first <= span.last < self._document.size
        outside = None if is_inside else "the span is outside of the document's tokens"
        yield ValidationStep("the span lies in the document", outside)
        place = self._place(span.first, span.last)
        yield ValidationStep("the span consists of whole words", self._problem_of_words(span), place)
        yield ValidationStep("the text reads as the predicted tokens do", self._problem_of_tokens(span, place), place)

    @cached_property
    def _is_same_text(self) -> bool:
        return sha256_of(self._text) == self._document.text_sha256

    @cached_property
    def _problem_of_arrays(self) -> str | None:
        """What is wrong with the arrays themselves, None where nothing is."""
        document = self._document
        if document.fingerprint != self._tokenizer.fingerprint:
            return "the tokens are of another tokenizer"
        if not len(document.ids) == len(document.starts) == len(document.ends) == len(document.words):
            return "the token arrays are of different lengths"
        if not document.is_intact:
            return "the token arrays are not as they were made"
        # Seen as unsigned, a negative place is far outside of the text.
        if document.size and max(document.starts.view(np.uint32).max(), document.ends.view(np.uint32).max()) > len(
            self._text
        ):
            return "there are tokens outside of the text"
        return None

    @cached_property
    def _word_map(self) -> WordMap:
        return WordMap(self._text)

    @cached_property
    def _has_its_words(self) -> bool:
        document = self._document
        return np.array_equal(document.words, self._word_map.numbers(document.starts, document.ends))

    def _place(self, first: int, last: int) -> tuple[int, int]:
        """Returns the characters of the tokens `first` to `last` (inclusive)."""
        tokens = slice(first, last + 1)
        return self._word_map.char_span(self._document.starts[tokens], self._document.ends[tokens])

    def _problem_of_words(self, span: TokenSpan) -> str | None:
        """Returns what is wrong with the words, or with the span's edges among them."""
        if not self._has_its_words:
            return "the words are not those of the text"
        is_whole = self._document.is_whole(span.first, span.last)
        return None if is_whole else "the span begins or ends inside a word"

    def _problem_of_tokens(self, span: TokenSpan, place: tuple[int, int]) -> str | None:
        """Returns how the predicted tokens and the text differ."""
        around = self._widened(span)
        if not self._agree(span.first, span.last, place) or not self._agree(*around, self._place(*around)):
            return "the text at the span does not read as the predicted tokens do"
        if self._has_dropped_edge(place):
            return "the span begins or ends with a character that no token stands for"
        if self._is_ambiguous(around) and not self._is_made_from_text:
            return "the tokens are not those of the text"
        return None

    def _agree(self, first: int, last: int, place: tuple[int, int]) -> bool:
        ids = self._document.ids[first : last + 1].tolist()
        return place[0] < place[1] and self._surface.agrees(ids, self._text[slice(*place)])

    def _has_dropped_edge(self, place: tuple[int, int]) -> bool:
        """Whether the tokens' own places begin or end with what the tokenizer drops, though it could be cut off there.

        Such a character (for private use, say) leaves no trace in the spelling. An accent cannot be cut off.
        """
        char_start, char_end = place
        edges = ((char_start, char_start + 1), (char_end - 1, char_end - 1))
        inside = self._word_map.inside
        return any(not inside[cut] and self._surface.drops(self._text[at]) for at, cut in edges)

    def _widened(self, span: TokenSpan) -> tuple[int, int]:
        """Widens the span by its neighbours, up to whole words: half of a word's tokens may spell half a character."""
        words, size = self._document.words, self._document.size
        first, last = max(span.first - _NEIGHBOURS, 0), min(span.last + _NEIGHBOURS, size - 1)
        while first < span.first and first > 0 and words[first] == words[first - 1]:
            first += 1
        while last > span.last and last + 1 < size and words[last] == words[last + 1]:
            last -= 1
        return first, last

    def _is_ambiguous(self, around: tuple[int, int]) -> bool:
        """Whether these tokens could spell another place of the text as well."""
        ids = self._document.ids[around[0] : around[1] + 1]
        if any(map(self._surface.is_unknown, ids.tolist())):
            return True
        everything, stretch = self._document.ids.tobytes(), ids.tobytes()
        return everything.find(stretch, everything.find(stretch) + 1) >= 0

    @cached_property
    def _is_made_from_text(self) -> bool:
        """Whether the text, tokenized again, has these tokens."""
        made, document = self._tokenizer.tokenize_document(self._text), self._document
        return (
            np.array_equal(made.ids, document.ids)
            and np.array_equal(made.starts, document.starts)
            and np.array_equal(made.ends, document.ends)
        )
