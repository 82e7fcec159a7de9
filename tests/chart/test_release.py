"""The release: its workflow by two linters, and its scripts, run as the workflow runs them on a real registry.

What only the hosting site has is stood in for: `gh` and `make` write down what they were asked. The wheel itself is
made and installed by `.ci/run`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.support.cluster.chart import pod_images
from tests.support.cluster.daemon import Daemon
from tests.support.cluster.tools import tool
from tests.support.free_port import free_port

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]  # type: ignore[index]
IMAGE = "registry.example.com/team/spanstream"
SBOM = '{"bomFormat": "CycloneDX", "specVersion": "1.6"}'
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Returns a copy of what the scripts read."""
    for name in (".ci/release", "helm/spanstream"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("CHANGELOG.md", "compose.yaml", "pyproject.toml", "Dockerfile"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(checkout: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs one of the scripts, with the stand-ins in `bin` before everything else."""
    path = f"{checkout / 'bin'}:{tool('helm')}:{os.environ['PATH']}"
    return subprocess.run(
        [checkout / ".ci" / "release" / script, *arguments],
        env=dict(os.environ) | {"PATH": path, "CALLS": str(checkout / "calls"), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(checkout: Path, name: str, more: str = "") -> None:
    program = checkout / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(STAND_IN + more)
    program.chmod(0o755)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_tag_that_every_file_agrees_with_gives_its_version(checkout: Path) -> None:
    done = run(checkout, "check-version", f"v{VERSION}")
    assert (done.returncode, done.stdout) == (0, f"{VERSION}\n"), done.stderr


def test_each_place_that_names_another_version_is_told_and_nothing_else(checkout: Path) -> None:
    chart = checkout / "helm" / "spanstream"
    edit(chart / "Chart.yaml", f"\nversion: {VERSION}", "\nversion: 7.0.0")
    edit(chart / "examples" / "gitops" / "argocd.yaml", f"targetRevision: {VERSION}", "targetRevision: 8.0.0")
    done = run(checkout, "check-version", f"v{VERSION}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "- Chart.yaml, version: 7.0.0",
        "- examples/gitops/argocd.yaml, targetRevision: 8.0.0",
    ]


@pytest.mark.parametrize("tag", [VERSION, "v1", "v1.2.3-rc1", "v1.2.3 "])
def test_what_is_no_version_is_no_tag_of_a_release(checkout: Path, tag: str) -> None:
    done = run(checkout, "check-version", tag)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: ")


def test_the_notes_are_the_versions_part_of_the_changelog(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0 - 2026-12-01\n\n- New.\n\n## 1.1.0\n\n- Old.\n")
    assert run(checkout, "notes", "1.2.0").stdout.strip() == "- New."
    assert run(checkout, "notes", "1.1.0").stdout.strip() == "- Old."
    done = run(checkout, "notes", "1.0.0")
    assert (done.returncode, done.stderr) == (1, "CHANGELOG.md says nothing of 1.0.0\n")


def test_the_build_leaves_wheel_sbom_and_chart_with_their_checksums(checkout: Path) -> None:
    name = f"dist/spanstream-{VERSION}"
    stand_in(checkout, "make", f"mkdir dist && echo wheel >{name}-py3-none-any.whl && echo '{SBOM}' >{name}.cdx.json\n")
    done = run(checkout, "build", f"v{VERSION}", IMAGE)
    assert done.returncode == 0, done.stderr
    assert (checkout / "calls").read_text() == "make wheel\n"
    lines = (checkout / "dist" / "SHA256SUMS").read_text().splitlines()
    sums = {file: checksum for checksum, file in (line.split("  ") for line in lines)}
    assert sums.keys() == {f"spanstream-{VERSION}{end}" for end in ("-py3-none-any.whl", ".cdx.json", ".tgz")}
    for file, checksum in sums.items():
        assert hashlib.sha256((checkout / "dist" / file).read_bytes()).hexdigest() == checksum
    assert {file.name for file in (checkout / "dist").iterdir()} == {*sums, "SHA256SUMS"}
    # What attest-sbom knows an SBOM by; the same build gives the same one.
    sbom = json.loads((checkout / f"{name}.cdx.json").read_text())
    assert sbom == json.loads(SBOM) | {"serialNumber": "urn:uuid:b6106986-fee8-5402-8a9c-353a2852343c"}


def test_a_tag_that_differs_builds_nothing(checkout: Path) -> None:
    stand_in(checkout, "make")
    assert run(checkout, "build", "v99.0.0", IMAGE).returncode == 1
    assert not (checkout / "calls").exists()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Yields the address of a registry."""
    port = free_port()

    def answers() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/v2/") as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    daemon = Daemon.start([tool("registry") / "registry", f"-port={port}"], tmp_path / "registry.log", ready=answers)
    yield f"localhost:{port}"
    daemon.stop()


def test_the_chart_comes_back_out_of_a_registry_and_runs_the_image_of_its_release(
    checkout: Path, registry: str
) -> None:
    done = run(checkout, "package-chart", IMAGE)
    assert done.returncode == 0, done.stderr
    done = run(checkout, "push-chart", f"{registry}/charts", "--plain-http")
    assert done.returncode == 0, done.stderr
    digest = done.stdout.strip()
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with urlopen(Request(f"http://{registry}/v2/charts/spanstream/manifests/{VERSION}", headers=accept)) as reply:
        assert f"sha256:{hashlib.sha256(reply.read()).hexdigest()}" == digest
    assert pod_images(f"oci://{registry}/charts/spanstream", "--plain-http", f"--version={VERSION}") == {
        f"{IMAGE}:{VERSION}"
    }


def test_a_chart_that_the_registry_does_not_take_is_a_failure(checkout: Path) -> None:
    assert run(checkout, "package-chart", IMAGE).returncode == 0
    done = run(checkout, "push-chart", f"localhost:{free_port()}/charts", "--plain-http")
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert not done.stdout


def made(checkout: Path) -> Path:
    """Makes a dist folder as `build` leaves it; returns one of its files."""
    dist = checkout / "dist"
    dist.mkdir()
    file = dist / f"spanstream-{VERSION}.tgz"
    file.write_bytes(b"chart")
    (dist / "SHA256SUMS").write_text(f"{hashlib.sha256(b'chart').hexdigest()}  {file.name}\n")
    return file


def test_the_release_has_the_notes_and_all_files(checkout: Path) -> None:
    made(checkout)
    stand_in(checkout, "gh", 'cat >"$CALLS.notes"\n')
    done = run(checkout, "publish", f"v{VERSION}")
    assert done.returncode == 0, done.stderr
    files = f"dist/SHA256SUMS dist/spanstream-{VERSION}.tgz"
    options = f"--verify-tag --title spanstream {VERSION} --notes-file -"
    assert (checkout / "calls").read_text() == f"gh release create v{VERSION} {files} {options}\n"
    assert (checkout / "calls.notes").read_text() == run(checkout, "notes", VERSION).stdout


def test_a_file_that_changed_on_its_way_is_not_released(checkout: Path) -> None:
    made(checkout).write_bytes(b"another chart")
    stand_in(checkout, "gh")
    assert run(checkout, "publish", f"v{VERSION}").returncode == 1
    assert not (checkout / "calls").exists()


def test_the_base_image_is_named_by_the_digest_that_its_tag_has_now(checkout: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    stand_in(checkout, "docker", f"echo {digest}\n")
    done = run(checkout, "base-image")
    assert done.stdout == f"python:3.11-slim-bookworm@{digest}\n", done.stderr
    stand_in(checkout, "docker", "echo unknown\n")
    assert run(checkout, "base-image").returncode == 1


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    command = [str(tool("actionlint") / "actionlint"), "-shellcheck=", "-pyflakes="]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_unsafe_in_the_workflows() -> None:
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--no-progress"]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def steps() -> list[dict[str, Any]]:
    return [step for job in RELEASE["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_to_a_commit_that_has_the_name_of_its_version() -> None:
    used = [line.strip() for workflow in WORKFLOWS for line in workflow.read_text().splitlines() if "uses: " in line]
    assert len(used) > 12
    for line in used:
        assert re.fullmatch(r"(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_job_may_do_what_it_has_to_and_no_more() -> None:
    assert RELEASE["permissions"] == {}
    rights = {name: job["permissions"] for name, job in RELEASE["jobs"].items()}
    attests = {"packages": "write", "id-token": "write", "attestations": "write"}
    assert rights == {
        "build": {"contents": "read"},
        "image": {"contents": "read"} | attests,
        "publish": {"contents": "write"} | attests,
    }


def test_the_workflow_runs_scripts_that_there_are_and_that_can_be_run() -> None:
    called = {word for step in steps() for word in re.findall(r"\.ci/release/[\w-]+", step.get("run", ""))}
    scripts = {str(file.relative_to(ROOT)) for file in (ROOT / ".ci" / "release").iterdir()}
    # These two are called by `build` and `publish`.
    assert scripts - called == {".ci/release/notes", ".ci/release/package-chart"}
    assert called <= scripts
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)


def test_the_image_is_built_for_two_architectures_with_its_sbom_and_its_provenance() -> None:
    (built,) = [step["with"] for step in steps() if step.get("uses", "").startswith("docker/build-push-action@")]
    assert built["platforms"] == "linux/amd64,linux/arm64"
    assert (built["sbom"], built["provenance"]) == (True, "mode=max")
