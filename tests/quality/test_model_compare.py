"""`spanstream model compare` with real artifacts on labelled tickets, as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spanstream.models.artifact import load_artifact, write_manifest
from tests.support.kafka.stream import REPOSITORY, artifact_folder
from tests.support.model.next_version import write_next_version
from tests.support.model.squad_file import write_tickets


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanstream.consumer", "model", "compare", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tickets(tmp_path_factory.mktemp("compared") / "tickets.json")


def test_a_model_and_its_copy_agree_about_everything(tickets: Path) -> None:
    copy = write_next_version(artifact_folder(), tickets.parent / "copy")
    done = compare(artifact_folder(), copy, "--data", tickets, "--no-speed", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    comparison = report["comparison"]
    assert comparison["agreement"]["counts"]["same"] == comparison["questions"] == report["data"]["questions"]
    assert report["f1"]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert (comparison["right"]["first_only"], comparison["right"]["second_only"]) == (0, 0)
    assert comparison["right"]["p_value"] == 1.0
    assert report["speed"] is None
    assert report["is_better"] is False


def test_a_model_that_declines_everything_is_told_so_with_its_speed(tickets: Path) -> None:
    mute = write_next_version(artifact_folder(), tickets.parent / "mute", "mute", bias=-20.0)
    done = compare(artifact_folder(), mute, "--data", tickets)
    assert done.returncode == 0, done.stderr
    assert "the first alone" in done.stdout
    assert "other places                     │ 0" in done.stdout
    assert "times as many questions a second" in done.stdout


def test_a_model_is_taken_if_it_is_better_by_more_than_chance(tickets: Path) -> None:
    short = write_next_version(artifact_folder(), tickets.parent / "short", "short")
    manifest = load_artifact(short).manifest
    write_manifest(short, manifest.model_copy(update={"max_answer_tokens": 1}))
    taken = compare(short, artifact_folder(), "--data", tickets, "--no-speed")
    assert "The second: take it" in taken.stdout
    left = compare(artifact_folder(), short, "--data", tickets, "--no-speed")
    assert "The second: do not take it" in left.stdout


def test_anything_else_than_one_of_the_two_ways_is_wrong_usage(tickets: Path) -> None:
    for arguments in ((), ("a",), ("a", "b"), ("--topics", "a", "b"), ("a", "b", "--data", tickets, "--since", "1d")):
        done = compare(*arguments)
        assert done.returncode == 2
        assert "two artifacts and --data FILE" in " ".join(done.stderr.split())
