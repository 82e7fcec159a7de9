"""The commands that measure and calibrate an artifact, with the shipped model on the sample tickets."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.labelling.feedback import feedback_of
from spanstream.consumer.settings import ModelSettings, Settings
from spanstream.models.artifact import load_artifact
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.errors import ArtifactError, ModelError
from spanstream.models.evaluation.evaluate import EvaluationRequest, evaluate
from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate
from spanstream.models.evaluation.report import EvaluationReport
from spanstream.models.labelling.labels import Label, Task
from spanstream.models.metrics.squad_files import read_squad
from spanstream.models.metrics.squad_metrics import Prediction, best_f1, scores_at
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Document
from tests.support.model.shared_data import VALIDATION_TICKETS
from tests.support.model.squad_file import question, squad, write_tickets

ROOT = Path(__file__).parents[2]
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."


def spanstream(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanstream.consumer", "model", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tickets(tmp_path_factory.mktemp("tickets") / "tickets.json")


@pytest.fixture(scope="module")
def calibrated(tickets: Path) -> Path:
    """Returns an artifact calibrated on the tickets."""
    output = tickets.parent / "mine"
    done = spanstream("calibrate", "--data", tickets, "--output", output, "--precision", "75", "--guarantee", "60")
    assert done.returncode == 0, done.stderr
    assert "no-answer-p95" in done.stdout
    assert {path.name for path in tickets.parent.iterdir()} == {"tickets.json", "mine"}
    return output


@pytest.fixture(scope="module")
def report(tickets: Path, calibrated: Path) -> EvaluationReport:
    """Returns the calibrated artifact's figures on the tickets, with plots beside it."""
    arguments = ("--artifact", calibrated, "--data", tickets, "--output", tickets.parent / "mine" / "figures", "--json")
    done = spanstream("evaluate", *arguments, "--max-windows", "4")
    assert done.returncode == 0, done.stderr
    return EvaluationReport.model_validate_json(done.stdout)


def test_the_calibrated_artifact_is_whole_and_reads_with_the_same_weights(calibrated: Path) -> None:
    before, after = load_artifact().manifest, load_artifact(calibrated).manifest
    assert set(before.files) | {"calibration.json", "reference.json"} == set(after.files)
    changed = {name for name, sha256 in before.files.items() if after.files[name] != sha256}
    assert changed <= {"calibration.json", "reference.json"}
    assert after.calibration.name.startswith(f"{before.name}-{before.version}+tickets.")
    card = (calibrated / "README.md").read_text(encoding="utf-8")
    assert card.startswith((DEFAULT_ARTIFACT / "README.md").read_text(encoding="utf-8").rstrip())
    assert after.calibration.name in card


def test_labels_of_feedback_calibrate_as_the_examples_made_of_them_do(tickets: Path, tmp_path: Path) -> None:
    feedback, documents = tmp_path / "feedback.jsonl", tmp_path / "documents.jsonl"
    with feedback.open("wb") as verdicts, documents.open("wb") as texts:
        for number, example in enumerate(read_squad(tickets)):
            document = f"d-{sha256_of(example.context)}"
            span = (example.starts[0], example.starts[0] + len(example.answers[0])) if example.has_answer else None
            drawn = {"sampling": "chosen", "inclusion_probability": "0.5"} if number % 2 else {}
            task = Task(example.id, document, example.context, example.question, metadata=drawn)
            verdicts.write(encode(feedback_of(Label(task, span, "ada", datetime(2026, 2, 1, tzinfo=UTC)))) + b"\n")
            texts.write(encode(Document(document_id=document, text=example.context)) + b"\n")
    labels = ("--feedback", feedback, "--documents", documents)
    done = spanstream("examples", "--output", tmp_path / "made", "--held-out", "1", *labels)
    assert done.returncode == 0, done.stderr
    (tmp_path / "made" / "held-out.json").rename(tmp_path / "labels.json")
    done = spanstream("calibrate", *labels, "--output", tmp_path / "at-once")
    assert done.returncode == 0, done.stderr
    assert "unequal" in done.stdout  # the weights count: no guarantee
    done = spanstream("calibrate", "--data", tmp_path / "labels.json", "--output", tmp_path / "by-file")
    assert done.returncode == 0, done.stderr
    assert load_artifact(tmp_path / "at-once").manifest == load_artifact(tmp_path / "by-file").manifest


@pytest.mark.parametrize("given", [(), ("--topics", "--data", "mine.json")])
def test_questions_to_calibrate_with_come_from_one_place(tmp_path: Path, given: tuple[str, ...]) -> None:
    done = spanstream("calibrate", "--output", tmp_path / "out", *given)
    assert done.returncode == 2
    assert "give one of --data, --topics and --feedback" in done.stderr


