"""The card of a build: what was known of the training, what was before, and how to build it again."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

from spanstream.models.artifact import load_artifact
from spanstream.models.building.pipeline import build
from spanstream.models.building.request import BuildRequest
from spanstream.models.calibrating.calibration_record import read_record
from spanstream.models.calibrating.folds import halve
from spanstream.models.errors import BuildError
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import read_squad
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint

RECORD = {
    "base": "acme/encoder",
    "data": [{"file": "tickets.json.gz", "sha256": "ab" * 32, "questions": 812, "unanswerable": 90, "weight": 2.0}],
    "epochs": 3,
    "learning_rate": 3e-5,
    "program": "spanstream 1.2.3",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("card")


@pytest.fixture(scope="module")
def build_request(folder: Path, questions: Path) -> BuildRequest:
    checkpoint = write_tiny_checkpoint("electra", folder / "checkpoint", learned=questions)
    return BuildRequest(
        str(checkpoint), (questions,), name="before", quick=True, samples=(questions,), max_length=96, stride=16
    )


@pytest.fixture(scope="module")
def bare(build_request: BuildRequest, folder: Path) -> str:
    build(build_request, folder / "before", say=lambda _: None)
    return (folder / "before" / "README.md").read_text()


@pytest.fixture(scope="module")
def full(build_request: BuildRequest, bare: str, folder: Path, questions: Path) -> str:
    assert bare
    learned = SeenQuestions.of(example for example in read_squad(questions) if example.context == "router")
    record = RECORD | {"texts": learned.model_dump()["texts"]}
    (folder / "checkpoint" / "training.json").write_text(json.dumps(record))
    (folder / "about.md").write_text("Tickets of Acme, used with their consent.\n")
    later = replace(build_request, name="after", compare=str(folder / "before"), about=folder / "about.md", gpu=True)
    build(later, folder / "after", say=lambda _: None)
    return (folder / "after" / "README.md").read_text()


def test_what_is_not_known_is_said_to_be_so(bare: str) -> None:
    assert "does not say what it was trained on" in bare
    assert "Nothing was said about licences" in bare
    assert "before:" not in bare


def test_training_data_and_licences_are_told(full: str) -> None:
    assert "Fine-tuned from acme/encoder (epochs 3.0; peak learning rate 3e-05; program spanstream 1.2.3)." in full
    assert f"| tickets.json.gz | 812 | 90 | 2 | `{'ab' * 8}` |" in full
    assert "Tickets of Acme, used with their consent." in full


def test_validation_questions_about_texts_that_were_trained_on_are_told(full: str) -> None:
    assert "Of the 1 texts that the trainings recorded (as hashes), some are validated on: 2 of 24 of `" in full


def test_what_guarantees_are_tested_on_has_no_part_in_the_build_and_the_artifact_remembers(
    full: str, folder: Path, questions: Path
) -> None:
    examples = read_squad(questions)
    choose = halve(examples).first
    assert f"part in the choice: {choose.sum()} of {len(examples)} of `{questions.name}`" in full
    record = read_record(folder / "after")
    assert record is not None
    assert [record.chose.has_text(example) for example in examples] == choose.tolist()
    assert record.fitted_on(questions, examples) == len(examples)


def test_validation_files_that_share_a_text_are_refused(
    build_request: BuildRequest, folder: Path, questions: Path
) -> None:
    copy = folder / "copy.json.gz"
    copy.write_bytes(gzip.compress(questions.read_bytes()))
    both = replace(build_request, validation=(questions, copy), name="both")
    with pytest.raises(BuildError, match=r"copy\.json\.gz: question 0-yes: its text is in .*questions\.json too"):
        build(both, folder / "both", say=lambda _: None)
    assert not (folder / "both").exists()


def test_an_earlier_artifact_stands_beside_the_new_one(full: str) -> None:
    rows = [line.split(" | ")[1:] for line in full.splitlines() if line.startswith(("| before: before", "| int8 |"))]
    assert len(rows) == 2
    # The same checkpoint, built the same way.
    assert rows[0] == rows[1]
    assert "F1 against before, question by question: +0.00 (+0.00 to +0.00)." in full


def test_thresholds_and_windows_are_those_of_the_manifest(full: str, folder: Path) -> None:
    manifest = load_artifact(folder / "after").manifest
    assert (manifest.max_length, manifest.stride) == (96, 16)
    assert "Windows of 96 tokens overlap by 16" in full
    for name, least in manifest.calibration.thresholds.items():
        assert f"| `{name}` | {least:.3f} |" in full


def test_the_command_to_rebuild_holds_every_option(full: str, questions: Path) -> None:
    _, _, command = full.rpartition("```sh\n")
    for part in (
        f"VALIDATION=path/to/{questions.name} OUTPUT=after",
        f"--sample path/to/{questions.name}",
        "--max-length 96 --stride 16 --quick --gpu",
        "--about path/to/about.md",
    ):
        assert part in command
