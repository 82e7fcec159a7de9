"""A control plane with KEDA, once for all tests here, and streams in a real broker for releases to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.keda import start_keda
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.stream import Stream


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, the API server and the controllers."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("control-plane"))
    yield plane
    plane.stop()


@pytest.fixture(scope="session")
def cluster(plane: ControlPlane) -> ControlPlane:
    """Returns the control plane with KEDA, and the custom resources of Prometheus' operator."""
    start_keda(plane)
    return plane


@pytest.fixture
def namespace(cluster: ControlPlane, request: pytest.FixtureRequest) -> str:
    """Returns a namespace of the test's own, where Pod Security admits nothing that is not restricted."""
    name = f"t{abs(hash(request.node.nodeid)):x}"[:20]
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    return name


@pytest.fixture
def make_stream(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Callable[..., Stream]]:
    """Makes streams in the session's broker."""
    made: list[Stream] = []

    def make(partitions: int, **settings: str) -> Stream:
        stream = Stream(kafka.bootstrap, tmp_path, partitions, settings)
        made.append(stream)
        stream.create_topics()
        return stream

    yield make
    for stream in made:
        stream.close()
