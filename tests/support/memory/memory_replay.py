"""Replays over a broker in memory: makes dead letters, runs that a test can interrupt, and reads the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.memory.progress_publisher import MemoryProgressPublisher
from spanstream.consumer.broker.protocols import Outgoing, Partition, ProgressPublisher, Record, TopicSpec
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.replay.ledger import LedgerEntries, ledger_of, parking_of
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.manifests.manifest import BatchState
from spanstream.consumer.replay.planning.destinations import DescribeTopic, Destinations
from spanstream.consumer.replay.planning.latest_records import LatestRecords
from spanstream.consumer.replay.planning.planner import Planner, Step
from spanstream.consumer.replay.planning.superseding import Superseding
from spanstream.consumer.replay.planning.survey import Survey, take_survey
from spanstream.consumer.replay.sending.counts import ReplayCounts
from spanstream.consumer.replay.sending.rate_limiter import RateLimiter
from spanstream.consumer.replay.sending.sender import ReplayRun
from spanstream.consumer.replay.snapshot import SnapshotOpener, TopicSnapshot
from spanstream.consumer.tracing.tracing import OFF, Tracing
from tests.support.events.dead_letters import dead_letter, name_of
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.stream_under_test import FakeTimePoller

DEAD, ORIGIN, GROUP = "dead", "questions", "consumers.replay"
_CONFIGS: dict[str, dict[str, str]] = {
    "documents": {"cleanup.policy": "compact"},
    "qa.documents": {"cleanup.policy": "compact"},
    "small": {"max.message.bytes": "400"},
}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of this process runs after it."""


