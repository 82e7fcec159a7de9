"""Members that come, go and are expelled while they work: every record is answered exactly once."""

from __future__ import annotations

import collections
import random
import threading
from dataclasses import dataclass, field, replace

import pytest

from consumer.broker import Outgoing, Partition, Record
from consumer.errors import Fenced, Retryable
from consumer.kafka import GroupProtocol, KafkaConfig, KafkaGroupConsumer, KafkaPartitionReader, KafkaPublisher
from tests.support.broker_harness import Ownership, group_name, numbered, read_all, until
from tests.support.kafka_broker import KafkaBroker
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


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_every_record_is_answered_once_whoever_comes_and_goes(  # noqa: C901  one scene after the other
    kafka: KafkaBroker, topics: Topics, protocol: GroupProtocol
) -> None:
    questions, answers, group = topics.make(PARTITIONS), topics.make(), group_name()
    client: dict[str, int] = {"heartbeat.interval.ms": 100} if protocol == "classic" else {}
    config = KafkaConfig(kafka.bootstrap, group_id=group, group_protocol=protocol, client=client)
    source = KafkaPublisher(replace(config, group_id=None))
    for number in range(PARTITIONS):
        share = RECORDS // PARTITIONS
        source.publish(numbered(questions, range(number * share, (number + 1) * share), number), {})
    watcher, reader = KafkaGroupConsumer(config), KafkaPartitionReader(config)
    dice = random.Random(7)  # noqa: S311  no secret
    workers = [Worker(config, answers) for _ in range(3)]
    gone: list[Worker] = []
    partitions = [Partition(questions, number) for number in range(PARTITIONS)]
    expel = expel_from_classic_group if protocol == "classic" else expel_from_consumer_group

    def start(worker: Worker) -> None:
        worker.consumer.subscribe([questions], worker.ownership)
        worker.thread.start()

    def disturb() -> None:
        threading.Event().wait(0.3)
        place = dice.randrange(len(workers))
        if dice.random() < 0.5:
            member_id = workers[place].consumer._consumer.memberid()
            if member_id:
                try:
                    expel(kafka.bootstrap, group, member_id)
                except RuntimeError:
                    return  # not in the group at this moment
        else:
            workers[place].stop.set()
            gone.append(workers[place])
            workers[place] = Worker(config, answers)
            start(workers[place])

    def done() -> bool:
        assert not [failure for worker in (*workers, *gone) for failure in worker.failure]
        committed = watcher.committed(partitions, 20)
        return all((committed[partition] or 0) >= RECORDS // PARTITIONS for partition in partitions)

    for worker in workers:
        start(worker)
    until(done, disturb)
    for worker in (*workers, *gone):
        worker.stop.set()
    for worker in (*workers, *gone):
        worker.thread.join()
        assert worker.failure == []
    found = collections.Counter(record.value for record in read_all(reader, answers))
    assert set(found) == {b"%d" % number for number in range(RECORDS)}
    assert [value for value, times in found.items() if times > 1] == []
    for one in (source, watcher, reader):
        one.close()
