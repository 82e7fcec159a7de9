"""Values: what they say comes out where it belongs, and their comments, schema and README are about all of them."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import yaml

from spanstream.consumer.settings.table import rows
from tests.support.cluster.chart import CHART, RELEASE, Values, kinds, only, pod_specs, render
from tests.support.cluster.tools import tool

NAME = f"{RELEASE}-spanstream"
KEDA = "keda.sh/v1alpha1/ScaledObject"


def test_auto_takes_keda_where_the_cluster_has_it_and_the_autoscaler_where_not() -> None:
    without, having = kinds(render()), kinds(render(has=(KEDA,)))
    assert ("HorizontalPodAutoscaler", NAME) in without
    assert ("ScaledObject", NAME) not in without
    assert ("ScaledObject", NAME) in having
    assert ("HorizontalPodAutoscaler", NAME) not in having


def test_only_where_nothing_scales_it_the_deployment_says_how_many_pods() -> None:
    assert "replicas" not in only(render(), "Deployment")["spec"]
    assert only(render({"autoscaling": {"enabled": False}, "replicaCount": 3}), "Deployment")["spec"]["replicas"] == 3


def test_both_topics_scale_it_and_nothing_can_go_above_the_partitions() -> None:
    scaled = only(render({"autoscaling": {"mode": "keda"}}), "ScaledObject")["spec"]
    lag = [trigger["metadata"] for trigger in scaled["triggers"] if trigger["type"] == "kafka"]
    assert [trigger["topic"] for trigger in lag] == ["qa.questions", "qa.retries"]
    assert {trigger["offsetResetPolicy"] for trigger in lag} == {"earliest"}
    assert {trigger["allowIdleConsumers"] for trigger in lag} == {"false"}
    # KEDA takes what stands between the first two dots for the namespace, a port included.
    (url,) = (trigger["metadata"]["url"] for trigger in scaled["triggers"] if trigger["type"] == "metrics-api")
    assert url == f"http://{NAME}-consumers.qa.svc:8080/metrics"
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 30


def test_a_rollout_never_needs_one_pod_more_than_there_are_partitions() -> None:
    strategy = only(render(), "Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_static_membership_names_each_member_by_its_pod() -> None:
    manifests = render({"kafka": {"staticMembership": True}, "autoscaling": {"mode": "keda"}})
    only(manifests, "StatefulSet", NAME)
    assert only(manifests, "ScaledObject")["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"
    (variable,) = pod_specs(manifests)[NAME]["containers"][0]["env"]
    assert variable["name"] == "SPANSTREAM_KAFKA__GROUP_INSTANCE_ID"
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def checksum(values: Values) -> str:
    template = only(render(values), "Deployment")["spec"]["template"]
    return str(template["metadata"]["annotations"]["checksum/settings"])


def test_another_setting_makes_new_pods_and_another_number_of_pods_does_not() -> None:
    before = checksum({})
    assert checksum({"settings": {"SPANSTREAM_RETRIES__MAX_ATTEMPTS": 3}}) != before
    assert checksum({"kafka": {"topics": {"answers": "other"}}}) != before
    assert checksum({"autoscaling": {"maxReplicas": 2}}) == before


def test_the_gpu_pool_has_its_nodes_its_device_its_image_and_its_own_range() -> None:
    manifests = render({"gpu": {"enabled": True}, "autoscaling": {"mode": "keda"}})
    pod = pod_specs(manifests)[f"{NAME}-gpu"]
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert container["image"] == "spanstream:0.1.0-gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert {"name": "SPANSTREAM_MODEL__GPU_SPILL_SECONDS", "value": "0.5"} in container["env"]
    scaled = only(manifests, "ScaledObject", f"{NAME}-gpu")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (0, 2)
    assert {trigger["metadata"]["activationLagThreshold"] for trigger in scaled["triggers"]} == {"20000"}
    assert "nodeSelector" not in pod_specs(manifests)[NAME]


def test_the_artifact_is_fetched_by_its_sha256_before_the_program_starts() -> None:
    fetch = {"url": "https://models.example.com/a.tar.gz", "sha256": "0" * 64}
    pod = pod_specs(render({"model": {"source": "fetch", "fetch": fetch}}))[NAME]
    (init,) = pod["initContainers"]
    assert init["args"] == ["model", "fetch", "$(MODEL_URL)", "--sha256", "0" * 64, "--output", "/model/artifact"]
    assert init["env"] == [{"name": "MODEL_URL", "value": fetch["url"]}]
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["model"]["readOnly"] is True


def test_the_replay_job_names_its_reasons_and_asks_nobody() -> None:
    (container,) = pod_specs(render({"replay": {"enabled": True}}))[f"{NAME}-replay"]["containers"]
    assert container["args"] == ["replay", "run", "--reason", "document_missing", "--max-attempts", "3", "--yes"]


def test_what_a_replay_did_is_written_to_its_own_volume_which_may_outlive_the_pod() -> None:
    for claim, volume in (
        ("", {"emptyDir": {"sizeLimit": "1Gi"}}),
        ("kept", {"persistentVolumeClaim": {"claimName": "kept"}}),
    ):
        pod = pod_specs(render({"replay": {"enabled": True, "manifestsClaim": claim}}))[f"{NAME}-replay"]
        (container,) = pod["containers"]
        assert container["workingDir"] == "/manifests"
        assert {"name": "manifests", "mountPath": "/manifests"} in container["volumeMounts"]
        assert {"name": "manifests", **volume} in pod["volumes"]


def test_keda_reads_the_same_secrets_as_the_pods() -> None:
    manifests = render({}, CHART / "examples" / "large.yaml")
    references = only(manifests, "TriggerAuthentication")["spec"]["secretTargetRef"]
    assert {secret["parameter"]: (secret["name"], secret["key"]) for secret in references} == {
        "username": ("spanstream-kafka", "username"),
        "password": ("spanstream-kafka", "password"),
        "ca": ("spanstream-kafka", "ca.crt"),
    }


def test_every_setting_that_the_chart_takes_for_itself_is_one_of_the_programs() -> None:
    known = {row.name for row in rows()}
    text = "".join(file.read_text() for file in (CHART / "templates").iterdir())
    words = {word.strip('":;,}{') for word in text.split() if "SPANSTREAM_" in word}
    # A name that ends in two underscores is the beginning of those of a group.
    named = {word.removesuffix(":").removesuffix("__") for word in words if word.replace("_", "").isalnum()}
    settings = {re.sub("__CLIENT__.*", "__CLIENT", word) for word in named}  # without the properties of a client
    ours = {word for word in settings if not word.startswith("SPANSTREAM_TRIAGE")}
    assert ours
    assert ours <= known | {"SPANSTREAM_"}, ours - known


def test_every_value_is_in_the_schema_and_has_a_comment() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def known(at: dict[str, Any]) -> dict[str, Any]:
        parts = [
            schema["$defs"][part["$ref"].rpartition("/")[2]] for part in [at, *at.get("allOf", [])] if "$ref" in part
        ]
        found: dict[str, Any] = {}
        for part in [at, *parts]:
            found |= part.get("properties", {})
        return found

    def walk(value: Any, at: dict[str, Any], path: str) -> None:
        properties = known(at)
        for name, inner in value.items():
            assert name in properties, f"{path}{name}"
            if isinstance(inner, dict) and known(properties[name]):
                walk(inner, properties[name], f"{path}{name}.")

    walk(values, schema, "")
    lines = (CHART / "values.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        name, _, rest = line.partition(":")
        is_leaf = rest.strip() and name.strip().isidentifier()
        if is_leaf and not name.strip().startswith(("cpu", "memory", "grafana", "nvidia")):
            above = lines[number - 1].strip()
            assert above.startswith("#"), f"{line} (line {number + 1}) has no comment"


def test_the_readmes_table_is_the_values() -> None:
    done = subprocess.run(
        [tool("helm-docs") / "helm-docs", f"--chart-search-root={CHART}", "--dry-run", "--log-level=error"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (CHART / "README.md").read_text().strip(), "make chart"


def test_large_numbers_are_written_as_the_program_and_keda_read_them() -> None:
    million = 1_000_000
    manifests = render(
        {
            "settings": {"SPANSTREAM_DOCUMENTS__MEMORY_BYTES": 67108864, "SPANSTREAM_RETRIES__DELAY_SECONDS": 0.5},
            "autoscaling": {"mode": "keda", "keda": {"lagPerReplica": million, "cooldownPeriod": million}},
            "gpu": {"enabled": True, "activationLag": 3 * million, "lagPerReplica": million},
            "replay": {"enabled": True, "activeDeadlineSeconds": million},
            "triage": {"enabled": True, "playbook": "x", "settings": {"SPANSTREAM_TRIAGE__BYTES": million}},
        }
    )
    data = only(manifests, "ConfigMap", f"{NAME}-settings")["data"]
    assert data["SPANSTREAM_DOCUMENTS__MEMORY_BYTES"] == "67108864"
    assert data["SPANSTREAM_RETRIES__DELAY_SECONDS"] == "0.5"
    scaled = only(manifests, "ScaledObject", NAME)["spec"]
    assert scaled["cooldownPeriod"] == million
    assert scaled["triggers"][0]["metadata"]["lagThreshold"] == "1000000"
    assert (
        only(manifests, "ScaledObject", f"{NAME}-gpu")["spec"]["triggers"][0]["metadata"]
        | {
            "activationLagThreshold": "3000000",
            "lagThreshold": "1000000",
        }
        == only(manifests, "ScaledObject", f"{NAME}-gpu")["spec"]["triggers"][0]["metadata"]
    )
    assert only(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == million
    variables = pod_specs(manifests)[f"{NAME}-triage"]["containers"][0]["env"]
    assert {"name": "SPANSTREAM_TRIAGE__BYTES", "value": "1000000"} in variables
