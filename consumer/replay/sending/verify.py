"""A manifest against the topics: is what was sent there once, byte for byte, and does the rest still stand?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.replay.letters.headers import REPLAY_RUN, REPLAY_SOURCE
from spanstream.consumer.replay.letters.letter import place_of, sha256_of_bytes
from spanstream.consumer.replay.sending.manifest import BatchState, RunManifest
from spanstream.consumer.replay.sending.plan import ReplayOutcome

Read = Callable[[Mapping[Partition, int], Mapping[Partition, int]], Iterator[Record]]
"""The records from starts to ends (`reading.read`)."""


class Discrepancy(StrEnum):
    """What a line of the manifest comes to."""

    THERE = "there"
    """At its destination, once, with the hashes of the manifest."""
    LEFT = "left"
    """Not sent, as the manifest says."""
    NOT_SENT = "not sent"
    """Of a batch that was on its way when the run was killed: nothing of it was committed."""
    GONE = "gone"
    """Retention or compaction took it, or may have."""
    MISSING = "missing"
    DOUBLED = "doubled"
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"
    """There, though the manifest says it was not sent."""


WRONG = frozenset({Discrepancy.MISSING, Discrepancy.DOUBLED, Discrepancy.DIFFERENT, Discrepancy.UNEXPECTED})


@dataclass(slots=True)
class VerificationReport:
    """Lines of the manifest by what was found, and the first of those that are wrong.

    `sources` is the same for the dead letters themselves: `there`, `gone` or `different`.
    """

    found: Counter[Discrepancy] = field(default_factory=Counter)
    sources: Counter[Discrepancy] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def add(self, finding: Discrepancy, what: str) -> None:
        """One line."""
        self.found[finding] += 1
        if finding in WRONG:
            self.wrong.append(f"{finding}: {what}")


def verify(manifest: RunManifest, reader: PartitionReader, read: Read) -> VerificationReport:
    """Compare.

    Raises:
        Retryable: the broker was silent for too long.
        Stop: a topic of the manifest does not exist any more.
    """
    report = VerificationReport()
    arrived, cut = _arrived(manifest, reader, read)
    for record in _last_lines(manifest).values():
        found = arrived.pop(record["source"], [])
        report.add(_judge(manifest, record, found, cut), f"{record['source']} at {_destination(record)}")
    for source, records in arrived.items():
        report.add(Discrepancy.UNEXPECTED, f"{source} at {records[0].partition} offset {records[0].offset}")
    _check_sources(manifest, reader, read, report)
    return report


def _arrived(manifest: RunManifest, reader: PartitionReader, read: Read) -> tuple[dict[str, list[Record]], set[str]]:
    """The run's records by the dead letter they were; and the topics that lost something since it began."""
    run = manifest.run["run"].encode()
    found: dict[str, list[Record]] = defaultdict(list)
    cut: set[str] = set()
    for topic, was in manifest.run["destinations"].items():
        partitions = reader.partitions(topic)
        begins, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
        starts = {at: max(begins[at], was["ends"].get(str(at.number), 0)) for at in partitions}
        if was["compacted"] or any(begins[at] > was["ends"].get(str(at.number), 0) for at in partitions):
            cut.add(topic)
        for record in read(starts, ends):
            if record.header(REPLAY_RUN) == run:
                found[(record.header(REPLAY_SOURCE) or b"").decode()].append(record)
    return found, cut


def _last_lines(manifest: RunManifest) -> dict[str, Mapping[str, Any]]:
    """One line a dead letter: that of a batch which was aborted gives way to that of the next try."""
    lines: dict[str, Mapping[str, Any]] = {}
    for line in manifest.records:
        known = lines.get(line["source"])
        if known is None or manifest.state_of(known) is BatchState.ABORTED:
            lines[line["source"]] = line
    return lines


def _judge(manifest: RunManifest, line: Mapping[str, Any], found: list[Record], cut: set[str]) -> Discrepancy:
    state = manifest.state_of(line)
    if line["outcome"] == ReplayOutcome.REFUSED or state is BatchState.ABORTED:
        return Discrepancy.UNEXPECTED if found else Discrepancy.LEFT
    if not found:
        if state is None:
            return Discrepancy.NOT_SENT
        return Discrepancy.GONE if _destination(line) in cut else Discrepancy.MISSING
    if len(found) > 1:
        return Discrepancy.DOUBLED
    same = found[0].partition.topic == _destination(line) and _hashes(found[0]) == _expected(line["after"])
    return Discrepancy.THERE if same else Discrepancy.DIFFERENT


def _check_sources(manifest: RunManifest, reader: PartitionReader, read: Read, report: VerificationReport) -> None:
    """The dead letters are where they were."""
    topic = manifest.run["topic"]
    lines = _last_lines(manifest)
    offsets: dict[Partition, list[int]] = defaultdict(list)
    for source in lines:
        name, number, offset = source.rsplit("/", 2)
        offsets[Partition(name, int(number))].append(int(offset))
    known = set(reader.partitions(topic))
    begins = reader.begin_offsets(offsets.keys() & known)
    starts = {at: max(begins[at], min(offsets[at])) for at in begins}
    ends = {at: max(offsets[at]) + 1 for at in begins}
    for record in read(starts, ends):
        line = lines.pop(place_of(record.partition, record.offset), None)
        if line is not None:
            same = _hashes(record) == _expected(line["before"])
            report.sources[Discrepancy.THERE if same else Discrepancy.DIFFERENT] += 1
            if not same:
                report.wrong.append(f"{Discrepancy.DIFFERENT}: the dead letter {line['source']}")
    report.sources[Discrepancy.GONE] += len(lines)


def _destination(line: Mapping[str, Any]) -> str:
    return str(line.get("destination", {}).get("topic", "nowhere"))


def _hashes(record: Record) -> tuple[str | None, str | None]:
    return sha256_of_bytes(record.key), sha256_of_bytes(record.value)


def _expected(hashes: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return hashes["key_sha256"], hashes["value_sha256"]
