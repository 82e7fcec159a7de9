from __future__ import annotations

import json
from pathlib import Path

import pytest

from spanstream.models.building.encoder.labelled_passages import read_passages
from spanstream.models.errors import BuildError

FIRST = "The nightly export stops with error FXP-4107 since Tuesday. " * 8
SECOND = "Lunch is served at noon in the hall beside the library, but for Mondays. " * 6
TEXT = f"{FIRST.strip()}\n\n{SECOND.strip()}"


def _write(folder: Path, answers: dict[str, str | None]) -> Path:
    asked = [
        {
            "id": str(number),
            "question": question,
            "is_impossible": answer is None,
            "answers": [] if answer is None else [{"text": answer, "answer_start": TEXT.index(answer)}],
        }
        for number, (question, answer) in enumerate(answers.items())
    ]
    path = folder / "questions.json"
    path.write_text(json.dumps({"data": [{"title": "a", "paragraphs": [{"context": TEXT, "qas": asked}]}]}))
    return path


def test_a_question_goes_with_the_passage_that_holds_its_answer(tmp_path: Path) -> None:
    data = read_passages(_write(tmp_path, {"Which error?": "FXP-4107", "When is lunch?": "noon", "Who?": None}))
    assert data.passages == (FIRST.strip(), SECOND.strip())
    assert data.questions == ("Which error?", "When is lunch?")
    assert data.gold == (frozenset({0}), frozenset({1}))


def test_a_file_without_an_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="recall cannot be measured"):
        read_passages(_write(tmp_path, {"Who?": None}))
