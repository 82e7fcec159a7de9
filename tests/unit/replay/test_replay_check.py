"""Would it pass now: the consumer's own preparer and answerer over a broker in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.replay.checker import Checker, CheckResult
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.replay.fixes.user_files import choose_fixes
from spanstream.consumer.replay.planning.destinations import Destinations
from spanstream.consumer.replay.planning.latest_records import LatestRecords
from spanstream.consumer.replay.planning.planner import Planner
from spanstream.consumer.replay.planning.superseding import Superseding
from spanstream.consumer.replay.snapshot import SnapshotOpener
from spanstream.consumer.settings import Settings
from spanstream.models.collection import CollectionReader
from spanstream.models.text import token_codec
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import dead_letter, name_of, question_value
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.memory_replay import describe_in
from tests.support.memory.stream_under_test import FakeTimePoller
from tests.support.memory.translators import Away, Prefixed
from tests.support.model.fake_reader import MANIFEST, TOKENIZER, fake_reader

SETTINGS = Settings()
TOPICS = SETTINGS.topics


class CheckedTopics:
    """Dead letters and documents in a memory broker, and the results of checking them."""

    def __init__(self, formats: EventFormats | None = None) -> None:
        self.broker, self.clock = MemoryBroker(), FakeClock()
        self.formats = formats or EventFormats(SETTINGS.limits)
        for topic in (TOPICS.documents, TOPICS.questions, TOPICS.dead_letters, "orders"):
            self.broker.create_topic(topic, 3)
        self.documents = CurrentDocuments(self._reader(), SETTINGS, self.formats, self.clock, 5.0)

    def send(self, *records: Outgoing) -> None:
        with self.broker.changed:
            self.broker.append(records, transactional=True)

    def document(self, document_id: str, text: str | None, prefix: bytes = b"") -> None:
        value = None if text is None else json.dumps({"document_id": document_id, "text": text}).encode()
        value = value and prefix + value
        self.send(Outgoing(TOPICS.documents, document_id.encode(), value, partition=0))

    def letter(self, name: str, reason: Reason = Reason.DOCUMENT_MISSING, **fields: Any) -> None:
        self.send(dead_letter(TOPICS.dead_letters, name, reason, **({"origin": TOPICS.questions} | fields)))

    def results(self, *fixes: str) -> dict[str, CheckResult]:
        """By the record's name."""
        return {name_of(result.letter.record.headers): result for result in self._check(fixes)}

    def outcomes(self, *fixes: str) -> dict[str, str]:
        return {name: result.outcome for name, result in self.results(*fixes).items()}

    def _check(self, fixes: tuple[str, ...]) -> Iterator[CheckResult]:
        planner = Planner(
            run="check",
            destinations=Destinations(describe_in(self.broker), {}),
            parking="parked",
            max_attempts=10,
            fixes=choose_fixes(fixes, [], self.documents.text),
            superseding=Superseding(LatestRecords(self._reader(), self.clock, 5.0)),
        )
        snapshot = SnapshotOpener(self._reader(), TOPICS.dead_letters, "id", None, lambda _: {}, self.clock, 5.0).open()
        steps = [planner.plan(letter, attempts) for letter, attempts, _ in snapshot.letters()]
        return self._checker().check(steps)

    def _reader(self) -> Any:
        return FakeTimePoller(self.broker.reader(), self.clock)

    def _checker(self) -> Checker:
        model = fake_reader()
        outcomes = Outcomes(TOPICS, SETTINGS.retries, MANIFEST, source="check", clock=self.clock)
        cache = TokenCache(model.tokenize, token_codec, fingerprint=TOKENIZER.fingerprint, max_bytes=1 << 20)
        collections = CollectionReader(model)
        preparer = Preparer(
            model,
            self.documents.documents,
            CollectionResolver(
                None, self.documents.documents, collections, outcomes, metrics=Metrics().retrieval, clock=self.clock
            ),
            cache,
            outcomes,
            formats=self.formats,
            max_windows=2,
            max_bytes=1 << 20,
            clock=self.clock,
        )
        return Checker(preparer, Answerer(model, collections, outcomes, cache), TOPICS, self.formats, partitions=3)


@pytest.fixture
def topics() -> CheckedTopics:
    return CheckedTopics()


def test_a_question_passes_once_its_document_is_there(topics: CheckedTopics) -> None:
    topics.letter("there")
    topics.letter("missing", key=b"other", value=question_value("missing", "other"))
    topics.letter("deleted", key=b"gone", value=question_value("deleted", "gone"))
    topics.document("d", "some text about nothing")
    topics.document("gone", "some text")
    topics.document("gone", None)
    results = topics.results()
    assert results["there"].passes
    assert results["there"].outcome in {"answered", "no_answer"}
    assert {name: result.outcome for name, result in results.items() if name != "there"} == {
        "missing": "document_missing",
        "deleted": "document_missing",
    }
    assert "does not hold it" in results["missing"].detail


