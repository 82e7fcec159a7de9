"""Passages for tests: of short texts, with the tests' encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spanstream.consumer.passages.index import DocumentPassages, IndexDescription, Passage, PassageIndex, PassagePlace
from tests.support.passages.word_encoder import WordEncoder

ENCODER = WordEncoder()
DESCRIPTION = IndexDescription(ENCODER.fingerprint, ENCODER.dimensions, "topic-1", 3)


def document_of(
    document_id: str,
    texts: Sequence[str],
    collections: Sequence[str] = ("kb",),
    metadata: Mapping[str, str] | None = None,
    partition: int = 0,
) -> DocumentPassages:
    """Returns a document that has each text as a passage; one without texts is deleted."""
    sha256 = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    vectors = ENCODER.embed(texts)
    passages, start = [], 0
    for number, text in enumerate(texts):
        place = PassagePlace(document_id, number, start, start + len(text), sha256, partition)
        passages.append(Passage(place, text, vectors[number], tuple(collections), dict(metadata or {})))
        start += len(text) + 1
    return DocumentPassages(document_id, tuple(passages))


def contents_of(index: PassageIndex) -> list[Any]:
    """Returns all that an index holds, comparable and in order."""
    return comparable(index.contents())


def comparable(passages: Iterable[Passage]) -> list[Any]:
    rows = [
        (
            one.place.document_id,
            one.place.number,
            one.place,
            one.text,
            one.vector.tolist(),
            one.collections,
            one.metadata,
        )
        for one in passages
    ]
    return sorted(rows, key=lambda row: row[:2])
