"""What a run writes down, and what becomes of it when the topics, or the manifest, are not as they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.broker.reading import read_records
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import BatchState, ManifestWriter, read_manifest, record_line
from spanstream.consumer.replay.manifests.verify import Comparison, VerificationReport, verify
from spanstream.consumer.replay.planning.planner import ReplayOutcome, Step
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import dead_letter
from tests.support.memory.memory_replay import DEAD, ORIGIN, FaultyPublisher, MemoryReplay


def run_with_manifest(replay: MemoryReplay, path: Path, *words: str) -> None:
    """One run of six records in batches of four, and one record that is refused; `words` say what goes wrong."""
    replay.fill(6)
    replay.send(dead_letter(DEAD, "nowhere", Reason.UNDECODABLE, origin="no-such-topic"))
    with replay.broker.changed:
        ends = {str(log.partition.number): log.end for log in replay.broker.topic(ORIGIN).logs}
    left = list(words)
    run, _ = replay.replay(open_publisher=lambda: FaultyPublisher(replay.publisher(), left))
    with ManifestWriter(path) as manifest:
        run.run_log = manifest
        facts = {"topic": DEAD, "destinations": {ORIGIN: {"ends": ends, "compacted": False}}}
        manifest.begin({"run": run.entries.run, **facts})
        counts = run.run()
        manifest.end({"replayed": counts.outcomes[ReplayOutcome.REPLAYED]})


def verified(replay: MemoryReplay, path: Path) -> VerificationReport:
    reader = replay.broker.reader()

    def read_range(starts: Mapping[Partition, int], ends: Mapping[Partition, int]) -> Iterator[Record]:
        return read_records(reader, starts, ends, clock=replay.clock, patience_seconds=5.0)

    return verify(read_manifest(path), reader, read_range)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


@pytest.fixture
def replay() -> MemoryReplay:
    return MemoryReplay()


def test_a_manifest_holds_where_nothing_was_touched(replay: MemoryReplay, path: Path) -> None:
    replay.send(Outgoing(ORIGIN, b"k", b"older"))
    run_with_manifest(replay, path)
    report = verified(replay, path)
    assert report.holds
    assert report.records == {Comparison.THERE: 6, Comparison.LEFT: 1}
    assert report.dead_letters == {Comparison.THERE: 7, Comparison.GONE: 0}
    manifest = read_manifest(path)
    assert manifest.batches == {1: BatchState.COMMITTED, 2: BatchState.COMMITTED}
    assert manifest.end == {"kind": "end", "replayed": 6}


def test_a_line_names_places_and_hashes_and_gives_no_text_away(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path)
    text = path.read_text()
    assert "where from" not in text
    line = json.loads(text.splitlines()[1])
    assert line["source"].startswith(f"{DEAD}/")
    assert line["destination"]["topic"] == ORIGIN
    assert line["before"] == line["after"]
    assert "dlq.reason" in line["headers"]["before"]
    assert "dlq.reason" not in line["headers"]["after"]


Damage = Callable[[MemoryReplay], None]


def doubled(replay: MemoryReplay) -> None:
    first = replay.at(ORIGIN)[0]
    replay.send(Outgoing(ORIGIN, first.key, first.value, first.headers))


def emptied(replay: MemoryReplay) -> None:
    replay.broker.create_topic(ORIGIN, 3)


def changed(replay: MemoryReplay) -> None:
    records = [replace(record, value=b"another") for record in replay.at(ORIGIN)]
    emptied(replay)
    replay.send(*(Outgoing(ORIGIN, r.key, r.value, r.headers, r.partition.number) for r in records))


def stray(replay: MemoryReplay) -> None:
    headers = (("replay.run", b"run-1"), ("replay.source", b"dead/0/999"))
    replay.send(Outgoing(ORIGIN, b"k", b"v", headers))


@pytest.mark.parametrize(
    ("damage", "comparison", "count"),
    [(doubled, Comparison.DOUBLED, 1), (emptied, Comparison.MISSING, 6), (changed, Comparison.DIFFERENT, 6),
     (stray, Comparison.UNEXPECTED, 1)],
)  # fmt: skip
def test_what_is_not_as_the_manifest_says_is_found(
    replay: MemoryReplay, path: Path, damage: Damage, comparison: Comparison, count: int
) -> None:
    run_with_manifest(replay, path)
    damage(replay)
    report = verified(replay, path)
    assert not report.holds
    assert report.records[comparison] == count
    assert len(report.wrong) == count


def test_what_retention_took_is_gone_and_not_missing(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path)
    for number in range(3):
        replay.broker.cut_before(Partition(ORIGIN, number), 100)
        replay.broker.cut_before(Partition(DEAD, number), 100)
    report = verified(replay, path)
    assert report.holds
    assert report.records == {Comparison.GONE: 6, Comparison.LEFT: 1}
    assert report.dead_letters[Comparison.GONE] == 7


def test_a_batch_that_a_kill_left_open_is_decided_by_the_topics(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path)
    lines = path.read_text().splitlines(keepends=True)
    cut = [line for line in lines if '"kind": "batch"' not in line and '"kind": "end"' not in line]
    path.write_text("".join(cut) + '{"kind": "batch", "ba')  # the line that the kill cut off
    report = verified(replay, path)
    assert report.holds
    assert report.records == {Comparison.THERE: 6, Comparison.LEFT: 1}
    assert read_manifest(path).end is None
    emptied(replay)
    report = verified(replay, path)
    assert report.holds
    assert report.records == {Comparison.NOT_SENT: 6, Comparison.LEFT: 1}


def test_a_batch_that_was_tried_again_is_judged_by_what_became_of_it_last(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path, "ok", "failed", "lost")
    assert set(read_manifest(path).batches.values()) == {BatchState.ABORTED, BatchState.COMMITTED}
    report = verified(replay, path)
    assert report.holds, report.wrong
    assert report.records == {Comparison.THERE: 6, Comparison.LEFT: 1}


def test_a_changed_dead_letter_is_found(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path)
    records = replay.at(DEAD)
    replay.broker.create_topic(DEAD, 3)
    for record in records:
        replay.send(Outgoing(DEAD, b"another", record.value, record.headers, record.partition.number))
    assert verified(replay, path).dead_letters[Comparison.DIFFERENT] == 7


def test_a_manifest_is_not_written_over(replay: MemoryReplay, path: Path) -> None:
    run_with_manifest(replay, path)
    with pytest.raises(Stop, match="not written over"):
        ManifestWriter(path)
    with pytest.raises(Stop, match="cannot be written"):
        ManifestWriter(path.parent / "no-such-folder" / "run.jsonl")


@pytest.mark.parametrize(
    "text", ["", "{}\n", "[" * 100_000 + "\n", "nonsense\n", '{"kind": "other"}\n', '{"kind": "run", "version": 2}\n']
)
def test_another_file_is_no_manifest(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(Stop, match="manifest"):
        read_manifest(path)


def test_a_dry_run_says_the_same_as_the_manifest_will(replay: MemoryReplay, path: Path) -> None:
    replay.fill(3)
    planned: list[Step] = []
    snapshot, planner = replay.opener().open(), replay.planner(run="run-1")
    for letter, attempts, _ in snapshot.letters():
        planned.append(planner.plan(letter, attempts))
    with ManifestWriter(path) as manifest:
        run, _ = replay.replay(Selection(), run="run-1")
        run.run_log = manifest
        manifest.begin({"run": "run-1"})
        run.run()
    written = [dict(line) for line in read_manifest(path).records]
    for line in written:
        del line["batch"]
    assert written == [json.loads(json.dumps(record_line(step))) for step in planned]
