"""What is done to a running stream: each fault is injected, stands for a while, and is healed."""

from __future__ import annotations

import contextlib
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import redis
from confluent_kafka import KafkaException, Producer

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Retryable
from tests.soak.crew import Crew
from tests.soak.patience import patiently
from tests.support.kafka.kafka_brokers import KafkaBrokers
from tests.support.kafka.kafka_proxy import KafkaProxy
from tests.support.kafka.transactions import begin
from tests.support.redis.redis_server import RedisServer

# After this the broker aborts a foreign transaction whose end did not reach it.
_FOREIGN_TRANSACTION_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that can fail around a stream.

    Attributes:
        cluster: the brokers.
        proxies: in front of each; every second member goes through them.
        redis: the shared cache.
        crew: the members.
        session_seconds: after this the group gives up a member that is silent.
        foreign_records: what somebody else writes into the stream's topics and takes back.
        draw: chooses whom it hits, and how long.
    """

    cluster: KafkaBrokers
    proxies: Sequence[KafkaProxy]
    redis: RedisServer
    crew: Crew
    session_seconds: float
    foreign_records: Callable[[], Sequence[Outgoing]]
    draw: random.Random


class Fault(ABC):
    """One fault: `inject`, wait for `seconds`, `heal`."""

    name: ClassVar[str]

    def __init__(self, around: Surroundings) -> None:
        self.around = around

    @property
    def seconds(self) -> float:
        """How long it stands."""
        return self.around.draw.uniform(0.5, 3)

    @abstractmethod
    def inject(self) -> None: ...

    @abstractmethod
    def heal(self) -> None: ...


class MemberKilled(Fault):
    name = "member SIGKILL"

    def inject(self) -> None:
        self.around.crew.kill(self.around.crew.draw(self.around.draw))

    def heal(self) -> None:
        """It was replaced at once."""


class MemberFrozen(Fault):
    name = "member SIGSTOP"

    @property
    def seconds(self) -> float:
        """Past its session: the group moves on, and the member wakes as one that is not in it any more."""
        return self.around.session_seconds + self.around.draw.uniform(0.5, 3)

    def inject(self) -> None:
        self.program = self.around.crew.programs[self.around.crew.draw(self.around.draw)]
        self.program.send(signal.SIGSTOP)

    def heal(self) -> None:
        self.program.send(signal.SIGCONT)


class BrokerKilled(Fault):
    name = "broker SIGKILL"

    def inject(self) -> None:
        self.broker = self.around.draw.choice(self.around.cluster.brokers)
        self.broker.kill()

    def heal(self) -> None:
        self.broker.restart()


class BrokerRestarted(BrokerKilled):
    name = "broker restart"

    def inject(self) -> None:
        self.broker = self.around.draw.choice(self.around.cluster.brokers)
        self.broker.stop()


class ForeignTransactionOpen(Fault):
    """Somebody else's transaction, open on the stream's topics; it is aborted, so nothing of it may ever be seen."""

    name = "open foreign transaction"

    def inject(self) -> None:
        self.producer = patiently(self._begin)

    def _begin(self) -> Producer:
        records, bootstrap = self.around.foreign_records(), self.around.cluster.bootstrap
        try:
            return begin(bootstrap, records, timeout_seconds=_FOREIGN_TRANSACTION_SECONDS)
        except KafkaException as error:
            raise Retryable(str(error)) from error

    def heal(self) -> None:
        with contextlib.suppress(KafkaException):  # the broker aborts it a little later
            self.producer.abort_transaction(_FOREIGN_TRANSACTION_SECONDS)


class RedisDown(Fault):
    name = "Redis down"

    def inject(self) -> None:
        self.around.redis.kill()

    def heal(self) -> None:
        self.around.redis.start()


class RedisSlow(Fault):
    """It takes connections and requests, and answers when the fault is healed."""

    name = "Redis slow"

    def inject(self) -> None:
        self.around.redis.pause()

    def heal(self) -> None:
        self.around.redis.resume()


class RedisFull(Fault):
    name = "Redis full"

    def inject(self) -> None:
        self.around.redis.flood()

    def heal(self) -> None:
        self.around.redis.drain()


class RedisGarbage(Fault):
    """Everything in it is overwritten, with anything."""

    name = "Redis garbage"

    def inject(self) -> None:
        draw = self.around.draw
        with self.around.redis.client() as client, contextlib.suppress(redis.RedisError):
            for key in client.scan_iter(count=1000):
                client.set(key, draw.randbytes(draw.choice([0, 10, 5000])))

    def heal(self) -> None:
        """The cache does it: what cannot be read is written again."""


class NetworkCut(Fault):
    """Members behind the proxies lose their connections, and get no new ones."""

    name = "network cut"

    @property
    def seconds(self) -> float:
        """Shorter and longer than a session."""
        return self.around.draw.uniform(0.2, self.around.session_seconds * 1.5)

    def inject(self) -> None:
        for proxy in self.around.proxies:
            proxy.cut()

    def heal(self) -> None:
        for proxy in self.around.proxies:
            proxy.heal()


class NetworkSilent(NetworkCut):
    """Nothing passes, and nobody is told; what was sent meanwhile arrives in the end."""

    name = "network silent"

    def inject(self) -> None:
        for proxy in self.around.proxies:
            proxy.hold()


FAULTS: tuple[type[Fault], ...] = (
    MemberKilled,
    MemberFrozen,
    BrokerKilled,
    BrokerRestarted,
    ForeignTransactionOpen,
    RedisDown,
    RedisSlow,
    RedisFull,
    RedisGarbage,
    NetworkCut,
    NetworkSilent,
)


def fault_plan(count: int, draw: random.Random) -> list[type[Fault]]:
    """Returns so many faults in random order, each as often as any other (give or take one)."""
    plan: list[type[Fault]] = []
    while len(plan) < count:
        plan += draw.sample(FAULTS, len(FAULTS))
    return plan[:count]
