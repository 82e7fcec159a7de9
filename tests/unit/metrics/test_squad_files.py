"""Data files in the SQuAD v2.0 layout: what is read, and the one line that says what is wrong with a bad one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from spanstream.models.errors import SquadError
from spanstream.models.metrics.squad_files import Example, read_paragraphs, read_squad

CONTEXT = "The 🖨 printer in Malmö shows E-204."


def question(**changes: Any) -> dict[str, Any]:
    return {
        "id": "q1",
        "question": "Which code?",
        "is_impossible": False,
        "answers": [{"text": "E-204", "answer_start": 29}],
        **changes,
    }


def content(*questions: dict[str, Any]) -> dict[str, Any]:
    return {"data": [{"title": "Printers", "paragraphs": [{"context": CONTEXT, "qas": list(questions)}]}]}


def written(folder: Path, value: object) -> Path:
    path = folder / "data.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_question_is_read_with_its_article_paragraph_and_answers(tmp_path: Path) -> None:
    [example] = read_squad(written(tmp_path, content(question())))
    assert example == Example("q1", "Printers", CONTEXT, "Which code?", ("E-204",), (29,))
    assert example.has_answer


def test_an_impossible_question_has_no_answer(tmp_path: Path) -> None:
    [example] = read_squad(written(tmp_path, content(question(is_impossible=True, answers=[]))))
    assert not example.has_answer


def test_a_compressed_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(json.dumps(content(question())).encode()))
    assert len(read_squad(path)) == 1


def test_answer_start_counts_code_points_not_bytes(tmp_path: Path) -> None:
    start = len(CONTEXT.encode()) - len("E-204.")
    with pytest.raises(SquadError, match="question q1: the answer 'E-204' does not stand at answer_start"):
        read_squad(written(tmp_path, content(question(answers=[{"text": "E-204", "answer_start": start}]))))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (question(answers=[{"text": "E-204", "answer_start": 28}]), "does not stand at answer_start 28"),
        (question(answers=[{"text": "E-204", "answer_start": -6}]), "does not stand at answer_start -6"),
        (question(answers=[{"text": "E-204"}]), "does not stand at answer_start None"),
        (question(answers=[{"text": "", "answer_start": 0}]), "does not stand at answer_start 0"),
        (question(answers=[]), "has no answer, and yet not is_impossible"),
        (question(is_impossible=True), "is_impossible, and yet has answers"),
        (question(question=" "), "the question is blank"),
        (question(answers="E-204"), "no list `answers`"),
        (question(question=None), "no text `question`"),
    ],
)
def test_a_wrong_question_is_named_by_file_and_id(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    path = written(tmp_path, content(wrong))
    with pytest.raises(SquadError) as caught:
        read_squad(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: question q1: ")
    assert "\n" not in str(caught.value)


def test_an_id_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SquadError, match="question q1: the id is there twice"):
        read_squad(written(tmp_path, content(question(), question())))


@pytest.mark.parametrize(
    ("bytes_", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{", "is not JSON"),
        (gzip.compress(b"{}", mtime=0)[:-4], "cannot be read"),
        (b"[]", "no list `data`"),
        (b'{"data": []}', "holds no question"),
        (b'{"data": [{"title": "x"}]}', "article 0: no list `paragraphs`"),
        (b'{"data": [7]}', "article 0: no list `paragraphs`"),
    ],
)
def test_a_file_that_is_not_in_the_layout_is_named(tmp_path: Path, bytes_: bytes, says: str) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(bytes_)
    with pytest.raises(SquadError) as caught:
        read_squad(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SquadError, match=r"absent\.json: cannot be read"):
        read_squad(tmp_path / "absent.json")


def test_paragraphs_that_nothing_is_asked_about_are_paragraphs_too(tmp_path: Path) -> None:
    made = content(question())
    made["data"].append({"title": "Others", "paragraphs": [{"context": "Nobody asks.", "qas": []}]})
    found = read_paragraphs(written(tmp_path, made))
    assert found.texts == [CONTEXT, "Nobody asks."]
    assert [example.id for example in found.examples] == ["q1"]
    assert read_paragraphs(written(tmp_path, {"data": made["data"][1:]})).examples == []
