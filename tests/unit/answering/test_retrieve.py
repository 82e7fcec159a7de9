"""Retrieved passages against the documents topic: whatever an index says, only the latest versions are quoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.answering.stored_documents import StoredDocument
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.consumer.passages.index import PassagePlace
from spanstream.consumer.settings import RetrySettings
from spanstream.models.arrays import Float32Array
from spanstream.models.collection import CollectionReader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import Reason, Retry
from spanstream.schemas.errors import InvalidRecord
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
OLD = "The train leaves at 06:00 from platform 9."
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
        resolver = CollectionResolver(retriever, documents, collections, outcomes, metrics=Metrics(), clock=clock)
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


def reason_of(outcome: RecordOutcome) -> tuple[str, Reason | None]:
    retry = Retry.from_headers(outcome.outgoing.headers)
    return outcome.outcome, retry.reason if retry else outcome.reason


NEAR = st.builds(
    PassagePlace,
    document_id=st.sampled_from([*LATEST, "deleted", "\ud800", ""]),
    number=st.integers(-1, 3),
    char_start=st.integers(-2, 500),
    char_end=st.integers(-2, 600),
    document_sha256=st.sampled_from([*map(sha256_of, LATEST.values()), sha256_of(OLD), ""]),
    partition=st.integers(-1, 2),
)
RIGHT = st.builds(place, st.sampled_from(["a", "b"]), st.integers(0, 20), st.integers(21, 40))


def is_right(one: PassagePlace) -> bool:
    text = LATEST.get(one.document_id)
    return (
        text is not None
        and one.document_sha256 == sha256_of(text)
        and one.partition == HOME[one.document_id]
        and 0 <= one.char_start < one.char_end <= len(text)
        and one.document_id in {"a", "b"}
    )


@settings(deadline=None, max_examples=300)
@given(st.lists(RIGHT | NEAR, max_size=6), st.integers(1, 5))
def test_whatever_the_index_says_only_latest_texts_of_the_collection_are_quoted(
    places: list[PassagePlace], max_answers: int
) -> None:
    outcome = RetrievalRig(*places).outcome(max_answers=max_answers)
    if not all(map(is_right, places)):
        assert outcome.outcome in {"retried", "dead_letter"}
        return
    answer = decode_answer(outcome.outgoing.value or b"")
    assert [one.document_id for one in answer.retrieved] == [one.document_id for one in places]
    assert answer.windows.read <= len(places)
    if answer.candidate is None:
        assert (answer.document_id, answer.alternatives) == (None, [])
        return
    document_id = answer.document_id or ""
    quotes = [(document_id, answer.document_sha256, answer.candidate)]
    quotes += [
        (other.document_id or document_id, other.document_sha256 or answer.document_sha256, other.span)
        for other in answer.alternatives
    ]
    for quoted_id, sha256, span in quotes:
        assert LATEST[quoted_id][span.char_start : span.char_end] == span.text
        assert sha256 == sha256_of(LATEST[quoted_id])
    assert len(quotes) <= max_answers


def test_only_the_windows_that_hold_passages_are_read() -> None:
    outcome = RetrievalRig(place("b", 0, 20), place("b", 5, 25), place("a")).outcome(question="when ?")
    answer = decode_answer(outcome.outgoing.value or b"")
    assert answer.windows.read == 2
    assert answer.windows.total > 4


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidRecord(Reason.INVALID_EVENT, "no document"), Reason.DOCUMENT_CHANGED),
        (Retryable("no answer"), Reason.DOCUMENT_MISSING),
    ],
)
def test_a_document_that_cannot_be_looked_up_lets_the_question_wait(error: Exception, reason: Reason) -> None:
    rig = RetrievalRig(place("a"))
    rig.topic.errors["a"] = error
    assert reason_of(rig.outcome()) == ("retried", reason)


def test_a_document_that_has_no_translator_now_is_no_try_of_its_question() -> None:
    rig = RetrievalRig(place("a"))
    rig.topic.errors["a"] = TranslatorUnavailable("away")
    with pytest.raises(TranslatorUnavailable):
        rig.outcome()
    other = asked("r", None, context="because of the train.")
    prepared, left = rig.preparer.prepare([other, asked("q", None, collection="kb")])
    assert (prepared.records, len(left)) == ((other,), 1)


def test_a_chunk_ends_before_its_documents_take_too_much_memory() -> None:
    rig = RetrievalRig(place("a"), place("b"), max_bytes=2_000)
    records = [asked(f"q{number}", None, collection="kb") for number in range(3)]
    prepared, left = rig.preparer.prepare(records)
    assert (len(prepared.planned), left) == (1, records[1:])


def test_a_filter_holds_for_the_document_as_it_stands() -> None:
    assert reason_of(RetrievalRig(place("a")).outcome(filter={"team": "x"})) == ("retried", Reason.DOCUMENT_CHANGED)
