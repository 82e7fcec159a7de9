"""A real Apache Kafka for the tests: one JVM, broker and controller, on free ports of the loopback; or three of them.

The jars come by Maven (pom.xml beside this file pins them) into `${XDG_CACHE_HOME:-~/.cache}/spanstream/kafka-4.2.0/`,
fetched once: into a temporary folder that is renamed when it is whole.

Three listeners: `bootstrap` takes everybody and its anonymous user may do everything; `sasl_bootstrap` wants a password
(`SASL_USER`, `SASL_PASSWORD`), and that user may do nothing until an ACL says so; and one that advertises `proxy_port`,
for a `kafka_proxy` that stands there.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.support.fetching import ServerUnavailableError, fetched
from tests.support.free_port import free_port

KAFKA_VERSION = "4.2.0"
SASL_USER = "tester"
SASL_PASSWORD = "tester-secret"  # noqa: S105  of a broker that lives as long as the tests
_START_SECONDS = 240.0  # a busy machine may take minutes
_JVM = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
# Makes groups and transactions quick: a test waits for rebalances, not for defaults.
_QUICK = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 200,
    "group.consumer.heartbeat.interval.ms": 200,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": 6000,
    "group.consumer.assignment.interval.ms": 0,
    "group.coordinator.append.linger.ms": 0,
    "log.cleaner.backoff.ms": 200,
    "log.retention.check.interval.ms": 500,
    "log.initial.task.delay.ms": 200,
    "num.network.threads": 2,
    "num.io.threads": 2,
    "background.threads": 2,
    "controlled.shutdown.enable": "false",
    "broker.heartbeat.interval.ms": 200,
}


def kafka_jars() -> Path:
    """Returns the folder of Kafka's jars, fetched when it is not there."""
    return fetched(
        f"kafka-{KAFKA_VERSION}",
        Path(__file__).with_name("pom.xml"),
        lambda folder: ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
    )


def with_us() -> list[str]:
    """Returns a prefix that ends the broker with the thread that starts it, so none outlives a killed test run.

    Linux; elsewhere there is none.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _properties(broker: KafkaBroker, quorum: Sequence[KafkaBroker]) -> str:
    ports = broker.ports
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    seen = {"PLAIN": ports["PLAIN"], "SASL": ports["SASL"], "PROXIED": broker.proxy_port}
    advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in seen.items())
    voters = ",".join(f"{voter.node_id}@127.0.0.1:{voter.ports['CONTROLLER']}" for voter in quorum)
    login = f'username="broker" password="broker-secret" user_{SASL_USER}="{SASL_PASSWORD}"'
    copies = min(3, len(quorum))
    in_sync = max(1, copies - 1)
    settings = {
        "process.roles": "broker,controller",
        "node.id": broker.node_id,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAIN",
        "log.dirs": broker.folder / "log",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {login};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": len(quorum),
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": len(quorum),
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "message.max.bytes": 20 * 1024 * 1024,
        **_QUICK,
        # Of several, a busy one must not be taken for dead: the leaders would wander without end.
        "broker.session.timeout.ms": 1000 if len(quorum) == 1 else 6000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


@dataclass
class KafkaBroker:
    """One broker; `stop` and `kill` keep its data and ports, `restart` brings it back with them."""

    folder: Path
    ports: dict[str, int]
    proxy_port: int
    node_id: int = 1
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, data_dir: Path) -> Self:
        """Formats a new broker in the folder and waits until it answers."""
        broker = cls.on_free_ports(data_dir)
        broker.format([broker])
        broker.restart()
        return broker

    @classmethod
    def on_free_ports(cls, data_dir: Path, node_id: int = 1) -> Self:
        """Chooses the ports of a broker that is yet to be formatted."""
        ports = {name: free_port() for name in ("PLAIN", "SASL", "PROXIED", "CONTROLLER")}
        return cls(data_dir, ports, free_port(), node_id)

    def format(self, quorum: Sequence[KafkaBroker]) -> None:
        """Makes the folder of a new broker; `quorum` are all brokers of its cluster, and each keeps three copies."""
        if shutil.which("java") is None:
            raise ServerUnavailableError("Java (17 or later) is not on PATH")
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text(_properties(self, quorum))
        cluster = ["--cluster-id", "c3BhbnN0cmVhbS10ZXN0cw"]
        command = [*self._java(), "kafka.tools.StorageTool", "format", *cluster, "--config", str(properties)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['PLAIN']}"

    @property
    def sasl_bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports['SASL']}"

    def restart(self) -> None:
        """Starts the process (again), on the same ports and data, and waits until it listens."""
        self.launch()
        self.await_listening()

    def launch(self) -> None:
        """Starts the process; one of several listens only when most of them do."""
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*with_us(), *self._java(), "kafka.Kafka", self.folder / "server.properties"], stdout=log, stderr=log
            )

    def await_listening(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log_end = (self.folder / "broker.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the Kafka broker did not start; its log ends: {log_end}")
            time.sleep(0.05)

    def ensure_running(self) -> None:
        """Starts the process where it has been stopped or killed."""
        if self._process is None:
            self.restart()

    def stop(self) -> None:
        """Asks the process to end, as an operator does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """Ends the process as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def _java(self) -> list[str]:
        return ["java", *_JVM, "-cp", f"{kafka_jars()}/*"]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.ports["PLAIN"])) == 0


class ExternalBroker(KafkaBroker):
    """A broker that runs already: it can be used, not disturbed."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(Path(), {}, 0)
        self._bootstrap = bootstrap

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    @property
    def sasl_bootstrap(self) -> str:
        pytest.skip("the broker that SPANSTREAM_TEST_KAFKA names has no listener with the tests' password")