class FaultyPublisher(MemoryProgressPublisher):
    """Fails as the words say, one word a publish: `ok`, `lost` (committed, reply lost), `failed`, `killed` (before
    the commit), `killed-after` it."""

    def __init__(self, inner: Any, words: list[str]) -> None:
        super().__init__(inner._broker, inner._group, inner._transactional_id)
        self._words = words

    def publish(self, records: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        word = self._words.pop(0) if self._words else "ok"
        if word == "killed":
            raise Killed
        if word == "failed":
            raise Retryable("nothing happened")
        super().publish(records, offsets)
        if word == "killed-after":
            raise Killed
        if word == "lost":
            raise Retryable("the reply was lost")


def describe_in(broker: MemoryBroker) -> DescribeTopic:
    """Describes the topics of this broker as Kafka would."""

    def describe(name: str) -> TopicSpec | None:
        try:
            with broker.changed:
                partitions = len(broker.topic(name).logs)
        except Stop:
            return None
        return TopicSpec(name, partitions, 1, _CONFIGS.get(name, {}))

    return describe


@dataclass
class MemoryRunLog:
    """Records what a manifest would say."""

    batches: list[tuple[list[Step], BatchState | None]] = field(default_factory=list)
    refused: list[Step] = field(default_factory=list)

    def begin_batch(self, steps: Sequence[Step]) -> None:
        self.batches.append((list(steps), None))

    def end_batch(self, state: BatchState) -> None:
        assert self.batches[-1][1] is None
        self.batches[-1] = (self.batches[-1][0], state)

    def refuse(self, step: Step) -> None:
        self.refused.append(step)

    @property
    def committed(self) -> list[str]:
        """The names of the records of committed batches."""
        steps = [step for steps, state in self.batches if state is BatchState.COMMITTED for step in steps]
        return [name_of(step.letter.record.headers) for step in steps]


@dataclass
class MemoryReplay:
    """A memory broker with topics of `partitions` each, and dead letters in them."""

    partitions: int = 3
    clock: FakeClock = field(default_factory=FakeClock)
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    runs: int = 0
    topic_id: str = "id-1"

    def __post_init__(self) -> None:
        for topic in (DEAD, ORIGIN, "documents", "small"):
            self.broker.create_topic(topic, self.partitions)
        for topic in (ledger_of(DEAD), parking_of(DEAD)):
            self.broker.create_topic(topic, 1)

    def send(self, *records: Outgoing) -> None:
        with self.broker.changed:
            self.broker.append(records, transactional=True)

    def fill(self, count: int, **fields: Any) -> list[str]:
        """Adds dead letters over all partitions, and returns their names."""
        names = [f"q{number}" for number in range(count)]
        for number, name in enumerate(names):
            partition = number % self.partitions
            self.send(dead_letter(DEAD, name, origin=ORIGIN, origin_partition=partition, partition=partition, **fields))
        return names

    def publisher(self) -> ProgressPublisher:
        return self.broker.progress_publisher(GROUP, "replay")

    def opener(self) -> SnapshotOpener:
        reader: Any = FakeTimePoller(self.broker.reader(), self.clock)
        return SnapshotOpener(reader, DEAD, self.topic_id, ledger_of(DEAD), self.publisher().committed, self.clock, 5.0)

    def superseding(self) -> Superseding:
        reader: Any = FakeTimePoller(self.broker.reader(), self.clock)
        return Superseding(LatestRecords(reader, self.clock, 5.0))

    def planner(self, **fields: Any) -> Planner:
        self.runs += 1
        forbidden = dict.fromkeys((DEAD, ledger_of(DEAD), parking_of(DEAD)), "its own")
        defaults: dict[str, Any] = {
            "run": f"run-{self.runs}",
            "destinations": Destinations(describe_in(self.broker), forbidden),
            "parking": parking_of(DEAD),
            "max_attempts": 3,
            "superseding": self.superseding(),
        }
        return Planner(**(defaults | fields))

    def survey(self, selection: Selection | None = None, limit: int | None = None, **planned: Any) -> Survey:
        snapshot = self.opener().open()
        return take_survey(
            snapshot, selection or Selection(), self.planner(**planned), limit=limit, on_step=lambda _: None
        )

    def replay(
        self,
        selection: Selection | None = None,
        *,
        batch: int = 4,
        limit: int | None = None,
        rate: float | None = None,
        interrupted: Callable[[ReplayCounts], bool] = lambda _: False,
        open_publisher: Callable[[], ProgressPublisher] | None = None,
        snapshot: TopicSnapshot | None = None,
        tracing: Tracing = OFF,
        **planned: Any,
    ) -> tuple[ReplayRun, MemoryRunLog]:
        """Makes a run that is ready to start."""
        planner, run_log, opener = self.planner(**planned), MemoryRunLog(), self.opener()
        snapshot = snapshot or opener.open()
        made: list[ReplayRun] = []
        replay = ReplayRun(
            opener=opener,
            open_publisher=open_publisher or self.publisher,
            ends=snapshot.ends,
            selection=selection or Selection(),
            planner=planner,
            entries=LedgerEntries(ledger_of(DEAD), self.topic_id, planner.run),
            run_log=run_log,
            rate_limiter=RateLimiter(rate, self.clock),
            clock=self.clock,
            on_progress=lambda _: None,
            interrupted=lambda: interrupted(made[0].counts),
            batch=batch,
            limit=limit,
            patience_seconds=10.0,
            tracing=tracing,
        )
        made.append(replay)
        return replay, run_log

    def run(self, selection: Selection | None = None, **options: Any) -> tuple[ReplayCounts, MemoryRunLog]:
        """Runs to the end."""
        replay, run_log = self.replay(selection, **options)
        return replay.run(), run_log

    def at(self, topic: str) -> list[Record]:
        return self.broker.records(topic)

    def names_at(self, topic: str) -> list[str]:
        return sorted((name_of(record.headers) for record in self.at(topic)), key=lambda name: (len(name), name))

    def lag(self) -> int:
        """Returns the group's lag as a monitor sees it."""
        committed = self.broker.committed(GROUP)
        with self.broker.changed:
            logs = self.broker.topic(DEAD).logs
            return sum(log.end - max(log.begin, committed.get(Partition(DEAD, n), 0)) for n, log in enumerate(logs))
