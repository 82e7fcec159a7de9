"""Defines a question whose texts are at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from spanstream.consumer.answering.question_record import QuestionRecord
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.schemas.events import Question

# A token takes 16 bytes, and few tokens are shorter than a character; only of English text they are much longer.
_TOKENIZATION_BYTES_PER_CHAR = 16


@dataclass(frozen=True, slots=True)
class TextToRead:
    """A text and its SHA-256; `places` are the (char_start, char_end) to read of it, none: whatever fits the question.

    A question about a collection reads the places that were retrieved.
    """

    text: str
    sha256: str
    places: tuple[tuple[int, int], ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the text and its tokenization, about, before it is tokenized."""
        return sys.getsizeof(self.text) + len(self.text) * _TOKENIZATION_BYTES_PER_CHAR


@dataclass(frozen=True, slots=True)
class ResolvedQuestion:
    """A question with the texts to read for it.

    Attributes:
        record: the record.
        question: the event.
        texts: one; of a collection, one for each document that holds passages, the best passage's first.
        passages: what was retrieved of a collection, the best first.
    """

    record: QuestionRecord
    question: Question
    texts: tuple[TextToRead, ...]
    passages: tuple[RankedPassage, ...] = ()


class HeldTexts:
    """Counts the bytes that a chunk holds, each text once."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._texts: set[str] = set()

    def add(self, texts: Iterable[TextToRead]) -> None:
        """Counts these."""
        for text in texts:
            if text.sha256 not in self._texts:
                self._texts.add(text.sha256)
                self.nbytes += text.nbytes
