"""The chart in a real API server: Pod Security admits every pod, and upgrades go there and back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cluster.chart import CHART, EXAMPLES, RELEASE
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.release import CONSUMER, Release
from tests.support.kafka.program import until

pytestmark = pytest.mark.timeout(600)

BROKERS: dict[str, Any] = {"kafka": {"bootstrapServers": "kafka:9092"}}
# What no example switches on.
REST: dict[str, Any] = {
    "kafka": {"bootstrapServers": "kafka:9092", "staticMembership": True},
    "autoscaling": {"mode": "keda"},
    "triage": {"enabled": True, "playbook": "look: for this"},
    "feedback": {"enabled": True},
    "replay": {"enabled": True},
    "topicCreation": {"mode": "job"},
    "existingSecret": "spanstream",
    "commonLabels": {"team": "support"},
    "annotations": {"reloader.stakater.com/auto": "true"},
    "extraVolumes": [{"name": "ca", "configMap": {"name": "house-ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/house-ca", "readOnly": True}],
    "securityContext": {"runAsUser": 10002},
    "topologySpreadConstraints": [
        {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
}
INSTALLS: dict[str, tuple[dict[str, Any], tuple[Path, ...]]] = {
    "default": (BROKERS, ()),
    "rest": (REST, ()),
    **{file.stem: ({}, (file,)) for file in EXAMPLES},
}


@pytest.fixture
def release(cluster: ControlPlane, namespace: str) -> Release:
    return Release(cluster, namespace)


def makers(release: Release) -> list[dict[str, Any]]:
    """Returns what makes pods for ever, that is asked for some."""
    controllers = release.get("deployments,statefulsets")["items"]
    return [controller for controller in controllers if controller["spec"]["replicas"]]


def pods(release: Release, component: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = release.get("pods", f"--selector=app.kubernetes.io/component={component}")["items"]
    return items


@pytest.mark.parametrize("install", INSTALLS)
def test_every_object_is_taken_and_every_pod_is_admitted_as_restricted(release: Release, install: str) -> None:
    values, files = INSTALLS[install]
    notes = release.install(values, *files)
    assert "Does it work?" in notes
    assert makers(release)
    wanted = [maker["metadata"]["labels"]["app.kubernetes.io/component"] for maker in makers(release)]
    wanted += ["topics"] if "topicCreation" in values else []
    until(lambda: all(pods(release, component) for component in wanted), f"a pod of each of {wanted}", every=0.5)
    for job in release.get("cronjobs")["items"]:
        name = job["metadata"]["name"]
        release.cluster.kubectl("create", "job", "now", f"--from=cronjob/{name}", f"--namespace={release.namespace}")
        until(lambda: bool(pods(release, "replay")), "a pod of the replay job", every=0.5)
    failed = [event for event in release.get("events")["items"] if event["reason"] == "FailedCreate"]
    assert not failed, failed[0]["message"]
    assert release.helm("uninstall", RELEASE, "--wait", "--timeout=60s")


def test_a_pod_that_is_not_restricted_is_not_admitted_there(release: Release) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        release.cluster.kubectl("run", "free", "--image=free:1", f"--namespace={release.namespace}")
    assert "violates PodSecurity" in refused.value.stderr


def template(release: Release) -> dict[str, Any]:
    pod_template: dict[str, Any] = release.get("deployment", CONSUMER)["spec"]["template"]
    return pod_template


def test_an_upgrade_to_another_version_goes_there_and_back(release: Release, tmp_path: Path) -> None:
    fixed = BROKERS | {"autoscaling": {"enabled": False}, "replicaCount": 2}
    release.install(fixed)
    until(lambda: len(pods(release, "consumer")) == 2, "two pods", every=0.5)
    before = template(release)

    newer = tmp_path / "spanstream"
    shutil.copytree(CHART, newer)
    about = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "0.2.0", "appVersion": "0.2.0"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(about))
    release.helm("upgrade", RELEASE, newer, values=fixed | {"settings": {"SPANSTREAM_RETRIES__MAX_ATTEMPTS": 3}})
    after = template(release)
    assert after["spec"]["containers"][0]["image"] == "spanstream:0.2.0"
    assert after["metadata"]["annotations"] != before["metadata"]["annotations"]
    assert release.get("configmap", f"{CONSUMER}-settings")["data"]["SPANSTREAM_RETRIES__MAX_ATTEMPTS"] == "3"
    # The old pods go first, one at a time, and never are there more than were asked for.
    until(lambda: len(release.get("replicasets")["items"]) == 2, "a second ReplicaSet", every=0.5)
    assert len(pods(release, "consumer")) <= 2

    release.helm("rollback", RELEASE, "1")
    assert template(release) == before
    assert "SPANSTREAM_RETRIES__MAX_ATTEMPTS" not in release.get("configmap", f"{CONSUMER}-settings")["data"]


def test_a_new_version_of_the_chart_alone_makes_no_new_pods(release: Release, tmp_path: Path) -> None:
    release.install(BROKERS | {"image": {"tag": "1"}})
    before = template(release)
    newer = tmp_path / "spanstream"
    shutil.copytree(CHART, newer)
    about = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "0.2.0"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(about))
    release.helm("upgrade", RELEASE, newer, values=BROKERS | {"image": {"tag": "1"}})
    assert template(release) == before


def test_auto_finds_keda_in_the_cluster(release: Release) -> None:
    release.install(BROKERS)
    assert release.get("scaledobject", CONSUMER)["spec"]["maxReplicaCount"] == 6