def test_an_artifact_calibrated_for_windows_of_sentences_says_so_and_is_read_so(tickets: Path, tmp_path: Path) -> None:
    output = tmp_path / "sentences"
    recalibrate(CalibrationRequest(DEFAULT_ARTIFACT, [tickets], output, windows="sentences"))
    assert load_artifact(output).manifest.windows == "sentences"
    [sliding, own] = [
        evaluate(EvaluationRequest(output, [tickets], latency=False, windows=mode)).report for mode in ("sliding", None)
    ]
    assert (sliding.windows, own.windows) == ("sliding", "sentences")
    recalibrate(CalibrationRequest(output, [tickets], output))
    assert load_artifact(output).manifest.windows == "sentences"
    done = spanstream("show", output)
    assert "neighbours share 128, sentences" in done.stdout


def test_the_confidence_of_tickets_comes_true_better_than_before(calibrated: Path) -> None:
    card = (calibrated / "README.md").read_text(encoding="utf-8")
    row = next(line for line in card.splitlines()[::-1] if line.startswith("| Brier score"))
    new, so_far = (float(cell.split()[0]) for cell in row.split("|")[2:4])
    assert new < so_far  # the new one's on questions its fit had not seen


def test_each_threshold_can_be_chosen_by_name_in_the_consumers_settings(calibrated: Path) -> None:
    thresholds = load_artifact(calibrated).manifest.calibration.thresholds
    assert {"default", "precision-75", "recall-80", "recall-90", "no-answer-p95"} <= set(thresholds)
    for name, value in thresholds.items():
        reader = open_reader(Settings(model=ModelSettings(path=calibrated, threshold=name, threads=1)))
        [answer] = reader.read(TEXT, ["Which error is it?"])
        reader.close()
        assert answer.threshold == value
    with pytest.raises(Stop, match="no threshold 'precision-99' in the artifact; take one of default, "):
        open_reader(Settings(model=ModelSettings(path=calibrated, threshold="precision-99", threads=1)))


def test_official_scores_are_those_of_reading_each_ticket_by_itself(
    tickets: Path, calibrated: Path, report: EvaluationReport
) -> None:
    reader = Reader.load(calibrated, max_windows=4)
    examples = read_squad(tickets)
    answers = [reader.read(example.context, [example.question])[0] for example in examples]
    reader.close()
    predictions = [
        Prediction(example, answer.candidate.text if answer.candidate else "", -answer.confidence)
        for example, answer in zip(examples, answers, strict=True)
    ]
    [variant] = report.variants
    default = variant.thresholds["default"]
    scores = scores_at(predictions, -default.threshold)
    assert (default.exact.value, default.f1.value) == pytest.approx((scores.exact, scores.f1))
    assert variant.best["confidence"].f1 == pytest.approx(best_f1(predictions)[0])
    assert default.given == sum(answer.text is not None for answer in answers)
    longest = variant.by_windows[-1]
    assert longest.windows_read == 4  # BM25 picked
    assert max(answer.windows_total for answer in answers) >= int(longest.of.split()[0])


def test_a_report_says_what_was_measured_on_what_and_what_to_keep_in_mind(
    report: EvaluationReport, tickets: Path
) -> None:
    assert report.data.questions == len(read_squad(tickets))
    assert report.data.files[0].file == "tickets.json"
    assert report.max_windows == 4
    assert "fitted on tickets.json" in report.notes[0]
    [variant] = report.variants
    assert variant.latency is not None
    assert 0 < variant.latency.window.median <= variant.latency.question.p95
    assert sum(bucket.questions for bucket in variant.by_tokens) == report.data.questions


@pytest.mark.parametrize(("form", "says"), [("gzip", "fitted on mine.json.gz: "), ("part", "of the {} in mine.json: ")])
def test_questions_that_were_fitted_on_are_known_again_in_another_file(
    tickets: Path, calibrated: Path, tmp_path: Path, form: str, says: str
) -> None:
    if form == "gzip":
        data = tmp_path / "mine.json.gz"
        data.write_bytes(gzip.compress(tickets.read_bytes()))
    else:
        content = json.loads(tickets.read_text())
        new = squad({TEXT: [question(1, "Which error is it?", TEXT, "FXP-4107")]})["data"]
        data = write(tmp_path / "mine.json", {"data": content["data"][:3] + new})
    report = evaluate(EvaluationRequest(calibrated, [data], thresholds=["default"], latency=False)).report
    [note] = report.notes
    assert says.format(report.data.questions) in note


