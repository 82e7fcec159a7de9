"""Decides whether a dead letter is superseded: its destination is compacted, and holds something newer of its key.

| known of the dead letter | newer is |
|---|---|
| its place, in the destination itself | a record or tombstone of its key behind it; also, its own record is gone |
| only when it was written | a record or tombstone of its key that was written later |

In partitions that the dead letter did not come from, only times can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from spanstream.consumer.broker.protocols import Outgoing, Partition
from spanstream.consumer.replay.letters.letter import Letter, place_of
from spanstream.consumer.replay.planning.headers import written_at_origin
from spanstream.consumer.replay.planning.latest_records import LatestRecord, LatestRecords


@dataclass(frozen=True, slots=True)
class Superseded:
    """Why a dead letter is superseded, in one line, and the place of the newer record, where there is one."""

    why: str
    by: str | None = None


@dataclass(slots=True)
class Superseding:
    """Judges records before they are sent to compacted topics.

    Attributes:
        latest: what the topics hold.
    """

    latest: LatestRecords
    # When the records were written that were let through since the last `refresh`: they may be in no topic yet.
    _let_through: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def judge(self, letter: Letter, outgoing: Outgoing) -> Superseded | None:
        """Returns why a record is superseded; None where it is not, and then later calls take it as sent.

        Raises:
            Retryable: the broker sent nothing for too long.
            Stop: this client may not read the topic.
        """
        topic, key = outgoing.topic, outgoing.key or b""
        written_ms = written_at_origin(letter.record.headers, letter.written_ms)
        place = _place_in(topic, key, letter)
        for latest in self.latest.of_key(topic, key):
            if _is_newer(latest, place, written_ms):
                return _superseded_by(latest)
        if place is not None and self.latest.is_superseded(*place):
            return _superseded(f"its own record is gone from {topic}: the key was written or deleted since")
        sent_ms = self._let_through.get((topic, key))
        if written_ms is not None:
            if sent_ms is not None and sent_ms > written_ms:
                return _superseded(f"this run sends a newer record of its key to {topic}")
            self._let_through[topic, key] = written_ms
        return None

    def refresh(self) -> None:
        """Reads what was written to the topics meanwhile.

        Raises:
            Retryable: the broker sent nothing, or a transaction stayed open, for too long.
        """
        self.latest.refresh()
        self._let_through.clear()


def _place_in(topic: str, key: bytes, letter: Letter) -> tuple[Partition, int] | None:
    """Returns where the record stood in this topic under this key; None where it did not, or that is not known."""
    if letter.topic != topic or letter.partition is None or letter.offset is None or letter.record.key != key:
        return None
    return Partition(topic, letter.partition), letter.offset


def _is_newer(latest: LatestRecord, place: tuple[Partition, int] | None, written_ms: int | None) -> bool:
    if place is not None and latest.partition == place[0] and latest.offset >= place[1]:
        return latest.offset > place[1]  # at the same offset stands the record itself
    return latest.written_ms is None or written_ms is None or latest.written_ms > written_ms


def _superseded_by(latest: LatestRecord) -> Superseded:
    topic = latest.partition.topic
    what = f"its key was deleted in {topic}" if latest.is_tombstone else f"{topic} holds a newer record of its key"
    return _superseded(what, place_of(latest.partition, latest.offset))


def _superseded(what: str, by: str | None = None) -> Superseded:
    return Superseded(f"superseded: {what}; --over-newer sends it all the same", by)
