"""KEDA's own operator and adapter and Kubernetes' own controllers scale the chart's consumer, by a real group's lag.

There are no nodes, so no pod runs: the consumer that takes the lag off is the same program, started beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consumer.broker import Outgoing
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.release import Release, on
from tests.support.cluster.transactions import committed, log_ends, send
from tests.support.stream import Stream, document, question, until

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
        assert program.stop() == 0

        asked = stream.topics.questions
        # Every transaction left a marker in each partition it wrote to: the topic is longer than what was asked.
        assert sum(log_ends(stream, asked).values()) > 81
        assert committed(stream, asked) == log_ends(stream, asked)
        # Markers are lag to KEDA, and there is none of them: nothing wakes up again.
        time.sleep(10)
        assert replicas.now == 0
        steps = replicas.steps
    assert len(stream.answers()) == 81
    print(f"pods asked for: {steps}")  # noqa: T201
    zero, one = steps.index(0), steps.index(1, steps.index(0))
    most = steps.index(PARTITIONS)
    assert zero < one < most
    assert steps[-2:] == [1, 0]
    assert max(steps) == PARTITIONS
    # Up to the top, down to the end, and no turn in between.
    up, down = steps[zero : most + 1], steps[most:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
