"""What the chart renders: valid by the API's schemas, sound by a policy tool, and understood by the program itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from typer.main import get_command

from spanstream.consumer.broker.kafka.properties import member_properties
from spanstream.consumer.cli.program import app
from spanstream.consumer.drift.metrics import DriftMetrics
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.feedback.metrics import FeedbackMetrics
from spanstream.consumer.indexing.metrics import IndexMetrics
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings
from spanstream.consumer.time_limits import longest_stop
from tests.support.cluster.chart import CHART, EXAMPLES, RELEASE, Object, helm, kinds, only, pod_specs, render
from tests.support.cluster.json_schemas import NAMES, write_schemas
from tests.support.cluster.tools import tool

# Everything switched on that an example leaves off.
EVERYTHING = {
    "kafka": {"staticMembership": True, "bootstrapServers": "a:9092, b:9093"},
    "autoscaling": {"mode": "keda", "maxReplicas": 10},
    "model": {"source": "fetch", "fetch": {"urlSecret": {"name": "model"}, "sha256": "0" * 64}},
    "gpu": {"enabled": True},
    "triage": {"enabled": True, "playbook": "look: for this", "autoscaling": {"enabled": True}},
    "feedback": {"enabled": True, "autoscaling": {"enabled": True}},
    "index": {"enabled": True, "autoscaling": {"enabled": True}},
    "settings": {"SPANSTREAM_INDEX__URI": "https://search.example.com"},
    "replay": {"enabled": True, "timeZone": "Europe/Zurich"},
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
    "topicCreation": {"mode": "job"},
    "existingSecret": "spanstream",
    "commonLabels": {"team": "support"},
    "annotations": {"reloader.stakater.com/auto": "true"},
    "extraVolumes": [{"name": "ca", "configMap": {"name": "house-ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/certs", "readOnly": True}],
    "topologySpreadConstraints": [
        {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    ],
}
INSTALLS: dict[str, tuple[dict[str, Any], tuple[Path, ...]]] = {
    "default": ({}, ()),
    "everything": (EVERYTHING, ()),
    **{file.stem: ({}, (file,)) for file in EXAMPLES},
}


@pytest.fixture(params=INSTALLS, scope="module")
def manifests(request: pytest.FixtureRequest) -> list[Object]:
    values, files = INSTALLS[request.param]
    return render(values, *files)


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(tool("apis"), folder)
    return folder


def conform(schemas: Path, manifests: list[Object]) -> subprocess.CompletedProcess[str]:
    location = f"{schemas}/{NAMES}"
    command = [str(tool("kubeconform") / "kubeconform"), "-strict", "-summary", "-schema-location", location]
    return subprocess.run(command, input=yaml.safe_dump_all(manifests), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_passes_helms_own_lint(example: Path) -> None:
    done = helm("lint", CHART, "--strict", f"--values={example}", check=False)
    assert done.returncode == 0, done.stdout


def test_every_manifest_is_what_the_apis_schema_asks_for(schemas: Path, manifests: list[Object]) -> None:
    done = conform(schemas, manifests)
    assert done.returncode == 0, done.stdout
    assert f"Valid: {len(manifests)}" in done.stdout


@pytest.mark.parametrize("kind", ["Deployment", "ScaledObject", "PrometheusRule"])
def test_a_misspelt_field_is_found_by_those_schemas(schemas: Path, kind: str) -> None:
    manifests = render(EVERYTHING)
    wrong = next(manifest for manifest in manifests if manifest["kind"] == kind)
    wrong["spec"]["replcas"] = 1
    assert "replcas" in conform(schemas, [wrong]).stdout


def test_a_policy_tool_finds_nothing_to_blame(manifests: list[Object]) -> None:
    others = ("keda.sh", "monitoring.coreos.com")
    known = [manifest for manifest in manifests if not manifest["apiVersion"].startswith(others)]
    left_out = any("runAsUser" not in pod["securityContext"] for pod in pod_specs(known).values())
    scored = score(known, *(["container-security-context-user-group-id"] if left_out else []))
    assert scored.returncode == 0, scored.stdout


# Each with its reason.
IGNORED = (
    "container-ephemeral-storage-request-and-limit",  # the root is read-only, and what is mounted has a size limit
    "container-image-pull-policy",  # IfNotPresent: the tag is a version's, or a digest is given
    "pod-probes",  # no Service sends requests to these pods: readiness is told, not routed by
    "pod-probes-identical",  # the startup and liveness probes ask the same on purpose
)


def score(manifests: list[Object], *unknown: str) -> subprocess.CompletedProcess[str]:
    """Returns what the tool says; `unknown` are tests about what only the cluster will fill in."""
    ignored = [option for test in (*IGNORED, *unknown) for option in ("--ignore-test", test)]
    command = [str(tool("kube-score") / "kube-score"), "score", *ignored, "--output-format=ci", "-"]
    return subprocess.run(command, input=yaml.safe_dump_all(manifests), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "damage",
    [
        {"securityContext": None},
        {"securityContext": {"privileged": True}},
        {"resources": {}},
        {"image": "spanstream:latest"},
    ],
    ids=str,
)
def test_the_policy_tool_does_blame_what_is_wrong(damage: Object) -> None:
    manifests = render({"autoscaling": {"enabled": False}})
    only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0] |= damage
    assert score(manifests).returncode != 0


def test_every_pod_is_as_restricted_as_pods_can_be(manifests: list[Object]) -> None:
    pods = pod_specs(manifests)
    assert pods
    for pod in pods.values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def environment(manifests: list[Object], pod: Object) -> dict[str, str]:
    """Returns the environment of the program in the pod; secrets and fields of the pod have stand-ins."""
    variables: dict[str, str] = {}
    (container,) = pod["containers"]
    for source in container["envFrom"]:
        if "secretRef" in source:
            continue
        variables |= only(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        variables[variable["name"]] = variable.get("value") or "redis://:secret@redis:6379/0"
    return variables


@pytest.fixture
def settings(manifests: list[Object], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Returns the settings that the program reads out of the consumer's environment."""
    for name, value in environment(manifests, pod_specs(manifests)[f"{RELEASE}-spanstream"]).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_program_reads_its_settings_out_of_the_pods_environment(
    settings: Settings, manifests: list[Object], request: pytest.FixtureRequest
) -> None:
    member_properties(settings.kafka)  # refuses a property that would break delivery
    pod = pod_specs(manifests)[f"{RELEASE}-spanstream"]
    (container,) = pod["containers"]
    assert settings.http.port == container["ports"][0]["containerPort"]
    assert longest_stop(settings.drain_seconds) < pod["terminationGracePeriodSeconds"]
    if request.node.callspec.params["manifests"] == "large":
        assert settings.kafka.client == {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "redis://:secret@redis:6379/0",
            "sasl.password": "redis://:secret@redis:6379/0",
            "ssl.ca.location": "/etc/spanstream/kafka/ca.crt",
        }
        assert settings.redis.url is not None


