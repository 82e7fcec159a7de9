"""Members that come, go and are expelled while they work: every record is answered exactly once."""

from __future__ import annotations

import collections
import contextlib
import random
import threading
from collections.abc import Sequence

import pytest

from spanstream.consumer.broker.kafka import KafkaGroupConsumer, KafkaPartitionReader, KafkaPublisher
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Fenced, Retryable
from spanstream.consumer.settings import GroupProtocol, KafkaSettings
from tests.support.kafka.broker_harness import OwnershipRecorder, group_name, numbered, read_all, until
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.kafka_protocol import expel_from_classic_group, expel_from_consumer_group

RECORDS = 4000
PARTITIONS = 8


class Worker(OwnershipRecorder):
    """The smallest consumer that keeps the rules: what was not published is tried again until it is lost or revoked."""

    def __init__(self, config: KafkaSettings, answers: str) -> None:
        super().__init__()
        self.consumer = KafkaGroupConsumer(config)
        self.publisher = KafkaPublisher(config, self.consumer)
        self.member_id: str | None = None
        self.stop = threading.Event()
        self.failure: list[BaseException] = []
        self.thread = threading.Thread(target=self._run)
        self._answers = answers
        self._chunk: list[Record] = []

    def on_revoked(self, partitions: Sequence[Partition]) -> None:
        self._publish()
        super().on_revoked(partitions)
        self._forget()

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        super().on_lost(partitions)
        self._forget()

    def _run(self) -> None:
        try:
            while not self.stop.is_set():
                self._turn()
            self.consumer.close()
            self.publisher.close()
        except BaseException as exc:  # noqa: BLE001  the test's own thread looks at it
            self.failure.append(exc)

    def _turn(self) -> None:
        self.consumer.resume(self.owned)
        if self._chunk:  # its partitions are not read on while it is in flight
            self.consumer.pause(self.owned)
            assert self.consumer.poll(1, 0) == []
        else:
            self._chunk = self.consumer.poll(5, 0.05)
        self.member_id = self.consumer._consumer.memberid()  # another thread that asks waits for the polls to end
        self._publish()

    def _publish(self) -> None:
        offsets = {record.partition: record.next_offset for record in self._chunk}
        if not offsets:
            return
        with contextlib.suppress(Retryable, Fenced):
            self.publisher.publish([Outgoing(self._answers, None, r.value) for r in self._chunk], offsets)
            self._chunk = []

    def _forget(self) -> None:
        self._chunk = [record for record in self._chunk if record.partition in self.owned]


class Crowd:
    """Three workers, one of which is replaced, or expelled from the group, at every disturbance."""

    def __init__(self, config: KafkaSettings, answers: str, questions: str) -> None:
        self._config = config
        self._answers = answers
        self._questions = questions
        self._dice = random.Random(7)  # noqa: S311  the same disturbances in every run
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
        worker.consumer.subscribe([self._questions], worker)
        worker.thread.start()
        return worker

    def _expel(self, worker: Worker) -> None:
        classic = self._config.group_protocol == "classic"
        expel = expel_from_classic_group if classic else expel_from_consumer_group
        member_id = worker.member_id
        with contextlib.suppress(RuntimeError):  # it is not in the group at this moment
            expel(self._config.bootstrap_servers, self._config.group_id, member_id or "nobody")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_every_record_is_answered_once_whoever_comes_and_goes(topics: Topics, protocol: GroupProtocol) -> None:
    questions, answers = topics.make(PARTITIONS), topics.make()
    client: dict[str, int] = {"heartbeat.interval.ms": 100} if protocol == "classic" else {}
    config = KafkaSettings(
        bootstrap_servers=topics.bootstrap, group_id=group_name(), group_protocol=protocol, client=client
    )
    source, share = KafkaPublisher(config), RECORDS // PARTITIONS
    for number in range(PARTITIONS):
        source.publish(numbered(questions, range(number * share, (number + 1) * share), number), {})
    watcher, reader = KafkaGroupConsumer(config), KafkaPartitionReader(config)
    partitions = reader.partitions(questions)
    crowd = Crowd(config, answers, questions)
    until(lambda: all((at or 0) >= share for at in watcher.committed(partitions, 20).values()), crowd.disturb)
    crowd.end()
    answered = collections.Counter(record.value for record in read_all(reader, answers))
    assert set(answered) == {b"%d" % number for number in range(RECORDS)}
    assert [value for value, times in answered.items() if times > 1] == []
    for handle in (source, watcher, reader):
        handle.close()