def test_why_a_record_would_not_pass_is_said(topics: CheckedTopics) -> None:
    topics.document("d", "some text")
    topics.letter("bytes", value=b"\xff")
    topics.letter("field", value=question_value("field", priority=1))
    topics.letter("key", key=b"another")
    topics.letter("version", value=question_value("version", document_sha256="0" * 64))
    topics.letter(
        "poison", key=b"p", value=json.dumps({"question_id": "p", "question": "?", "context": "poison"}).encode()
    )
    assert topics.outcomes() == {
        "bytes": "undecodable",
        "field": "invalid_event",
        "key": "invalid_event",
        "version": "document_changed",
        "poison": "inference_failed",
    }


def test_the_fixes_apply(topics: CheckedTopics) -> None:
    topics.document("d", "some text")
    topics.letter("field", value=question_value("field", priority=1))
    topics.letter("version", value=question_value("version", document_sha256="0" * 64))
    assert set(topics.outcomes("drop-field=priority", "current-document").values()) <= {"answered", "no_answer"}


def test_documents_are_checked_too(topics: CheckedTopics) -> None:
    good = json.dumps({"document_id": "d", "text": "t"}).encode()
    topics.letter("good", origin=TOPICS.documents, value=good)
    topics.letter("tombstone", origin=TOPICS.documents, value=None)
    topics.letter("bad", origin=TOPICS.documents, value=b"{}")
    assert topics.outcomes() == {"good": "valid", "tombstone": "valid", "bad": "invalid_event"}


def test_a_document_that_would_replace_a_newer_one_does_not_pass(topics: CheckedTopics) -> None:
    good = json.dumps({"document_id": "d", "text": "t"}).encode()
    for text in ("the one that failed", "a newer one"):
        topics.document("d", text)
    topics.letter("replaced", origin=TOPICS.documents, value=good)
    topics.document("gone", "the one that failed")
    topics.document("gone", None)
    topics.letter("deleted", origin=TOPICS.documents, key=b"gone", value=good, origin_offset=4)
    results = topics.results()
    assert {name: result.outcome for name, result in results.items()} == dict.fromkeys(results, "superseded")
    assert not any(result.passes for result in results.values())
    assert f"({TOPICS.documents}/0/2)" in results["replaced"].detail
    assert "was deleted" in results["deleted"].detail


def test_another_teams_record_is_not_checked(topics: CheckedTopics) -> None:
    topics.letter("order", origin="orders")
    topics.letter("nowhere", origin="no-such-topic")
    results = topics.results()
    assert {name: result.outcome for name, result in results.items()} == {"order": "not_checked", "nowhere": "refused"}
    assert results["nowhere"].detail == "the topic no-such-topic does not exist"


def test_many_records_each_get_their_own_verdict(topics: CheckedTopics) -> None:
    topics.document("d", "some text about nothing in particular")
    for number in range(150):
        value = b"\xff" if number % 7 == 0 else question_value(f"q{number}")
        topics.letter(f"q{number}", value=value)
    results = topics.outcomes()
    assert len(results) == 150
    assert {name for name, outcome in results.items() if outcome == "undecodable"} == {
        f"q{n}" for n in range(0, 150, 7)
    }
    assert len(topics.broker.records(TOPICS.questions)) == 0


def test_records_are_checked_as_the_consumer_reads_them() -> None:
    topics = CheckedTopics(EventFormats(SETTINGS.limits, documents=[Prefixed(b"d:")], questions=[Prefixed(b"q:")]))
    topics.document("d", "some text", b"d:")
    topics.letter("framed", value=b"q:" + question_value("framed"))
    topics.letter("plain")
    topics.letter("document", origin=TOPICS.documents, value=b'd:{"document_id": "d", "text": "t"}')
    outcomes = topics.outcomes()
    assert outcomes.pop("framed") in {"answered", "no_answer"}
    assert outcomes == {"plain": "undecodable", "document": "valid"}


def test_a_check_ends_with_one_error_where_records_cannot_be_read() -> None:
    formats = EventFormats(SETTINGS.limits, questions=[Away(calls=10**6)])
    topics = CheckedTopics(formats)
    topics.formats = formats.patient(topics.clock, 5.0)
    topics.document("d", "some text")
    topics.letter("a")
    with pytest.raises(TranslatorUnavailable):
        topics.results()
