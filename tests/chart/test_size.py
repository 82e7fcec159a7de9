"""`spanstream size` with the real model, and the chart that takes what it prints."""

from __future__ import annotations

import re
import subprocess
import sys

import yaml

from tests.support.cluster.chart import only, render
from tests.support.kafka.stream import REPOSITORY, artifact_folder


def size(*options: str) -> subprocess.CompletedProcess[str]:
    artifact_folder()  # skips where there is none
    command = [sys.executable, "-m", "spanstream.consumer", "size", *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_the_chart_takes_the_values_that_it_prints() -> None:
    done = size("-q", "400", "-w", "2", "--threads", "2", "--windows-per-second", "70", "--values")
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(done.stdout)
    manifests = render(values | {"autoscaling": values["autoscaling"] | {"mode": "keda"}})
    assert values["kafka"]["partitions"] == 34
    assert only(manifests, "ScaledObject")["spec"]["maxReplicaCount"] == 17
    (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["cpu"] == "2"


def test_a_rate_that_is_not_given_is_measured_here() -> None:
    done = size("--questions-per-second", "1", "--threads", "1", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    rate = re.search(r"(\d+) windows/s a pod with 1 threads", done.stdout)
    assert rate is not None
    assert int(rate[1]) > 0


def test_a_load_of_nothing_is_wrong_usage() -> None:
    done = size("--questions-per-second", "0")
    assert done.returncode == 2
    assert "questions-per-second" in done.stderr
