"""The examples for Argo CD and Flux: fields that these document, and values that the chart takes."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.cluster.chart import CHART, Object, kinds, render

FOLDER = CHART / "examples" / "gitops"
ABOUT: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())


def objects(name: str) -> list[Object]:
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text()))


def test_argo_cds_application_is_what_its_specification_asks_for() -> None:
    (application,) = objects("argocd")
    assert (application["apiVersion"], application["kind"]) == ("argoproj.io/v1alpha1", "Application")
    spec = application["spec"]
    assert spec.keys() == {"project", "destination", "source", "syncPolicy"}
    assert spec["destination"].keys() == {"server", "namespace"}
    source = spec["source"]
    # `chart` with a `repoURL` that has no scheme is an OCI registry.
    assert source.keys() == {"repoURL", "chart", "targetRevision", "helm"}
    assert "://" not in source["repoURL"]
    assert source["chart"] == ABOUT["name"]
    assert source["targetRevision"] == ABOUT["version"]
    assert source["helm"].keys() == {"releaseName", "valuesObject"}
    assert spec["syncPolicy"].keys() == {"automated", "syncOptions"}
    assert set(spec["syncPolicy"]["syncOptions"]) == {"CreateNamespace=true", "ServerSideApply=true"}


def test_what_argo_cd_installs_has_no_hook_and_creates_its_topics() -> None:
    (application,) = objects("argocd")
    manifests = render(application["spec"]["source"]["helm"]["valuesObject"])
    assert {"Deployment", "ScaledObject", "Job"} <= {kind for kind, _ in kinds(manifests)}
    annotations = [manifest["metadata"].get("annotations", {}) for manifest in manifests]
    assert not [name for named in annotations for name in named if name.startswith("helm.sh/hook")]


def test_fluxs_source_and_release_are_what_their_specifications_ask_for() -> None:
    repository, release = objects("flux")
    assert (repository["apiVersion"], repository["kind"]) == ("source.toolkit.fluxcd.io/v1", "OCIRepository")
    assert repository["spec"].keys() == {"interval", "url", "ref", "layerSelector"}
    assert repository["spec"]["url"].startswith("oci://")
    assert repository["spec"]["url"].endswith(f"/{ABOUT['name']}")
    assert repository["spec"]["ref"] == {"semver": f"{ABOUT['version'].rpartition('.')[0]}.x"}
    # The layer in which helm puts a chart.
    assert repository["spec"]["layerSelector"] == {
        "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "operation": "copy",
    }
    assert (release["apiVersion"], release["kind"]) == ("helm.toolkit.fluxcd.io/v2", "HelmRelease")
    spec = release["spec"]
    assert spec.keys() == {"interval", "releaseName", "chartRef", "install", "upgrade", "driftDetection", "values"}
    assert spec["chartRef"] == {"kind": repository["kind"], "name": repository["metadata"]["name"]}
    assert spec["driftDetection"]["mode"] in {"enabled", "warn", "disabled"}


def test_what_flux_installs_leaves_the_topics_to_strimzi() -> None:
    _, release = objects("flux")
    manifests = render(release["spec"]["values"])
    made = [kind for kind, _ in kinds(manifests)]
    assert made.count("KafkaTopic") == 8
    assert "Job" not in made
