"""`spanstream model calibrate` and the confidence of a collection's answers, with the shipped model and encoder."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from spanstream.consumer.operations.collection_search import opened_text_search
from spanstream.consumer.settings import IndexSettings
from spanstream.models.artifact import load_artifact
from spanstream.models.calibrating.carried_over import carried_over
from spanstream.models.calibrating.collection_record import read_collection_record
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.evaluation.collections.recalibrating import (
    CollectionRequest,
    CollectionResult,
    recalibrate_collection,
)
from tests.support.model.squad_file import write_tickets

ROOT = Path(__file__).parents[2]
SEVERAL_ANSWERS = Path(__file__).parent / "examples" / "several_answers.json"


def calibrate(*arguments: str | Path, without: str = "none", **environment: str) -> subprocess.CompletedProcess[str]:
    return spanstream_model("calibrate", *arguments, without=without, **environment)


def spanstream_model(
    *arguments: str | Path, without: str = "none", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs one of the model's commands, in a program that lacks a package."""
    program = f"import sys; sys.modules[{without!r}] = None; import spanstream.consumer.cli as it; it.main()"
    command = [sys.executable, "-c", program, "model", *map(str, arguments)]
    settings = os.environ | {"COLUMNS": "120"} | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, env=settings, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collection")


@pytest.fixture(scope="module")
def tickets(folder: Path) -> Path:
    return write_tickets(folder / "tickets.json")


@pytest.fixture(scope="module")
def fitted(folder: Path, tickets: Path) -> CollectionResult:
    """Returns a fit to the examples, which nothing was calibrated on before; the artifact is in `kb`."""
    request = CollectionRequest(DEFAULT_ARTIFACT, [tickets, SEVERAL_ANSWERS], folder / "kb", date(2026, 2, 3))
    with opened_text_search(IndexSettings()) as search:
        return recalibrate_collection(request, search)


def test_on_questions_it_has_not_seen_the_fitted_confidence_is_nearer_to_the_truth_than_one_documents(
    fitted: CollectionResult,
) -> None:
    new, so_far, one_documents = (figures.brier_score.value for figures in fitted.figures.values())
    assert new < one_documents - 0.01
    assert new < so_far + 0.01


def test_only_the_collections_confidence_has_changed(fitted: CollectionResult, folder: Path) -> None:
    before, after = load_artifact().manifest, load_artifact(folder / "kb").manifest
    assert (
        after.calibration.model_copy(
            update={"name": before.calibration.name, "collection": before.calibration.collection}
        )
        == before.calibration
    )
    assert {name for name, sha256 in after.files.items() if before.files.get(name) != sha256} == {"collection.json"}
    assert after.calibration.collection == fitted.fitted.calibration
    shown = spanstream_model("show", folder / "kb")
    assert "threshold recall-80 (collections)" in shown.stdout


def test_it_is_kept_while_it_is_right_and_otherwise_left_out_with_one_line(
    fitted: CollectionResult, folder: Path, tickets: Path
) -> None:
    kept, lost = folder / "kept", folder / "lost"
    done = calibrate("--artifact", folder / "kb", "--data", tickets, "--output", kept)
    assert (done.returncode, done.stderr) == (0, "")
    before, after = (load_artifact(path).manifest.calibration for path in (folder / "kb", kept))
    assert after.weights != before.weights
    assert after.collection == carried_over(before, after) != before.collection
    assert read_collection_record(kept) == fitted.record
    assert after.name.endswith(f"+{fitted.record.data[0].tag}")
    assert "\n## Over a collection" in (kept / "README.md").read_text(encoding="utf-8")

    # Its score was fitted on these texts now, and another one takes its place.
    done = calibrate("--artifact", kept, "--data", tickets, "--output", lost)
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert "collections have no confidence of their own now" in line
    assert "--collection FILE fits it again" in line
    manifest = load_artifact(lost).manifest
    assert manifest.calibration.collection is None
    assert "collection.json" not in manifest.files
    assert not (lost / "collection.json").exists()
    assert "\n## Over a collection" not in (lost / "README.md").read_text(encoding="utf-8")


def test_both_confidences_are_fitted_at_once(folder: Path, tickets: Path) -> None:
    output = folder / "both"
    done = calibrate("--data", tickets, "--collection", tickets, "--output", output, "--precision", "70")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "over a collection of " in done.stdout
    manifest = load_artifact(output).manifest
    assert manifest.calibration.name.count("+tickets.") == 2
    assert manifest.calibration.weights != load_artifact().manifest.calibration.weights
    assert manifest.calibration.collection is not None
    assert {"calibration.json", "collection.json"} <= manifest.files.keys()


@pytest.mark.parametrize("missing", ["apsw", "sqlite_vec"])
def test_without_the_extra_one_line_says_what_to_install_and_nothing_is_read(tmp_path: Path, missing: str) -> None:
    done = calibrate("--collection", tmp_path / "kb.json", "--output", tmp_path / "out", without=missing)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "pip install 'spanstream[collections]'" in line


def test_without_the_encoder_one_line_names_it(tmp_path: Path) -> None:
    encoder = str(tmp_path / "encoder")
    arguments = ("--collection", tmp_path / "kb.json", "--output", tmp_path / "out")
    done = calibrate(*arguments, SPANSTREAM_INDEX__ENCODER_PATH=encoder)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert encoder in line


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "give one of --data, --topics and --feedback, or --collection"),
        (("--collection", "kb.json", "--windows", "sentences"), "give --data too"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, given: tuple[str, ...], says: str) -> None:
    done = calibrate("--output", tmp_path / "out", *given)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
