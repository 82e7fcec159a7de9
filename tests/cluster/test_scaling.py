"""KEDA's own operator and adapter and Kubernetes' own controllers scale the chart's consumer, by a real group's lag.

There are no nodes, so no pod runs: the consumer that takes the lag off is the same program, started beside them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.release import CONSUMER, Release, on
from tests.support.free_port import free_port
from tests.support.kafka.program import until
from tests.support.kafka.stream import Stream, document, question
from tests.support.kafka.transactions import committed, log_ends, rewind, send

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 4
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."
ASKED = "Which error does the nightly export stop with?"
SECONDS = 120.0  # that a step may take on a busy machine

MakeStream = Callable[..., Stream]


def documents(stream: Stream, count: int = 16) -> list[Outgoing]:
    return [document(stream.topics.documents, f"d{number}", TEXT) for number in range(count)]


def questions(stream: Stream, names: range) -> list[Outgoing]:
    return [question(stream.topics.questions, f"q{number}", ASKED, f"d{number % 16}") for number in names]


def test_lag_takes_the_pods_from_zero_to_one_to_all_and_its_end_takes_them_back(
    cluster: ControlPlane, namespace: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    stream = make_stream(PARTITIONS)
    send(stream, documents(stream))
    release = Release(cluster, namespace)
    release.install(
        on(stream, minReplicas=0, keda={"lagPerReplica": 10, "workSeconds": {"from": "none"}}),
    )
    with release.watched(tmp_path / "replicas") as replicas:
        # Nothing was asked yet, and nothing was ever committed.
        until(lambda: replicas.now == 0, "zero pods without a question", SECONDS, every=0.5)

        send(stream, questions(stream, range(1)))
        until(lambda: replicas.now == 1, "a pod for one question", SECONDS, every=0.5)

        for first in range(1, 81, 8):
            send(stream, questions(stream, range(first, first + 8)))
        until(lambda: replicas.now == PARTITIONS, "as many pods as partitions", SECONDS, every=0.5)

        program = stream.start()
        until(lambda: replicas.now == 0, "zero pods once all is answered", SECONDS, every=0.5)
        assert program.stop() == TERMINATED

        asked = stream.topics.questions
        # Every transaction left a marker in each partition it wrote to: the topic is longer than what was asked.
        assert sum(log_ends(stream, asked).values()) > 81
        assert committed(stream, asked) == log_ends(stream, asked)
        # Markers are lag to KEDA, and there is none of them: nothing wakes up again.
        time.sleep(10)
        assert replicas.now == 0
        steps = replicas.steps
    assert len(stream.answers()) == 81
    print(f"pods asked for: {steps}")  # noqa: T201  shown with the measurement
    zero, most = steps.index(0), steps.index(PARTITIONS)
    assert steps[zero : zero + 2] == [0, 1]
    assert steps[-2:] == [1, 0]
    assert max(steps) == PARTITIONS
    # Up to the top, down to the end, and no turn in between.
    up, down = steps[zero : most + 1], steps[most:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)


def test_an_aborted_transaction_wakes_one_pod_that_passes_it_and_goes_again(
    cluster: ControlPlane, namespace: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    stream = make_stream(PARTITIONS)
    send(stream, [*documents(stream), *questions(stream, range(8))])
    assert stream.command("run", "--once").returncode == 0
    release = Release(cluster, namespace)
    release.install(on(stream, minReplicas=0, keda={"lagPerReplica": 100, "workSeconds": {"from": "none"}}))
    with release.watched(tmp_path / "replicas") as replicas:
        # What is there is done, markers included: they do not keep a pod.
        until(lambda: replicas.now == 0, "zero pods beside the markers of what is done", SECONDS, every=0.5)
        send(stream, questions(stream, range(8, 16)), abort=True)
        until(lambda: replicas.now == 1, "a pod for records that nobody will ever see", SECONDS, every=0.5)
        program = stream.start()
        until(lambda: replicas.now == 0, "zero pods once they are passed", SECONDS, every=0.5)
        assert program.stop() == TERMINATED
        assert max(replicas.steps) == 1
    assert committed(stream, stream.topics.questions) == log_ends(stream, stream.topics.questions)
    assert len(stream.answers()) == 8


def test_markers_that_a_killed_pod_left_wake_one_pod_unless_the_activation_lag_is_as_high(
    cluster: ControlPlane, namespace: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    stream = make_stream(PARTITIONS)
    asked = stream.topics.questions
    send(stream, [*documents(stream), *questions(stream, range(32))])
    assert stream.command("run", "--once").returncode == 0
    # As after a kill between a chunk's commit and the idle one: behind the last record, in front of its marker.
    rewind(stream, asked, by=1)
    markers = sum(log_ends(stream, asked).values()) - sum(offset or 0 for offset in committed(stream, asked).values())
    assert markers == PARTITIONS
    release = Release(cluster, namespace)
    keda = {"lagPerReplica": 100, "workSeconds": {"from": "none"}}
    release.install(on(stream, minReplicas=0, keda=keda | {"activationLag": markers}))
    with release.watched(tmp_path / "replicas") as replicas:
        until(lambda: replicas.now == 0, "zero pods at a lag that is not above the activation lag", SECONDS, every=0.5)
        time.sleep(8)
        assert replicas.steps[-1] == 0
        release.install(on(stream, minReplicas=0, keda=keda | {"activationLag": 0}))
        until(lambda: replicas.now == 1, "a pod for markers", SECONDS, every=0.5)
        program = stream.start()
        until(lambda: replicas.now == 0, "zero pods once they are passed", SECONDS, every=0.5)
        assert program.stop() == TERMINATED
        assert replicas.steps[-3:] == [0, 1, 0]
    assert committed(stream, asked) == log_ends(stream, asked)
    assert len(stream.answers()) == 32


def test_seconds_of_work_scale_it_where_the_lag_is_low(
    cluster: ControlPlane, namespace: str, make_stream: MakeStream, tmp_path: Path
) -> None:
    address = own_address()
    port = free_port()
    stream = make_stream(PARTITIONS, HTTP__HOST="0.0.0.0", HTTP__PORT=str(port))  # noqa: S104  an endpoint's address
    # Few questions about long documents: eight windows each.
    long = " ".join([TEXT] * 300)
    send(stream, [document(stream.topics.documents, f"d{number}", long) for number in range(16)])
    release = Release(cluster, namespace)
    values = on(stream, minReplicas=1, keda={"lagPerReplica": 1_000_000, "workSeconds": {"perReplica": 0.5}})
    release.install(values | {"http": {"port": port}})
    # Nobody's pod runs here: the program beside the cluster is the Service's one endpoint.
    cluster.apply(endpoint(namespace, address, port))
    with release.watched(tmp_path / "replicas") as replicas:
        stream.start()
        until(lambda: replicas.now == 1, "one pod without work", SECONDS, every=0.5)
        send(stream, questions(stream, range(48)))
        until(lambda: replicas.now == PARTITIONS, "more pods for seconds of work", SECONDS, every=0.5)
        until(lambda: replicas.now == 1, "one pod once it is done", 2 * SECONDS, every=0.5)
        print(f"pods asked for: {replicas.steps}")  # noqa: T201  shown with the measurement
    assert len(stream.answers()) == 48


def own_address() -> str:
    """This machine's, not the loopback's, which no endpoint may have; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback's, which Kubernetes takes for no endpoint")
        return str(probe.getsockname()[0])


def endpoint(namespace: str, address: str, port: int) -> dict[str, object]:
    service = f"{CONSUMER}-consumers"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-tests",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }
