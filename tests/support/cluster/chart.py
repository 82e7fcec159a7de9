"""The chart, by helm: what it renders and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import Any

import yaml

from tests.support.cluster.tools import tool

CHART = Path(__file__).parents[3] / "helm" / "spanstream"
EXAMPLES = tuple(sorted((CHART / "examples").glob("*.yaml")))
RELEASE = "qa"

Object = dict[str, Any]
Values = Mapping[str, Any]


def helm(*arguments: str | Path, values: Values | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs helm; `values` are given as a file on its standard input.

    Raises:
        subprocess.CalledProcessError: it fails, and `check` is set.
    """
    from_stdin = [] if values is None else ["--values=-"]
    return subprocess.run(
        [tool("helm") / "helm", *arguments, *from_stdin],
        input=None if values is None else yaml.safe_dump(dict(values)),
        capture_output=True,
        text=True,
        check=check,
    )


class Refused(Exception):
    """The chart does not render with these values; the text is what the user reads."""


def render(
    values: Values | None = None,
    *files: Path,
    has: tuple[str, ...] = (),
    release: str = RELEASE,
    kubernetes: str | None = None,
) -> list[Object]:
    """Returns the objects of `helm template`.

    Args:
        values: over those of the files.
        files: values files.
        has: kinds that the cluster knows, as `group/version/Kind`.
        release: the release's name.
        kubernetes: the cluster's version; None: the one that the tests are made with.

    Raises:
        Refused: it does not render.
    """
    options = [f"--values={file}" for file in files] + [f"--api-versions={kind}" for kind in has]
    options += [f"--kube-version={kubernetes}"] if kubernetes else []
    given = dict(values or {})
    if not files:
        given["kafka"] = {"bootstrapServers": "kafka:9092"} | given.get("kafka", {})
    done = helm("template", release, CHART, "--namespace=qa", *options, values=given, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def notes(values: Values | None = None) -> str:
    """Returns what `helm install` would print at its end.

    Out of a copy of the chart whose notes are a manifest: helm prints notes only after it has reached a cluster.
    """
    given = dict(values or {})
    given["kafka"] = {"bootstrapServers": "kafka.kafka.svc:9092"} | given.get("kafka", {})
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "spanstream"
        shutil.copytree(CHART, copy)
        text = indent((copy / "templates" / "NOTES.txt").read_text(), "  ")
        manifest = f"kind: Notes\nmetadata: {{name: notes}}\ntext: |\n  NOTES\n{text}"
        (copy / "templates" / "notes.yaml").write_text(manifest)
        shown = helm("template", RELEASE, copy, "--show-only=templates/notes.yaml", values=given).stdout
    return str(yaml.safe_load(shown)["text"])


def pod_images(chart: str, *options: str) -> set[str]:
    """Returns the images that pods of a chart run, wherever helm finds it, with the values that it has by default."""
    done = helm("template", RELEASE, chart, *options, values={"kafka": {"bootstrapServers": "kafka:9092"}})
    pods = pod_specs([document for document in yaml.safe_load_all(done.stdout) if document]).values()
    return {container["image"] for pod in pods for container in pod["containers"]}


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """Returns the one object of a kind, or of a kind and a name."""
    matching = [item for item in objects if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    assert len(matching) == 1, f"{len(matching)} of {kind} {name or ''}"
    return matching[0]


def kinds(objects: list[Object]) -> list[tuple[str, str]]:
    """Kind and name of each."""
    return [(item["kind"], item["metadata"]["name"]) for item in objects]


def pod_specs(objects: list[Object]) -> dict[str, Object]:
    """Returns the pods that these objects make, by the name of the object."""
    specs: dict[str, Object] = {}
    for item in objects:
        spec = item.get("spec", {})
        if item["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" in spec:
            specs[item["metadata"]["name"]] = spec["template"]["spec"]
    return specs
