"""Members that come, go and are expelled while they work: every record is answered exactly once."""

from __future__ import annotations

import collections
import contextlib
import random
import threading
from dataclasses import dataclass, field, replace

import pytest

from consumer.broker import Outgoing, Partition, Record
from consumer.errors import Fenced, Retryable
from consumer.kafka import GroupProtocol, KafkaConfig, KafkaGroupConsumer, KafkaPartitionReader, KafkaPublisher
from tests.support.broker_harness import Ownership, group_name, numbered, read_all, until
from tests.support.kafka_fixtures import Topics
from tests.support.kafka_protocol import expel_from_classic_group, expel_from_consumer_group

RECORDS = 4000
PARTITIONS = 8


@dataclass
class Worker:
    """The smallest consumer that keeps the rules: repeats a `Retryable`, gives up a `Fenced`, forgets what it lost."""

    config: KafkaConfig
    answers: str
    stop: threading.Event = field(default_factory=threading.Event)
    failure: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consumer = KafkaGroupConsumer(self.config)
        self.publisher = KafkaPublisher(self.config, self.consumer)
        self.ownership = Ownership()
        self.ownership.before_revoke = lambda _: self.publish()
        self.chunk: list[Record] = []
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                if not self.chunk:
                    self.chunk = self.consumer.poll(5, 0.05)
                else:
                    # In flight, as the service has it: other records are not taken meanwhile.
                    self.consumer.pause(self.ownership.owned)
                    assert self.consumer.poll(1, 0) == []
                    self.consumer.resume(self.ownership.owned)
                self.chunk = [record for record in self.chunk if record.partition in self.ownership.owned]
                self.publish()
            self.consumer.close()
            self.publisher.close()
        except BaseException as exc:  # noqa: BLE001 - the test's own thread looks at it
            self.failure.append(exc)

    def publish(self) -> None:
        if not self.chunk:
            return
        offsets: dict[Partition, int] = {}
        for record in self.chunk:
            offsets[record.partition] = record.next_offset
        try:
            self.publisher.publish([Outgoing(self.answers, None, r.value) for r in self.chunk], offsets)
        except Retryable:
            return
        except Fenced:
            pass
        self.chunk = []


class Crowd:
    """Three workers, one of which is replaced, or expelled from the group, at every disturbance."""

    def __init__(self, config: KafkaConfig, answers: str, questions: str) -> None:
        self._config = config
        self._answers = answers
        self._questions = questions
        self._dice = random.Random(7)  # noqa: S311 - the same disturbances in every run
        self._gone: list[Worker] = []
        self._workers = [self._start() for _ in range(3)]

    def disturb(self) -> None:
        self.check()
        threading.Event().wait(0.3)
        place = self._dice.randrange(len(self._workers))
        if self._dice.random() < 0.5:
            self._expel(self._workers[place])
            return
        self._workers[place].stop.set()
        self._gone.append(self._workers[place])
        self._workers[place] = self._start()

    def check(self) -> None:
        assert [failure for worker in (*self._workers, *self._gone) for failure in worker.failure] == []

    def end(self) -> None:
        everybody = (*self._workers, *self._gone)
        for worker in everybody:
            worker.stop.set()
        for worker in everybody:
            worker.thread.join()
        self.check()

    def _start(self) -> Worker:
        worker = Worker(self._config, self._answers)
        worker.consumer.subscribe([self._questions], worker.ownership)
        worker.thread.start()
        return worker

    def _expel(self, worker: Worker) -> None:
        classic = self._config.group_protocol == "classic"
        expel = expel_from_classic_group if classic else expel_from_consumer_group
        member_id = worker.consumer._consumer.memberid()
        with contextlib.suppress(RuntimeError):  # it is not in the group at this moment
            expel(self._config.bootstrap_servers, self._config.group_id or "", member_id or "nobody")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_every_record_is_answered_once_whoever_comes_and_goes(topics: Topics, protocol: GroupProtocol) -> None:
    questions, answers = topics.make(PARTITIONS), topics.make()
    client: dict[str, int] = {"heartbeat.interval.ms": 100} if protocol == "classic" else {}
    config = KafkaConfig(topics.bootstrap, group_id=group_name(), group_protocol=protocol, client=client)
    source, share = KafkaPublisher(replace(config, group_id=None)), RECORDS // PARTITIONS
    for number in range(PARTITIONS):
        source.publish(numbered(questions, range(number * share, (number + 1) * share), number), {})
    watcher, reader = KafkaGroupConsumer(config), KafkaPartitionReader(config)
    partitions = reader.partitions(questions)
    crowd = Crowd(config, answers, questions)
    until(lambda: all((at or 0) >= share for at in watcher.committed(partitions, 20).values()), crowd.disturb)
    crowd.end()
    found = collections.Counter(record.value for record in read_all(reader, answers))
    assert set(found) == {b"%d" % number for number in range(RECORDS)}
    assert [value for value, times in found.items() if times > 1] == []
    for one in (source, watcher, reader):
        one.close()
