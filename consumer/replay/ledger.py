"""The ledger: records which dead letters are settled, and how often the same record was sent again.

A compacted topic of one partition beside its dead-letter topic. Keys are JSON arrays, values JSON objects:

| key | value | |
|---|---|---|
| `["settled", TOPIC ID, PARTITION, OFFSET]` | `{"outcome", "run"}` | this dead letter was replayed or parked |
| `["attempts", SHA-256]` | `{"runs": [...]}` | these runs sent the record of this identity again |
| `["run", RUN]` | `{"topic_id", "ends", "began_at"}` | where the dead-letter topic ended when the run began |

`LedgerEntries` makes the entries, and `sending/sender.py` writes them in the transaction that sends the record. So they
are true even if the run is killed. A run counts as an attempt only for dead letters behind its `ends`: an earlier dead
letter cannot be the result of that run. So equal records that failed separately do not use up each other's attempts.
The topic's id is Kafka's own. Entries about a deleted topic do not apply to a new topic of the same name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.letters.letter import Letter, LetterState, identity_of

REPLAY_ATTEMPT: Final = "replay.attempt"
"""The header that counts how often a record was sent again, decimal, from 1."""

_SETTLED, _ATTEMPTS, _RUN = "settled", "attempts", "run"
_MOST_DIGITS = 9


def ledger_of(topic: str) -> str:
    """Returns the name of a dead-letter topic's ledger topic."""
    return f"{topic}.ledger"


def parking_of(topic: str) -> str:
    """Returns the name of a dead-letter topic's parking topic."""
    return f"{topic}.parked"


@dataclass(slots=True)
class Ledger:
    """The state of the dead-letter topic with this id, built by applying the ledger topic's records in their order."""

    name: str
    topic_id: str
    _settled: dict[int, dict[int, tuple[LetterState, str]]] = field(default_factory=dict)
    _attempts: dict[str, list[str]] = field(default_factory=dict)
    _ends: dict[str, tuple[str, dict[int, int]]] = field(default_factory=dict)

    def apply_record(self, record: Record) -> None:
        """Applies one entry that was read from the ledger topic.

        Raises:
            Stop: the record is not a ledger entry, so this is another topic.
        """
        try:
            key = json.loads(record.key or b"")
            value = None if record.value is None else json.loads(record.value)
            self._apply(key, value)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            where = f"{record.partition} offset {record.offset}"
            raise Stop(f"{where} is no entry of a ledger: is {self.name} the right topic?") from error

    def apply_entries(self, entries: Iterable[Outgoing]) -> None:
        """Applies entries that were just written."""
        for entry in entries:
            self._apply(json.loads(entry.key or b""), None if entry.value is None else json.loads(entry.value))

    @property
    def runs(self) -> frozenset[str]:
        """The runs that the ledger has an entry of."""
        return frozenset(self._ends)

    def state_of(self, record: Record) -> LetterState:
        """Returns whether a dead letter is settled, and how."""
        return self._settlement(record)[0]

    def run_of(self, record: Record) -> str | None:
        """Returns the run that settled a dead letter; None for an open one."""
        return self._settlement(record)[1] or None

    def attempts_of(self, letter: Letter) -> int:
        """Returns how often the record was sent again before: the larger of its header's count and the ledger's."""
        if letter.topic is None:
            return _header_attempts(letter.record)
        identity = identity_of(letter.topic, letter.record.key, letter.record.value)
        runs = self._attempts.get(identity, [])
        counted = sum(self._counts_for(run, letter.record) for run in runs)
        return max(counted, _header_attempts(letter.record))

    def runs_of(self, identity: str, attempts: int, run: str) -> list[str]:
        """Returns the runs to record for a record that is sent for the `attempts`th time."""
        runs = self._attempts.get(identity, [])
        return runs if run in runs or len(runs) >= attempts else [*runs, run]

    def tombstones(self, begins: Mapping[Partition, int]) -> Iterator[Outgoing]:
        """Yields tombstones of the entries that are obsolete, because retention removed their dead letters.

        These are settled dead letters before `begins`, and runs that ended before everything that is in the topic now.
        A record that fails again only after the topic's whole retention time is counted from 0.
        """
        for partition, begin in begins.items():
            for offset in self._settled.get(partition.number, {}):
                if offset < begin:
                    yield Outgoing(self.name, _key(_SETTLED, self.topic_id, partition.number, offset), None)
        old = {
            run
            for run, (topic_id, ends) in self._ends.items()
            if topic_id == self.topic_id and _all_before(ends, begins)
        }
        for identity, runs in self._attempts.items():
            if old.issuperset(runs):
                yield Outgoing(self.name, _key(_ATTEMPTS, identity), None)
        for run in old:
            yield Outgoing(self.name, _key(_RUN, run), None)

    def _settlement(self, record: Record) -> tuple[LetterState, str]:
        return self._settled.get(record.partition.number, {}).get(record.offset, (LetterState.OPEN, ""))

    def _counts_for(self, run: str, record: Record) -> bool:
        topic_id, ends = self._ends.get(run, ("", {}))
        # An unknown run, or one on another topic, counts: it may have been the cause.
        return topic_id != self.topic_id or record.offset >= ends.get(record.partition.number, 0)

    def _apply(self, key: Sequence[Any], value: Mapping[str, Any] | None) -> None:
        kind, *rest = key
        if kind == _SETTLED:
            topic_id, number, offset = rest
            if topic_id != self.topic_id:
                return
            if value is None:
                self._settled.get(number, {}).pop(offset, None)
            else:
                self._settled.setdefault(number, {})[offset] = (LetterState(value["outcome"]), str(value["run"]))
        elif kind == _ATTEMPTS:
            (identity,) = rest
            self._attempts.pop(identity, None)
            if value is not None:
                self._attempts[identity] = [str(run) for run in value["runs"]]
        elif kind == _RUN:
            (run,) = rest
            self._ends.pop(run, None)
            if value is not None:
                ends = {int(number): int(end) for number, end in value["ends"].items()}
                self._ends[run] = (str(value["topic_id"]), ends)
        else:
            raise ValueError(kind)


@dataclass(frozen=True, slots=True)
class LedgerEntries:
    """Makes the ledger entries of one run, for the ledger topic `name`."""

    name: str
    topic_id: str
    run: str

    def began(self, ends: Mapping[Partition, int], began_at: str) -> Outgoing:
        """Returns the entry of the run itself, which is written before anything is sent."""
        value = {
            "topic_id": self.topic_id,
            "ends": {str(partition.number): end for partition, end in sorted(ends.items())},
            "began_at": began_at,
        }
        return Outgoing(self.name, _key(_RUN, self.run), _json(value))

    def settled(self, record: Record, state: LetterState) -> Outgoing:
        """Returns the entry of a dead letter's outcome."""
        key = _key(_SETTLED, self.topic_id, record.partition.number, record.offset)
        return Outgoing(self.name, key, _json({"outcome": state, "run": self.run}))

    def attempts(self, identity: str, runs: Iterable[str]) -> Outgoing:
        """Returns the entry of the runs that sent a record again."""
        return Outgoing(self.name, _key(_ATTEMPTS, identity), _json({"runs": list(runs)}))


def _all_before(ends: Mapping[int, int], begins: Mapping[Partition, int]) -> bool:
    return all(ends.get(partition.number, 0) <= begin for partition, begin in begins.items())


def _header_attempts(record: Record) -> int:
    """Returns the count in the header; a value that this program did not write counts as 0."""
    value = record.header(REPLAY_ATTEMPT) or b""
    return int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else 0


def _key(*parts: object) -> bytes:
    return _json(parts)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