def test_plots_are_drawn_as_png_and_svg(report: EvaluationReport, calibrated: Path) -> None:
    folder = calibrated / "figures"
    assert json.loads((folder / "report.json").read_text()) == json.loads(report.model_dump_json())
    for kind in ("reliability", "risk-coverage", "score-differences"):
        assert (folder / f"model.int8-{kind}.png").read_bytes().startswith(b"\x89PNG")
        svg = (folder / f"model.int8-{kind}.svg").read_text(encoding="utf-8")
        assert "<svg" in svg
        assert "<dc:date>" not in svg


def test_figures_by_kind_add_up_to_those_of_all_questions() -> None:
    request = EvaluationRequest(DEFAULT_ARTIFACT, [VALIDATION_TICKETS], thresholds=["default"], latency=False)
    report = evaluate(request).report
    [variant] = report.variants
    figures = variant.thresholds["default"]
    assert variant.by_kind.keys() == {"text", "question"}
    for kinds in variant.by_kind.values():
        sizes = [kind.answerable + kind.unanswerable for kind in kinds]
        assert sum(sizes) == report.data.questions
        assert sum(kind.answerable for kind in kinds) == report.data.answerable
        assert all(kind.right + kind.wrong + kind.missed == kind.answerable for kind in kinds)
        assert sum(kind.right for kind in kinds) == figures.right
        given = sum(kind.right + kind.wrong + kind.unanswerable - kind.declined for kind in kinds)
        assert given == figures.given
        mean = sum(kind.f1 * size for kind, size in zip(kinds, sizes, strict=True)) / report.data.questions
        assert mean == pytest.approx(figures.f1.value)
        assert [kind.f1 for kind in kinds] == sorted(kind.f1 for kind in kinds)


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


WRONG_START = question(7, "Which error?", TEXT, "FXP-4107") | {"answers": [{"text": "FXP-4107", "answer_start": 3}]}
ALL_ANSWERED = [question(n, "Which error?", TEXT, "FXP-4107") for n in range(3)]
NONE_ANSWERED = [question(n, "Who?", TEXT, None) for n in range(3)]
FEW = [*ALL_ANSWERED, question(8, "Who?", TEXT, None)]
LONG = question(9, "why " * 500, TEXT * 60, None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (squad({TEXT: [WRONG_START]}), "question q7: the answer 'FXP-4107' does not stand at answer_start 3"),
        (squad({TEXT: ALL_ANSWERED}), "all 3 questions (q0, ...) have an answer: a confidence needs questions without"),
        (squad({TEXT: NONE_ANSWERED}), "all 3 questions (q0, ...) have no answer: a confidence needs questions with"),
        (squad({TEXT: FEW}), "candidates are right; it takes 5 right and 5 wrong ones"),
        (squad({TEXT: FEW, TEXT * 60: [LONG]}), "question q9: the question has"),
    ],
)
def test_bad_questions_are_named_in_one_line_and_nothing_is_left_behind(
    tmp_path: Path, content: Any, says: str
) -> None:
    data = write(tmp_path / "mine.json", content)
    with pytest.raises(ModelError) as caught:
        recalibrate(CalibrationRequest(DEFAULT_ARTIFACT, [data], tmp_path / "out", threads=1))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [data]


def test_a_failure_is_one_line_of_the_program(tmp_path: Path) -> None:
    data = write(tmp_path / "mine.json", "")
    done = spanstream("calibrate", "--data", data, "--output", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"spanstream: {data}: is empty\n")


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_without_the_evaluate_group_one_line_says_what_to_install(command: str) -> None:
    program = "import sys; sys.modules['scipy'] = None; import spanstream.consumer.cli; spanstream.consumer.cli.main()"
    arguments = ("model", command, "--data", "mine.json", "--output", "out")
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "needs the evaluate group (scipy" in done.stderr
    assert "requirements/evaluate.txt" in done.stderr


def test_the_artifact_that_comes_with_the_program_is_not_replaced(tickets: Path) -> None:
    done = spanstream("calibrate", "--data", tickets)
    assert done.returncode == 2
    assert "--output" in done.stderr


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"variants": ["fp64"]}, "no CPU variant 'fp64'; there is: model.int8.onnx (int8)"),
        ({"thresholds": ["best"]}, "no threshold 'best' in the artifact; take one of default"),
    ],
)
def test_what_an_artifact_does_not_have_is_named(tickets: Path, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ArtifactError, match=re.escape(says)):
        evaluate(EvaluationRequest(DEFAULT_ARTIFACT, [tickets], **wrong))
