"""Knows labelled questions and their texts again, in whatever file they stand: by short hashes of what they say.

A file's own hash says little: the same questions may come compressed, in part, or beside others.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, PlainSerializer

from spanstream.models.artifact import FrozenModel
from spanstream.models.metrics.squad_files import Example

# Of a million texts, two have the same hash with a chance of one in 37 million.
_BYTES: Final = 8


def _unpacked(value: object) -> object:
    """Takes hashes out of Base64; leaves everything else for pydantic to judge."""
    if not isinstance(value, str):
        return value
    packed = base64.b64decode(value, validate=True)
    return frozenset(packed[place : place + _BYTES] for place in range(0, len(packed), _BYTES))


def _packed(hashes: frozenset[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(hashes))).decode()


Hashes = Annotated[frozenset[bytes], BeforeValidator(_unpacked), PlainSerializer(_packed)]


class SeenQuestions(FrozenModel):
    """Questions that something was made of, or chosen by; 8 bytes a question and a text, in JSON as Base64."""

    texts: Hashes = frozenset()
    questions: Hashes = frozenset()

    @classmethod
    def of(cls, examples: Iterable[Example]) -> Self:
        """Remembers these questions."""
        known = list(examples)
        return cls(texts=frozenset(map(text_hash, known)), questions=frozenset(map(question_hash, known)))

    def __or__(self, other: SeenQuestions) -> SeenQuestions:
        return SeenQuestions(texts=self.texts | other.texts, questions=self.questions | other.questions)

    def has_text(self, example: Example) -> bool:
        """Returns whether it has a question about this question's text."""
        return text_hash(example) in self.texts

    def has_question(self, example: Example) -> bool:
        """Returns whether it has this very question about this text."""
        return question_hash(example) in self.questions


def text_hash(example: Example) -> bytes:
    """Returns a hash of the question's text, whatever its letter case, white space and Unicode form."""
    return _hash(_plain(example.context))


def question_hash(example: Example) -> bytes:
    """Returns a hash of the question and its text."""
    return _hash(f"{_plain(example.context)}\n{_plain(example.question)}")


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_BYTES]
