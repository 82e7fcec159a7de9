"""Verifies a manifest against the topics: each sent record is there once, byte for byte, and so is its dead letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.replay.letters.letter import place_of, sha256_of_bytes
from spanstream.consumer.replay.manifests.manifest import BatchState, RunManifest
from spanstream.consumer.replay.planning.headers import REPLAY_RUN, REPLAY_SOURCE
from spanstream.consumer.replay.planning.planner import ReplayOutcome

ReadRange = Callable[[Mapping[Partition, int], Mapping[Partition, int]], Iterator[Record]]
"""Reads the records of each partition from its start to its end (exclusive)."""


class Comparison(StrEnum):
    """How a line of the manifest compares with the topics."""

    THERE = "there"
    """The record is at its destination, once, with the hashes of the manifest."""
    LEFT = "left"
    """The record was not sent, as the manifest says."""
    NOT_SENT = "not sent"
    """The run was killed during this batch, and nothing of it was committed."""
    GONE = "gone"
    """Retention or compaction removed it, or may have."""
    MISSING = "missing"
    DOUBLED = "doubled"
    DIFFERENT = "different"
    UNEXPECTED = "unexpected"
    """The record is there, though the manifest says it was not sent."""


WRONG = frozenset({Comparison.MISSING, Comparison.DOUBLED, Comparison.DIFFERENT, Comparison.UNEXPECTED})


@dataclass(slots=True)
class VerificationReport:
    """The lines of the manifest counted by how they compare, and a description of each wrong one.

    `dead_letters` counts the same for the dead letters themselves: `there`, `gone` or `different`.
    """

    records: Counter[Comparison] = field(default_factory=Counter)
    dead_letters: Counter[Comparison] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def add(self, comparison: Comparison, record: str) -> None:
        """Counts one line."""
        self.records[comparison] += 1
        if comparison in WRONG:
            self.wrong.append(f"{comparison}: {record}")


def verify(manifest: RunManifest, reader: PartitionReader, read: ReadRange) -> VerificationReport:
    """Compares every line of the manifest with the topics.

    Raises:
        Retryable: the broker sent nothing for too long.
        Stop: a topic of the manifest does not exist any more.
    """
    report = VerificationReport()
    arrived, cut = _arrived(manifest, reader, read)
    for line in _last_lines(manifest).values():
        records = arrived.pop(line["source"], [])
        report.add(_compare(manifest, line, records, cut), f"{line['source']} at {_destination(line)}")
    for source, records in arrived.items():
        report.add(Comparison.UNEXPECTED, f"{source} at {records[0].partition} offset {records[0].offset}")
    _check_dead_letters(manifest, reader, read, report)
    return report


def _arrived(
    manifest: RunManifest, reader: PartitionReader, read: ReadRange
) -> tuple[dict[str, list[Record]], set[str]]:
    """Returns the run's records by their dead letter, and the topics that lost records since the run began."""
    run = manifest.run["run"].encode()
    arrived: dict[str, list[Record]] = defaultdict(list)
    cut: set[str] = set()
    for topic, facts in manifest.run["destinations"].items():
        partitions = reader.partitions(topic)
        begins, ends = reader.begin_offsets(partitions), reader.end_offsets(partitions)
        old_ends = {partition: facts["ends"].get(str(partition.number), 0) for partition in partitions}
        starts = {partition: max(begins[partition], end) for partition, end in old_ends.items()}
        if facts["compacted"] or any(begins[partition] > end for partition, end in old_ends.items()):
            cut.add(topic)
        for record in read(starts, ends):
            if record.header(REPLAY_RUN) == run:
                arrived[(record.header(REPLAY_SOURCE) or b"").decode()].append(record)
    return arrived, cut


def _last_lines(manifest: RunManifest) -> dict[str, Mapping[str, Any]]:
    """Returns the last line of each dead letter: after an aborted batch, the line of the next attempt counts."""
    lines: dict[str, Mapping[str, Any]] = {}
    for line in manifest.records:
        known = lines.get(line["source"])
        if known is None or manifest.state_of(known) is BatchState.ABORTED:
            lines[line["source"]] = line
    return lines


def _compare(manifest: RunManifest, line: Mapping[str, Any], records: list[Record], cut: set[str]) -> Comparison:
    state = manifest.state_of(line)
    if line["outcome"] == ReplayOutcome.REFUSED or state is BatchState.ABORTED:
        return Comparison.UNEXPECTED if records else Comparison.LEFT
    if not records:
        if state is None:
            return Comparison.NOT_SENT
        return Comparison.GONE if _destination(line) in cut else Comparison.MISSING
    if len(records) > 1:
        return Comparison.DOUBLED
    is_same = records[0].partition.topic == _destination(line) and _hashes(records[0]) == _expected(line["after"])
    return Comparison.THERE if is_same else Comparison.DIFFERENT


def _check_dead_letters(
    manifest: RunManifest, reader: PartitionReader, read: ReadRange, report: VerificationReport
) -> None:
    """Checks that the dead letters are still where they were."""
    topic = manifest.run["topic"]
    lines = _last_lines(manifest)
    offsets: dict[Partition, list[int]] = defaultdict(list)
    for source in lines:
        name, number, offset = source.rsplit("/", 2)
        offsets[Partition(name, int(number))].append(int(offset))
    known = set(reader.partitions(topic))
    begins = reader.begin_offsets(offsets.keys() & known)
    starts = {partition: max(begin, min(offsets[partition])) for partition, begin in begins.items()}
    ends = {partition: max(offsets[partition]) + 1 for partition in begins}
    for record in read(starts, ends):
        line = lines.pop(place_of(record.partition, record.offset), None)
        if line is not None:
            is_same = _hashes(record) == _expected(line["before"])
            report.dead_letters[Comparison.THERE if is_same else Comparison.DIFFERENT] += 1
            if not is_same:
                report.wrong.append(f"{Comparison.DIFFERENT}: the dead letter {line['source']}")
    report.dead_letters[Comparison.GONE] += len(lines)


def _destination(line: Mapping[str, Any]) -> str:
    return str(line.get("destination", {}).get("topic", "nowhere"))


def _hashes(record: Record) -> tuple[str | None, str | None]:
    return sha256_of_bytes(record.key), sha256_of_bytes(record.value)


def _expected(hashes: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return hashes["key_sha256"], hashes["value_sha256"]
