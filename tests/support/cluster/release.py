"""A release of the chart in a control plane, and how many pods it was asked to have."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cluster.chart import CHART, RELEASE, Values, helm
from tests.support.cluster.control_plane import ControlPlane
from tests.support.kafka.stream import Stream

CONSUMER = f"{RELEASE}-spanstream"


@dataclass(frozen=True)
class Release:
    """One release, in a namespace of its own."""

    cluster: ControlPlane
    namespace: str

    def helm(self, *arguments: str | Path, values: Values | None = None) -> str:
        """Returns what helm prints; it asks this cluster, in this namespace.

        Raises:
            subprocess.CalledProcessError: it is refused.
        """
        where = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}")
        return helm(*arguments, *where, values=values).stdout

    def install(self, values: Values, *files: Path) -> str:
        """Installs it, or upgrades to other values."""
        options = [f"--values={file}" for file in files]
        return self.helm("upgrade", "--install", RELEASE, CHART, *options, values=values)

    def get(self, *arguments: str) -> Any:
        return self.cluster.get(*arguments, f"--namespace={self.namespace}")

    @property
    def replicas(self) -> int:
        """Pods that the consumer's Deployment is asked to have."""
        return int(self.get("deployment", CONSUMER)["spec"]["replicas"])

    @contextmanager
    def watched(self, file: Path) -> Iterator[Replicas]:
        """Yields every number of pods that the Deployment is asked to have, from now on."""
        command = [
            str(self.cluster.programs / "kubectl"),
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--namespace={self.namespace}",
            "get",
            "deployment",
            CONSUMER,
            "--watch",
            r'--output=jsonpath={.spec.replicas}{"\n"}',
        ]
        with file.open("wb") as out:
            watching = subprocess.Popen(command, stdout=out)
            try:
                yield Replicas(file)
            finally:
                watching.terminate()
                watching.wait(20)


@dataclass(frozen=True)
class Replicas:
    """The numbers, each once as long as it stayed."""

    file: Path

    @property
    def steps(self) -> list[int]:
        return [number for number, _ in itertools.groupby(map(int, self.file.read_text().split()))]

    @property
    def now(self) -> int:
        return self.steps[-1] if self.steps else -1


def on(stream: Stream, **scaling: Any) -> dict[str, Any]:
    """Values for the stream's topics, with seconds where an installation has minutes."""
    step = {"stabilizationWindowSeconds": 3, "pods": 4, "periodSeconds": 2}
    keda = {"pollingInterval": 1, "cooldownPeriod": 4, **scaling.pop("keda", {})}
    topics = stream.topics
    return {
        "kafka": {
            "bootstrapServers": stream.bootstrap,
            "groupId": stream.name,
            "partitions": stream.partitions,
            "topics": {
                "documents": topics.documents,
                "questions": topics.questions,
                "answers": topics.answers,
                "deadLetters": topics.dead_letters,
                "retries": topics.retries,
            },
        },
        "settings": {"SPANSTREAM_TOPICS__OPEN_QUESTIONS": topics.open_questions},
        "autoscaling": {
            "mode": "keda",
            "maxReplicas": stream.partitions,
            "behavior": {"scaleUp": step, "scaleDown": step},
            "keda": keda,
            **scaling,
        },
    }
