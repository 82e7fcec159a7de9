"""Tells what stands of the subjects in a topic, and until when at the latest by the topic's own configs."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.broker.protocols import Partition, Record, TopicSpec
from spanstream.consumer.clock import calendar_time, iso
from spanstream.consumer.operations.erasure.subjects import KeyKind, Subjects
from spanstream.consumer.replay.ledger import parking_of
from spanstream.consumer.settings import TopicSettings

# Kafka's defaults, for a broker that does not tell them.
_SEGMENT_MS = 7 * 24 * 3600 * 1000
_NO_LAG_MS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ErasureTopic:
    """A topic that may hold texts, as Kafka describes it."""

    spec: TopicSpec
    kind: KeyKind

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def is_compacted(self) -> bool:
        """Whether a tombstone takes a key's records away."""
        return "compact" in self.spec.config.get("cleanup.policy", "")

    @property
    def kept_ms(self) -> int | None:
        """How long a record is kept at the latest, after its timestamp; None: for ever, as far as age goes."""
        if "delete" not in self.spec.config.get("cleanup.policy", "delete"):
            return None
        retention_ms = int(self.spec.config.get("retention.ms", -1))
        return None if retention_ms < 0 else retention_ms + int(self.spec.config.get("segment.ms", _SEGMENT_MS))

    @property
    def compacted_ms(self) -> int | None:
        """How long after a tombstone the records before it are compacted at the latest; None: no bound."""
        lag_ms = int(self.spec.config.get("max.compaction.lag.ms", _NO_LAG_MS))
        return lag_ms if self.is_compacted and lag_ms < _NO_LAG_MS else None


def key_kinds(topics: TopicSettings) -> dict[str, KeyKind]:
    """Returns the topics that may hold texts, and what their keys are; the ledger of a replay holds hashes only."""
    answers = (topics.answers, topics.shadow_answers)
    by_document = (topics.documents, topics.questions, topics.retries, *answers, topics.feedback)
    kinds = dict.fromkeys(by_document, KeyKind.DOCUMENT)
    any_key = (topics.dead_letters, parking_of(topics.dead_letters), topics.open_questions)
    kinds |= dict.fromkeys(any_key, KeyKind.ANY)
    kinds |= dict.fromkeys((topics.tickets, topics.triage), KeyKind.TICKET)
    return kinds | {topics.triage_state: KeyKind.STATE, topics.labels: KeyKind.LABEL}


@dataclass(slots=True)
class Standing:
    """What one topic holds of the subjects.

    Attributes:
        records: how many records.
        newest_ms: the latest of their timestamps.
        places: their keys by partition: the timestamp of the tombstone, or the other record, behind them; None: none.
    """

    topic: ErasureTopic
    records: int = 0
    newest_ms: int = 0
    places: dict[tuple[Partition, bytes], int | None] = field(default_factory=dict)

    def take(self, record: Record, subjects: Subjects) -> None:
        """Takes a record in, in the order of the topic."""
        place = (record.partition, record.key or b"")
        if subjects.concern(record, self.topic.kind):
            self.records += 1
            self.newest_ms = max(self.newest_ms, record.timestamp_ms or 0)
            if record.key is not None:
                self.places[place] = None
        elif place in self.places:
            self.places[place] = record.timestamp_ms or 0

    def delete(self, subjects: Subjects, now_ms: int) -> None:
        """Takes in that a tombstone is written for each key that has none; of a state, for the subjects' own alone."""
        for place, deleted_ms in self.places.items():
            if deleted_ms is None and self.deletes(place[1], subjects):
                self.places[place] = now_ms

    def deletes(self, key: bytes, subjects: Subjects) -> bool:
        """Whether an erasure deletes this key: what quotes a document in another ticket's state stays with that."""
        return self.topic.kind is not KeyKind.STATE or subjects.own_key(key, self.topic.kind)

    @property
    def is_deleted(self) -> bool:
        """Whether something stands behind the records of every key."""
        return all(deleted_ms is not None for deleted_ms in self.places.values())

    @property
    def due_ms(self) -> int | None:
        """By when all of it is gone, in milliseconds since the epoch; None: nothing says that it ever is."""
        kept_ms, compacted_ms = self.topic.kept_ms, self.topic.compacted_ms
        ends = [] if kept_ms is None else [self.newest_ms + kept_ms]
        if compacted_ms is not None and self.places and self.is_deleted:
            ends.append(max(deleted_ms or 0 for deleted_ms in self.places.values()) + compacted_ms)
        # A timestamp past the calendar, which some clients send, is kept for longer than anybody can say.
        return min((end for end in ends if calendar_time(end)), default=None)

    def until(self, now_ms: int) -> str:
        """Says until when it stands."""
        if self.due_ms is None:
            if self.topic.is_compacted and not self.is_deleted:
                waits = self.topic.kind is KeyKind.STATE
                return "until `triage run` forgets the ticket" if waits else "it is not deleted"
            return "for ever: `spanstream topics create --alter` bounds it"
        due = iso(self.due_ms)
        if not self.topic.is_compacted:
            return f"until {due} at the latest" if self.due_ms > now_ms else f"due since {due}"
        if self.due_ms > now_ms:
            return f"until {due}, or the first record in its partition after that"
        return f"due since {due}, with the next record in its partition: `spanstream erase --again` writes one"
