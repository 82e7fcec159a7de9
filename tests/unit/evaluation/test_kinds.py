"""Figures by kind, by hand, and files of labels that do not fit the data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spanstream.models.errors import SquadError
from spanstream.models.evaluation.kind_figures import kind_figures
from spanstream.models.evaluation.kinds import kinds_path, read_kinds
from spanstream.models.evaluation.observation_table import ObservationTable
from spanstream.models.evaluation.observe import Observation, read_labelled_questions
from spanstream.models.evaluation.report import KindFigures
from spanstream.models.spans.calibration import Calibration
from tests.support.model.labelled_reads import labelled_read
from tests.support.model.squad_file import question, squad

CALIBRATION = Calibration(name="c", bias=0.0, weights={"null_score_diff": -1.0}, thresholds={"default": 0.5})
# A score of 2 is a confidence of 0.88, one of -2 of 0.12: score, has an answer, right, kind of text, kind of question.
ASKED = [
    (2.0, True, True, "logs", "time"),
    (2.0, True, False, "logs", "time"),
    (-2.0, True, True, "logs", "person"),
    (-2.0, True, False, "logs", "person"),
    (2.0, False, False, "chats", "person"),
    (-2.0, False, False, "chats", "person"),
]
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."


def table(asked: list[tuple[float, bool, bool, str, str]], *, labels: bool = True) -> ObservationTable:
    observations = [
        Observation(
            labelled_read(number, score=score, log_probability=-1.0, answer=answer, right=right),
            100,
            1,
            1,
            kinds={"text": text, "question": kind} if labels else {},
        )
        for number, (score, answer, right, text, kind) in enumerate(asked)
    ]
    return ObservationTable.of(observations, CALIBRATION)


def figures_of(asked: ObservationTable) -> dict[str, tuple[KindFigures, ...]]:
    return kind_figures([observation.kinds for observation in asked.observations], asked.sample, 0.5)


def test_each_kind_counts_right_wrong_missed_and_declined_the_worst_first() -> None:
    figures = figures_of(table(ASKED))
    assert figures["text"] == (
        KindFigures(kind="logs", f1=25, answerable=4, right=1, wrong=1, missed=2, unanswerable=0, declined=0),
        KindFigures(kind="chats", f1=50, answerable=0, right=0, wrong=0, missed=0, unanswerable=2, declined=1),
    )
    assert [(kind.kind, kind.answerable, kind.missed, kind.declined) for kind in figures["question"]] == [
        ("person", 2, 2, 1),
        ("time", 2, 0, 0),
    ]


def test_without_labels_there_are_no_kinds() -> None:
    assert figures_of(table(ASKED, labels=False)) == {}


def write(folder: Path, labels: object | None) -> Path:
    data = folder / "mine.json"
    asked = [question(1, "Which error?", TEXT, "FXP-4107"), question(2, "Who?", TEXT, None)]
    data.write_text(json.dumps(squad({TEXT: asked})), encoding="utf-8")
    if labels is not None:
        content = labels if isinstance(labels, str) else json.dumps({"questions": labels})
        kinds_path(data).write_text(content, encoding="utf-8")
    return data


def test_the_labels_beside_the_data_reach_its_questions(tmp_path: Path) -> None:
    data = write(tmp_path, {"q1": {"text": "logs"}, "q2": {"text": "logs", "question": "person"}})
    assert [labelled.kinds for labelled in read_labelled_questions([data])] == [
        {"text": "logs"},
        {"text": "logs", "question": "person"},
    ]
    assert kinds_path(tmp_path / "mine.json.gz") == kinds_path(data) == tmp_path / "mine.kinds.json"


def test_without_a_file_of_labels_questions_have_no_kinds(tmp_path: Path) -> None:
    assert [labelled.kinds for labelled in read_labelled_questions([write(tmp_path, None)])] == [{}, {}]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"q1": {}}, "no label for question q2"),
        ({"q1": {}, "q2": {}, "q3": {}}, "question q3 is not in mine.json"),
        ({"q1": {"text": 7}, "q2": {}}, "questions.q1.text: "),
        ("", "the file: Invalid JSON"),
        ("[]", "the file: "),
    ],
)
def test_labels_that_do_not_fit_the_data_are_named_in_one_line(tmp_path: Path, labels: object, says: str) -> None:
    data = write(tmp_path, labels)
    with pytest.raises(SquadError) as caught:
        read_kinds(data, ["q1", "q2"])
    assert str(caught.value).startswith(f"{tmp_path / 'mine.kinds.json'}: {says}")
    assert "\n" not in str(caught.value)
