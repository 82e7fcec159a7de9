"""The chart's Job in a real API server, and what it runs on a real broker; objects of one's own beside it.

There are no nodes, so no pod runs: what the Job's pod would run is run beside the cluster, in that pod's environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.operations.topics import topic_specs
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.release import CONSUMER, Release, on
from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.program import until
from tests.support.kafka.stream import REPOSITORY, Stream

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 4
OWN = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": '{{ include "spanstream.name" . }}-own'},
    "data": {"group": "{{ .Values.kafka.groupId }}"},
}


def run_as(release: Release, pod: dict[str, Any]) -> str:
    """Runs what the pod's container would run; returns what it prints."""
    (container,) = pod["spec"]["containers"]
    settings = release.get("configmap", container["envFrom"][0]["configMapRef"]["name"])["data"]
    done = subprocess.run(
        [sys.executable, "-m", "spanstream.consumer", *container["args"]],
        cwd=REPOSITORY,
        env=dict(os.environ) | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_job_creates_the_topics_and_is_another_one_only_where_it_would_do_something_else(
    cluster: ControlPlane, namespace: str, kafka: KafkaBroker, tmp_path: Path
) -> None:
    stream = Stream(kafka.bootstrap, tmp_path, PARTITIONS, {})
    release = Release(cluster, namespace)
    values = on(stream) | {"topicCreation": {"mode": "job"}, "extraObjects": [OWN]}

    def jobs() -> list[str]:
        return [job["metadata"]["name"] for job in release.get("jobs")["items"]]

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = release.get("pods", "--selector=app.kubernetes.io/component=topics")["items"]
        return found

    release.install(values)
    assert release.get("configmap", f"{CONSUMER}-own")["data"] == {"group": stream.name}
    until(lambda: len(pods()) == 1, "a pod of the Job", every=0.5)
    assert run_as(release, pods()[0]).count(": created") == 8
    expected = {spec.name: spec.partitions for spec in topic_specs(stream.topics, partitions=PARTITIONS)}
    found = TopicAdmin(stream.config).describe(list(expected))
    assert {name: spec.partitions for name, spec in found.items()} == expected
    assert run_as(release, pods()[0]).count(": was there") == 8

    (first,) = jobs()
    values["autoscaling"]["maxReplicas"] = PARTITIONS - 1
    release.install(values)
    assert jobs() == [first]
    values["topicCreation"]["job"] = {"resources": {"limits": {"cpu": "2"}}}
    release.install(values)
    (second,) = jobs()
    assert second != first
    stream.close()