def test_every_variable_of_every_pod_is_a_setting(manifests: list[Object]) -> None:
    for pod in pod_specs(manifests).values():
        for name in environment(manifests, pod):
            first, *inner = name.removeprefix("SPANSTREAM_").lower().split("__")
            if first == "triage" and first not in Settings.model_fields:
                continue  # a program without the ticket stream
            group: Any = getattr(Settings.model_construct(), first)
            assert not inner or inner[0] in type(group).model_fields, name


def test_the_program_has_every_command_that_a_pod_runs(manifests: list[Object]) -> None:
    for pod in pod_specs(manifests).values():
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            command: Any = get_command(app)
            if container["args"][0] in {"triage", "replay"} - command.commands.keys():
                continue  # a program without them
            arguments = list(container["args"])
            while hasattr(command, "commands"):
                command = command.commands[arguments.pop(0)]
            command.make_context("spanstream", arguments)


def test_every_query_is_promql_about_metrics_that_the_program_exports() -> None:
    manifests = render(EVERYTHING | {"redis": {"url": "redis://redis:6379"}})
    rules = only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]
    (text,) = only(manifests, "ConfigMap", f"{RELEASE}-spanstream-dashboard")["data"].values()
    dashboard = yaml.safe_load(text)
    drawn = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(rules) == 15
    assert len(drawn) > 12
    for query in [*(rule["expr"] for rule in rules), *drawn]:
        parsed = promql_parser.parse(query.replace("$__rate_interval", "5m"))
        names = {word for word in metric_names(parsed.prettify()) if word.startswith("spanstream_")}
        assert names <= exported(), query
        assert names


def metric_names(query: str) -> list[str]:
    return query.replace("{", " ").replace("(", " ").split()


def exported() -> set[str]:
    """Names as Prometheus stores them, without those that are given up."""
    names: set[str] = set()
    registries = (
        Metrics().registry,
        DriftMetrics(DriftWatch(None, None, 1)),
        FeedbackMetrics().registry,
        IndexMetrics().registry,
    )
    for family in [family for registry in registries for family in registry.collect()]:
        behind = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        if not family.documentation.startswith("Deprecated"):
            names |= {family.name + suffix for suffix in behind}
    return names


def test_nothing_is_made_that_was_not_asked_for() -> None:
    assert sorted(kind for kind, _ in kinds(render())) == [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]
