"""Erases: tombstones into the compacted topics and for the ticket stream, and the texts' keys in Redis.

    documents ─── a tombstone for each key that stands ──> consumers drop the text, the broker compacts it
    tickets ───── a record without a value ──────────────> the ticket stream forgets the ticket, and deletes its state
    triage state ─ a record of another key ──────────────> only where a deleted state stands still: see below
    labels ────── a tombstone for each key that stands ──> as `feedback run` writes them when it reads the document's

Doing it twice harms nothing. In a partition that nobody writes to it has to be done twice: the broker compacts closed
segments only, and it is the next record after `max.compaction.lag.ms` that closes one. The state is written by the
ticket stream alone, so there it is a tombstone of a key that means nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from spanstream.consumer.broker.protocols import Outgoing, Partition, Publisher
from spanstream.consumer.clock import iso
from spanstream.consumer.operations.erasure.manifest import end_manifest, write_manifest
from spanstream.consumer.operations.erasure.requests import ErasureRequest
from spanstream.consumer.operations.erasure.search import ErasureSearch
from spanstream.consumer.operations.erasure.standing import Standing
from spanstream.consumer.operations.erasure.subjects import KeyKind, Subjects
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.triage.state.ticket_state import ticket_key_of

_NOBODYS_KEY = b"erased"
_STATE_PREFIX_BYTES = len(ticket_key_of(b""))


class TokenizationStore(Protocol):
    """The shared cache, as far as it is searched for texts; `cache.redis_store` is one."""

    def keys_with(self, namespace: str, endings: Collection[str]) -> list[str]:
        """Returns the keys of a namespace that end with one of these hashes."""

    def delete_many(self, keys: Sequence[str]) -> None:
        """Deletes these keys."""


@dataclass(frozen=True, slots=True)
class SharedTexts:
    """The tokenizations in Redis.

    Attributes:
        store: where they are; None: there is no Redis.
        namespace: the begin of their keys.
        ttl_seconds: how long each is kept.
    """

    store: TokenizationStore | None
    namespace: str
    ttl_seconds: float

    def keys(self, subjects: Subjects) -> list[str]:
        """Returns the keys of the subjects' texts, of every tokenizer's.

        Raises:
            StoreUnavailable: Redis did not answer, or refuses.
        """
        if self.store is None or not subjects.texts:
            return []
        return self.store.keys_with(self.namespace, subjects.texts)


@dataclass(frozen=True, slots=True)
class WhatStands:
    """What stands in one place, and until when: no key, no text.

    Attributes:
        where: a topic's name, or Redis.
        what: what is counted there: record, or key.
        count: how many.
        until: by when it is gone; None: nothing says that it ever is.
        says: the same for a person.
    """

    where: str
    what: str
    count: int
    until: str | None
    says: str


@dataclass(slots=True)
class Erasure:
    """What stands of the subjects, and what deletes it.

    Attributes:
        standings: the topics that hold anything.
        keys: in Redis.
        records: what will be published.
        is_planned: whether the standings are as if it were.
    """

    search: ErasureSearch
    shared: SharedTexts
    subjects: Subjects
    standings: list[Standing]
    keys: list[str]
    records: list[Outgoing] = field(default_factory=list)
    is_planned: bool = False

    def __str__(self) -> str:
        documents, tickets = len(self.subjects.documents.values), len(self.subjects.tickets.values)
        subjects = f"{counted(documents, 'document')} and {counted(tickets, 'ticket')}"
        return f"{subjects}: {counted(len(self.records), 'deletion')}, {counted(len(self.keys), 'key')} in Redis"

    @property
    def records_left(self) -> int:
        """Records that hold something of the subjects."""
        return sum(standing.records for standing in self.standings)

    def plan(self) -> None:
        """Makes the records that delete what stands."""
        self.records = deletions(self.standings, self.subjects, self.search.topics)
        self.is_planned = True
        now_ms = self.search.clock.now_ms()
        for standing in self.standings:
            standing.delete(self.subjects, now_ms)

    def lines(self) -> list[WhatStands]:
        """Returns what stands, place by place."""
        now_ms = self.search.clock.now_ms()
        lines = [
            WhatStands(found.topic.name, "record", found.records, iso(found.due_ms), found.until(now_ms))
            for found in self.standings
        ]
        if self.keys:
            until = iso(now_ms + round(self.shared.ttl_seconds * 1000))
            says = "deleted at once" if self.is_planned else f"until {until} at the latest"
            lines.append(WhatStands("Redis", "key", len(self.keys), until, says))
        return lines

    def write_manifest(self, path: Path, salt: str | None) -> None:
        """Writes a new manifest, before anything is deleted.

        Args:
            path: a new file.
            salt: writes the ids as hashes with this salt; None: as they are.

        Raises:
            Stop: it cannot be written.
        """
        subjects = self.subjects if salt is None else self.subjects.hashed_with(salt)
        left = [{"where": line.where, "count": line.count, "until": line.until} for line in self.lines()]
        write_manifest(path, {"began_at": iso(self.search.clock.now_ms())}, subjects, left)

    def run(self, publisher: Publisher, manifest: Path) -> None:
        """Publishes the deletions, deletes the keys, and adds that to the manifest.

        Consumers that have read a deletion write its key in Redis no more, so that comes second.

        Raises:
            Retryable: Kafka did not answer in time; do it again.
            Stop: Kafka refuses, or the manifest cannot be written.
            StoreUnavailable: Redis did not answer, or refuses.
        """
        if self.records:
            publisher.publish(self.records, {})
        if self.shared.store is not None:
            self.shared.store.delete_many(self.keys)
        now = iso(self.search.clock.now_ms())
        end_manifest(manifest, {"deletions": len(self.records), "redis_keys": len(self.keys), "ended_at": now})


def find(search: ErasureSearch, shared: SharedTexts, request: ErasureRequest) -> Erasure:
    """Finds what belongs to a request, and what stands of it.

    Raises:
        Retryable: Kafka did not answer in time.
        Stop: Kafka refuses.
        StoreUnavailable: Redis did not answer, or refuses.
    """
    return find_erased(search, shared, search.resolve(request))


def find_erased(search: ErasureSearch, shared: SharedTexts, subjects: Subjects) -> Erasure:
    """Finds what stands of these; raises as `find` does."""
    return Erasure(search, shared, subjects, search.stand(subjects), shared.keys(subjects))


def deletions(standings: Iterable[Standing], subjects: Subjects, topics: TopicSettings) -> list[Outgoing]:
    """Returns the records that delete what stands, and those that let the broker compact what was deleted before."""
    records: dict[tuple[str, bytes, int], Outgoing] = {}

    def add(topic: str, key: bytes, partition: Partition) -> None:
        records[topic, key, partition.number] = Outgoing(topic, key, None, partition=partition.number)

    for standing in standings:
        kind, name = standing.topic.kind, standing.topic.name
        for (partition, key), deleted_ms in standing.places.items():
            if kind is KeyKind.STATE:
                if standing.deletes(key, subjects):
                    add(topics.tickets, key[_STATE_PREFIX_BYTES:], partition)
                if deleted_ms is not None:
                    add(name, _NOBODYS_KEY, partition)
                continue
            if kind is KeyKind.LABEL:
                # What stands behind a label of this document may be that of another, under the same key.
                add(name, key if deleted_ms is None else _NOBODYS_KEY, partition)
                continue
            is_undeleted_ticket = name == topics.tickets and deleted_ms is None and subjects.own_key(key, kind)
            if standing.topic.is_compacted or is_undeleted_ticket:
                add(name, key, partition)
    return list(records.values())


def counted(count: int, noun: str) -> str:
    """Returns so many of a thing, in words."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
