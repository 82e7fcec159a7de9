"""A preparer and an answerer whose index and whose documents topic say what a test tells them to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.consumer.passages.index import PassagePlace
from spanstream.consumer.settings import RetrySettings
from spanstream.models.arrays import Float32Array
from spanstream.models.collection import CollectionReader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.limits import Limits
from tests.support.events.asked import TOPICS, asked
from tests.support.memory.fake_time import FakeClock
from tests.support.model.fake_reader import MANIFEST, TOKENIZER, fake_reader
from tests.support.passages.word_encoder import WordEncoder

LATEST = {
    "a": "The train leaves at 07:05 from platform 3.",
    "b": "The bus to the airport departs every hour. " * 12,
    "c": "Nobody knows when the ferry sails.",
}
HOME = {"a": 0, "b": 1, "c": 1}


class TopicOfDocuments:
    """The documents as they stand; `errors` are raised in the place of one."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.collections = {"a": {"kb"}, "b": {"kb", "more"}, "c": {"more"}}

    def look_up(self, number: int, document_id: str) -> StoredDocument | None:
        if document_id in self.errors:
            raise self.errors[document_id]
        if HOME.get(document_id) != number:
            return None
        text = LATEST[document_id]
        return StoredDocument(document_id, text, sha256_of(text), 0, frozenset(self.collections[document_id]), {})


class GivenPassages:
    """An index that says what it is told to say."""

    def __init__(self, places: Sequence[PassagePlace]) -> None:
        self.places = places
        self.embed = WordEncoder().embed

    def retrieve(self, question: str, vector: Float32Array, scope: object) -> list[RankedPassage]:
        del question, vector, scope
        return [RankedPassage(place, 1 / (60 + rank), rank, None) for rank, place in enumerate(self.places, start=1)]


class RetrievalRig:
    def __init__(self, *places: PassagePlace, max_bytes: int = 1 << 24) -> None:
        clock, reader = FakeClock(), fake_reader()
        self.topic = TopicOfDocuments()
        documents: Any = self.topic
        retriever: Any = GivenPassages(places)
        outcomes = Outcomes(TOPICS, RetrySettings(), MANIFEST, source="s", clock=clock)
        cache = TokenCache(reader.tokenize, token_codec, fingerprint=TOKENIZER.fingerprint)
        collections = CollectionReader(reader)
        resolver = CollectionResolver(
            retriever, documents, collections, outcomes, metrics=Metrics().retrieval, clock=clock
        )
        self.preparer = Preparer(
            reader,
            documents,
            resolver,
            cache,
            outcomes,
            formats=EventFormats(Limits()),
            max_windows=100,
            max_bytes=max_bytes,
            clock=clock,
        )
        self.answerer = Answerer(reader, collections, outcomes, cache)

    def outcome(self, **fields: Any) -> RecordOutcome:
        record = asked("q", None, **({"collection": "kb"} | fields))
        prepared, left = self.preparer.prepare([record])
        assert left == []
        [outcome] = self.answerer.answer(prepared)
        return outcome


def place(document_id: str = "a", start: int = 0, end: int = 10, text: str | None = None) -> PassagePlace:
    text = LATEST[document_id] if text is None else text
    return PassagePlace(document_id, 0, start, end, sha256_of(text), HOME[document_id])
