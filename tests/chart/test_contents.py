"""Texts out of the values, whatever is in them, and values that are left empty."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.cluster.chart import CHART, RELEASE, Refused, only, pod_specs, render

# Everything that values can ask for.
EVERYTHING: dict[str, Any] = {
    "autoscaling": {"mode": "keda"},
    "model": {"source": "fetch", "fetch": {"url": "https://models.example.com/a", "sha256": "0" * 64}},
    "gpu": {"enabled": True},
    "triage": {"enabled": True, "playbook": "look: for this", "autoscaling": {"enabled": True}},
    "feedback": {"enabled": True, "autoscaling": {"enabled": True}},
    "index": {"enabled": True, "autoscaling": {"enabled": True}},
    "settings": {"SPANSTREAM_INDEX__URI": "https://search.example.com"},
    "replay": {"enabled": True},
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
}
NAME = f"{RELEASE}-spanstream"
PLAYBOOK = f"{NAME}-triage-playbook"

NASTY = {
    "an indented comment first": "  # what to look for\nfields:\n  error: x\n",
    "an empty line and an indented one first": "\n   \n  fields: {}\n",
    "a tab first": "\tfields: {}\n",
    "no end of line": "fields: {}",
    "many ends of line": "fields: {}\n\n\n",
    "spaces at the ends of lines": "fields:   \n  error: x  \n   ",
    "another system's ends of line": "fields:\r\n  error: x\r\n",
    "a byte-order mark": "\ufefffields: {}\n",
    "documents and directives": "%YAML 1.2\n---\nfields: {}\n...\n---\n# more\n",
    "what templates are made of": '{{ .Values.kafka }} {{- fail "no" }} {{/* */}}\n',
    "quotes and escapes": 'a: "b\\n\\"c" \'d\' \\ %s %!d $(MODEL_URL) ${HOME}\n',
    "what YAML takes for something else": "yes",
    "a number": "0777",
    "nothing but spaces": "   ",
    "letters of many scripts": "Grüße: 你好 \U0001f600 \u2028\u2029\u00a0\n",
    "control characters": "a: \x07\x1b[31m\x7f\x85\x9b\n",
    "long lines": "a: " + "word " * 200 + "\n" + "b" * 500 + "\n",
    "markup": "<a href='x'>&amp;</a>\n",
}


@pytest.mark.parametrize("case", NASTY)
def test_a_playbook_arrives_as_it_was_written(case: str) -> None:
    manifests = render({"triage": {"enabled": True, "playbook": NASTY[case]}})
    assert only(manifests, "ConfigMap", PLAYBOOK)["data"] == {"playbook.yaml": NASTY[case]}


def test_annotations_labels_and_variables_arrive_as_they_were_written() -> None:
    # Without control characters, for which helm's toYaml has no form.
    texts = {f"example.com/{number}": text for number, text in enumerate(NASTY.values()) if "\x07" not in text}
    values = {
        "podAnnotations": texts,
        "serviceAccount": {"annotations": texts},
        "settings": {"SPANSTREAM_REDIS__NAMESPACE": NASTY["quotes and escapes"]},
        "extraEnv": [{"name": f"TEXT_{number}", "value": text} for number, text in enumerate(texts.values())],
    }
    manifests = render(values)
    assert only(manifests, "ServiceAccount")["metadata"]["annotations"] == texts
    template = only(manifests, "Deployment")["spec"]["template"]
    assert texts.items() <= template["metadata"]["annotations"].items()
    (container,) = template["spec"]["containers"]
    assert [variable["value"] for variable in container["env"]] == list(texts.values())
    settings = only(manifests, "ConfigMap")["data"]
    assert settings["SPANSTREAM_REDIS__NAMESPACE"] == NASTY["quotes and escapes"]


@pytest.mark.parametrize("file", ["yes", "1.5", "null", "2026-01-31"])
def test_a_playbooks_file_is_a_text_whatever_yaml_takes_its_name_for(file: str) -> None:
    manifests = render({"triage": {"enabled": True, "playbook": "x", "playbookFile": file}})
    assert only(manifests, "ConfigMap", PLAYBOOK)["data"] == {file: "x"}


def test_the_dashboard_arrives_as_it_lies_in_the_chart() -> None:
    manifests = render({"monitoring": {"dashboard": {"enabled": True}}})
    data = only(manifests, "ConfigMap", f"{NAME}-dashboard")["data"]
    assert data == {"spanstream.json": (CHART / "files" / "dashboard.json").read_text()}


@pytest.mark.parametrize("release", ["true", "1234"])
def test_a_releases_name_is_a_text_whatever_yaml_takes_it_for(release: str) -> None:
    for manifest in render(EVERYTHING, release=release):
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == release
        assert all(isinstance(label, str) for label in labels.values())


def test_labels_by_which_others_find_an_object_win_over_the_charts_own() -> None:
    label = {"app.kubernetes.io/instance": "prometheus"}
    manifests = render({"monitoring": {name: {"enabled": True, "labels": label} for name in EVERYTHING["monitoring"]}})
    for kind, name in (("ServiceMonitor", NAME), ("PrometheusRule", NAME), ("ConfigMap", f"{NAME}-dashboard")):
        labels = only(manifests, kind, name)["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "prometheus"
        assert labels["app.kubernetes.io/name"] == "spanstream"


def test_large_and_small_numbers_do_not_change_on_their_way() -> None:
    manifests = render(
        EVERYTHING
        | {
            "autoscaling": {"mode": "keda", "keda": {"workSeconds": {"perReplica": 0.4}}},
            "model": EVERYTHING["model"] | {"fetch": EVERYTHING["model"]["fetch"] | {"sizeLimit": 3_000_000_000}},
        }
    )
    rules = {rule["alert"]: rule for rule in only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]}
    assert rules["SpanstreamWorkPilesUp"]["expr"].endswith("> 0.8")
    pod = pod_specs(manifests)[NAME]
    assert {"name": "model", "emptyDir": {"sizeLimit": "3000000000"}} in pod["volumes"]


def test_the_limits_of_drift_are_those_of_the_values() -> None:
    limits = {"enabled": True, "driftIndex": 0.4, "readWholeRatio": 0.9, "answeredRatio": 0.25}
    manifests = render({"monitoring": {"prometheusRule": limits}})
    rules = {rule["alert"]: rule["expr"] for rule in only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]}
    assert rules["SpanstreamDrift"].endswith("> 0.4")
    assert rules["SpanstreamLongDocumentsCut"].endswith("< 0.9")
    assert rules["SpanstreamAnswersFewer"].count("< 0.25 * ") == 2


# What an operator may well leave out: an amount, a label, the platform's choice.
NULLABLE = (
    "cpu",
    "memory",
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "to",
    "ingressFrom",
    "labels",
    "caKey",
    "nodeSelector",
    "tolerations",
    "spreadOver",
)
EMPTY: tuple[Any, ...] = (None, "", [], {})


def defaults(values: dict[str, Any] | None = None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Returns each value's default by its path, without the groups that hold values."""
    if values is None:
        values = yaml.safe_load((CHART / "values.yaml").read_text())
    found: dict[tuple[str, ...], Any] = {}
    for name, value in values.items():
        is_group = isinstance(value, dict) and value and not any("/" in key or "_" in key for key in value)
        found |= defaults(value, (*path, name)) if is_group else {(*path, name): value}
    return found


def nulls(paths: list[tuple[str, ...]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for *groups, name in paths:
        inner = values
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = None
    return values


def test_a_value_that_is_empty_by_default_may_be_left_empty_as_yaml_leaves_it() -> None:
    empty = [path for path, value in defaults().items() if value in EMPTY and path != ("kafka", "bootstrapServers")]
    assert len(empty) > 30
    values = nulls(empty)
    values["kafka"]["bootstrapServers"] = "kafka:9092"
    assert render(values) == render()


def test_any_other_value_that_is_left_empty_is_named() -> None:
    needed = [path for path, value in defaults().items() if value not in EMPTY and path[-1] not in NULLABLE]
    assert len(needed) > 80
    with pytest.raises(Refused) as refused:
        render(nulls(needed))
    missing = str(refused.value)
    for *groups, name in needed:
        (line,) = [
            line for line in missing.splitlines() if f"at '{''.join(f'/{group}' for group in groups)}': missing" in line
        ] or [""]
        assert f"'{name}'" in line, f"{groups} {name}"
