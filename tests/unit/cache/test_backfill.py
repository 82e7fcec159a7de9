from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cache.backfill import Backfill, BackfillCounts
from spanstream.consumer.cache.byte_store import StoreFailure, StoreUnavailable
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.cache.retrying_store import RetryingStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.limits import Limits
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.translators import Away, Prefixed
from tests.support.model.small_tokenizer import small_tokenizer

TOPIC = "documents"
TOKENIZER = small_tokenizer()


def text_of(number: int, version: int = 1) -> str:
    return f"The train {number} leaves at {version:02}:{number % 60:02}."


class Faulty(MemoryStore):
    """Away as often as it is told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[StoreFailure] = []
        self.reads = self.writes = 0

    def _fail(self) -> None:
        if self.failures:
            reason = self.failures.pop()
            raise StoreUnavailable(reason, f"Redis at host: {reason}")

    def ping(self, key: str) -> None:  # noqa: ARG002  the protocol's signature
        self._fail()

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.reads += 1
        self._fail()
        return super().get_many(keys)

    def set_many(self, items: Mapping[str, bytes]) -> None:
        self.writes += 1
        self._fail()
        super().set_many(items)


@dataclass
class Backfilled:
    """A documents topic in memory, and a store that can fail."""

    broker: MemoryBroker = field(default_factory=MemoryBroker)
    store: Faulty = field(default_factory=Faulty)
    clock: FakeClock = field(default_factory=FakeClock)
    limits: Limits = field(default_factory=Limits)
    formats: EventFormats | None = None
    progress: list[BackfillCounts] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.broker.create_topic(TOPIC, 3)

    def publish(self, *documents: tuple[str, str | None]) -> None:
        for document_id, text in documents:
            value = None if text is None else json.dumps({"document_id": document_id, "text": text}).encode()
            self.publish_raw(document_id.encode(), value)

    def publish_raw(self, key: bytes | None, value: bytes | None) -> None:
        self.broker.publisher().publish([Outgoing(TOPIC, key, value)], {})

    def backfill(self, *, force: bool = False, patience: float = 0.0, max_value_bytes: int = 1 << 20) -> Backfill:
        store = RetryingStore(self.store, patience_seconds=patience, max_value_bytes=max_value_bytes, force=force)
        cache = TokenCache(
            self.tokenize,
            token_codec,
            fingerprint=TOKENIZER.fingerprint,
            store=store,
            max_bytes=0,
        )
        reader = self.broker.reader()
        return Backfill(
            reader,
            TOPIC,
            cache,
            store,
            self.formats or EventFormats(self.limits),
            self.clock,
            self.progress.append,
            patience_seconds=5.0,
        )

    def tokenize(self, text: str) -> TokenizedDocument:
        if "unbearable" in text:
            raise RuntimeError(text)
        return TOKENIZER.tokenize_document(text)

    def held(self, text: str) -> TokenizedDocument | None:
        """Returns what a consumer would find in the store."""
        key = f"spanstream:tokens:{TOKENIZER.fingerprint}:{sha256_of(text)}"
        value = MemoryStore.get_many(self.store, [key]).get(key)
        if value is None:
            return None
        return token_codec.decode(value, fingerprint=TOKENIZER.fingerprint, text_sha256=sha256_of(text))


@pytest.fixture
def world() -> Backfilled:
    return Backfilled()


def test_every_document_is_found_in_the_store_afterwards(world: Backfilled) -> None:
    world.publish(*((f"d{number}", text_of(number)) for number in range(400)))
    tally = world.backfill().run()
    assert (tally.documents, tally.distinct, tally.already_there, tally.written) == (400, 400, 0, 400)
    assert tally.offsets_done == tally.offsets_total
    for number in range(400):
        held, expected = world.held(text_of(number)), TOKENIZER.tokenize_document(text_of(number))
        assert held is not None
        assert token_codec.encode(held) == token_codec.encode(expected)


def test_a_text_that_the_tokenizer_fails_on_is_counted_and_all_others_are_written(world: Backfilled) -> None:
    texts = [text_of(number) for number in range(20)]
    world.publish(*((f"d{number}", text) for number, text in enumerate([*texts[:7], "unbearable", *texts[7:]])))
    tally = world.backfill().run()
    assert (tally.written, tally.bad) == (20, {"inference_failed": 1})
    assert all(world.held(text) for text in texts)


def test_only_the_latest_text_of_a_document_is_tokenized(world: Backfilled) -> None:
    for version in (1, 2, 3):
        world.publish(*((f"d{number}", text_of(number, version)) for number in range(20)))
    tally = world.backfill().run()
    assert (tally.documents, tally.written) == (20, 20)
    assert world.held(text_of(7, 3))
    assert not world.held(text_of(7, 1))
    assert not world.held(text_of(7, 2))


def test_a_tombstone_deletes_the_document_and_a_later_text_brings_it_back(world: Backfilled) -> None:
    world.publish(("gone", "one text"), ("gone", None), ("back", "another text"), ("back", None), ("back", "a third"))
    assert world.backfill().run().documents == 1
    assert world.held("a third")
    assert not world.held("one text")


def test_documents_with_the_same_text_are_tokenized_once(world: Backfilled) -> None:
    world.publish(*((f"d{number}", text_of(number % 10)) for number in range(300)))
    tally = world.backfill().run()
    assert (tally.documents, tally.distinct, tally.written) == (300, 10, 10)


def test_the_second_time_everything_is_there_already(world: Backfilled) -> None:
    world.publish(*((f"d{number}", text_of(number)) for number in range(50)))
    world.backfill().run()
    world.store.writes = 0
    tally = world.backfill().run()
    assert (tally.already_there, tally.written) == (50, 0)
    assert world.store.writes == 0


def test_force_writes_what_is_there_already(world: Backfilled) -> None:
    world.publish(("d", "a text"))
    world.backfill().run()
    tally = world.backfill(force=True).run()
    assert (tally.already_there, tally.written) == (0, 1)


def test_a_damaged_entry_is_written_anew(world: Backfilled) -> None:
    world.publish(("d", "a text"))
    world.backfill().run()
    key = f"spanstream:tokens:{TOKENIZER.fingerprint}:{sha256_of('a text')}"
    world.store.set_many({key: b"damaged"})
    assert world.backfill().run().written == 1
    assert world.held("a text")


def test_bad_records_are_counted_by_reason_and_stop_nothing(world: Backfilled) -> None:
    world.limits = Limits(document_chars=100)
    world.publish(("good", "a text"), ("long", "x" * 101), ("replaced", "y" * 101), ("replaced", "a shorter one"))
    world.publish_raw(b"a", b"no json")
    world.publish_raw(b"b", b'{"document_id": "another", "text": "t"}')
    world.publish_raw(None, b'{"document_id": "keyless", "text": "t"}')
    tally = world.backfill().run()
    assert tally.documents == 2
    assert tally.bad == {"too_large": 1, "undecodable": 1, "invalid_event": 2}
    assert "4 bad records (invalid_event 2, too_large 1, undecodable 1)" in str(tally)


def test_a_latest_record_that_is_bad_hides_the_good_one_before_it(world: Backfilled) -> None:
    world.publish(("d", "a text"))
    world.publish_raw(b"d", b"no json")
    assert world.backfill().run().documents == 0
    assert not world.held("a text")


def test_values_that_the_store_does_not_take_are_not_counted_as_written(world: Backfilled) -> None:
    world.publish(("short", "a"), ("long", "a long text " * 50))
    tally = world.backfill(max_value_bytes=1000).run()
    assert (tally.written, tally.too_large) == (1, 1)


def test_an_empty_topic_is_done_at_once(world: Backfilled) -> None:
    assert replace(world.backfill().run(), seconds=0.0) == BackfillCounts()


def test_a_compacted_topic_is_read_to_its_end(world: Backfilled) -> None:
    for version in range(5):
        world.publish(*((f"d{number}", text_of(number, version)) for number in range(9)))
    world.broker.compact(TOPIC)
    tally = world.backfill().run()
    assert tally.documents == 9
    assert tally.offsets_done == tally.offsets_total


def test_progress_is_told_and_never_goes_back(world: Backfilled) -> None:
    world.publish(*((f"d{number}", text_of(number)) for number in range(1000)))
    world.backfill().run()
    assert world.progress[-1].written == 1000
    done = [tally.offsets_done for tally in world.progress]
    assert done == sorted(done)
    assert len(set(done)) > 3


def test_a_store_that_is_away_for_a_moment_is_waited_for(world: Backfilled) -> None:
    world.publish(("d", "a text"))
    world.store.failures = [StoreFailure.TIMEOUT]
    assert world.backfill(patience=30.0).run().written == 1
    assert world.held("a text")


@pytest.mark.parametrize(("reason", "patience"), [(StoreFailure.CONNECTION, 0.0), (StoreFailure.CREDENTIALS, 30.0)])
def test_a_store_that_stays_away_or_refuses_ends_it_with_the_reason(
    world: Backfilled, reason: StoreFailure, patience: float
) -> None:
    world.publish(("d", "a text"))
    world.store.failures = [reason] * 10
    run = world.backfill(patience=patience)
    with pytest.raises(Stop, match=reason.value):
        run.run()
    assert len(world.store.failures) == 9
    assert run.counts.written == 0


def test_before_the_work_begins_a_store_is_asked_once_only(world: Backfilled) -> None:
    world.store.failures = [StoreFailure.CONNECTION, StoreFailure.CONNECTION]
    store = RetryingStore(world.store, patience_seconds=30.0, max_value_bytes=1)
    with pytest.raises(Stop):
        store.ping("key")
    assert len(world.store.failures) == 1


def test_a_kafka_that_falls_silent_is_given_up(world: Backfilled, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(("d", "a text"))
    run = world.backfill()

    def nothing(_: int, seconds: float) -> list[object]:
        world.clock.sleep(seconds)
        return []

    monkeypatch.setattr(run.reader, "poll", nothing)
    with pytest.raises(Retryable, match="nothing came from Kafka for 5 s"):
        run.run()


def test_a_topic_that_is_not_there_is_a_stop(world: Backfilled) -> None:
    run = world.backfill()
    run.topic = "no-such-topic"
    with pytest.raises(Stop, match="no-such-topic"):
        run.run()


def test_documents_are_translated_and_a_translator_that_is_away_is_waited_for() -> None:
    away = Away(calls=3)
    world = Backfilled()
    world.formats = EventFormats(Limits(), documents=[Prefixed(b"x:"), away]).patient(world.clock, 60.0)
    world.publish_raw(b"d", b"x:" + json.dumps({"document_id": "d", "text": text_of(1)}).encode())
    assert (world.backfill().run().written, away.calls) == (1, 0)
    away.calls = 10**6
    with pytest.raises(TranslatorUnavailable):
        world.backfill().run()
