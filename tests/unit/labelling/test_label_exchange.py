"""Labels in the files of other programs: they come back as they went, and foreign offsets are never trusted."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.labelling.exchange.argilla import read_records, write_records
from spanstream.models.labelling.exchange.imported import NotThisLayout
from spanstream.models.labelling.exchange.label_studio import read_tasks, write_tasks
from spanstream.models.labelling.exchange.squad import labels_of, write_squad
from spanstream.models.labelling.labels import Label, Task
from spanstream.models.labelling.quotes import problem_of_span
from spanstream.models.metrics.squad_files import read_squad

NOW = datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
WORDS = st.text(st.sampled_from("abcXYZ äß🚀👨‍🚒é한"), min_size=1, max_size=5).filter(str.strip)


@st.composite
def labels(draw: st.DrawFn, count: int = 3) -> list[Label]:
    """Labels of different questions; each span quotes whole words."""
    made = []
    for number in range(draw(st.integers(1, count))):
        text = " ".join(draw(st.lists(WORDS, min_size=1, max_size=3)))
        spans = [(start, end) for start in range(len(text)) for end in range(start + 1, len(text) + 1)]
        spans = [span for span in spans if problem_of_span(text, *span) is None]
        some_span = st.sampled_from(spans) if spans else st.none()
        task = Task(
            f"q-{number}",
            draw(st.none() | st.just(f"d-{number}")),
            text,
            "Which?",
            draw(some_span),
            draw(st.dictionaries(st.sampled_from(["sampling", "team"]), st.text("abc", min_size=1))),
        )
        time = NOW + timedelta(seconds=number)
        made.append(Label(task, draw(st.none() | some_span), draw(st.sampled_from(["", "ada", "b@example.com"])), time))
    return made


def through_json(content: object) -> Any:
    return json.loads(json.dumps(content))


def each(made: list[Label]) -> list[tuple[Task, list[Label]]]:
    return [(label.task, [label]) for label in made]


@given(labels())
def test_labels_come_back_from_label_studio_as_they_went(made: list[Label]) -> None:
    imported = read_tasks(through_json(write_tasks(each(made))), NOW)
    assert (imported.labels, imported.refused, imported.unlabelled) == (made, [], 0)


@given(labels())
def test_labels_come_back_from_argilla_as_they_went(made: list[Label]) -> None:
    imported = read_records(through_json(write_records(each(made))), NOW)
    assert (imported.labels, imported.refused, imported.unlabelled) == (made, [], 0)


@given(labels())
def test_what_is_answered_comes_back_from_squad_as_it_went(made: list[Label]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.json"
        file.write_text(json.dumps(write_squad(label.example for label in made)), encoding="utf-8")
        imported = labels_of(read_squad(file), NOW)
    said = {(label.task.question_id, label.task.text, label.span) for label in made}
    assert {(label.task.question_id, label.task.text, label.span) for label in imported.labels} == said


def test_a_question_that_nobody_has_labelled_is_counted_and_its_candidate_kept() -> None:
    task = Task("q", "d", "Error E42 since Monday.", "Which error?", (6, 9), {"sampling": "random"})
    for written in (read_tasks(write_tasks([(task, [])]), NOW), read_records(write_records([(task, [])]), NOW)):
        assert (written.labels, written.unlabelled) == ([], 1)


def label_studio(text: str, value: dict[str, Any], **annotation: object) -> list[dict[str, Any]]:
    region = {"from_name": "label", "to_name": "text", "type": "labels", "value": value}
    return [
        {
            "id": 7,
            "data": {"text": text, "question": "Which error?", "question_id": "q"},
            "annotations": [{"id": 1, "completed_by": 3, "result": [region], **annotation}],
        }
    ]


@pytest.mark.parametrize("start", [13, 14, 15])
def test_label_studio_of_any_age_is_read_rightly_behind_an_emoji(start: int) -> None:
    # The rocket is one code point and two UTF-16 units; the text of a region tells which was counted.
    text = "🚀 stops with E42 here"
    exported = label_studio(text, {"start": start, "end": start + 3, "text": "E42", "labels": ["Answer"]})
    imported = read_tasks(exported, NOW)
    if start == 15:
        assert imported.refused == ["task 1: the text of the region does not stand at 15:18"]
    else:
        [label] = imported.labels
        assert (label.answer, label.span, label.by) == ("E42", (13, 16), "3")


def test_an_annotation_without_a_region_says_that_there_is_no_answer_and_a_skipped_one_says_nothing() -> None:
    [exported] = label_studio("Error E42", {})
    exported["annotations"][0]["result"] = []
    assert [label.span for label in read_tasks([exported], NOW).labels] == [None]
    exported["annotations"][0]["was_cancelled"] = True
    assert read_tasks([exported], NOW).unlabelled == 1


def test_a_span_that_cuts_a_word_is_refused_without_its_text() -> None:
    text = "secret Error E42x"
    exported = label_studio(text, {"start": 13, "end": 16, "text": "E42", "labels": ["Answer"]})
    assert read_tasks(exported, NOW).refused == ["task 1: the span 13:16 cuts a word"]


def argilla(text: str, *spans: tuple[int, int]) -> list[dict[str, Any]]:
    value = [{"start": start, "end": end, "label": "answer"} for start, end in spans]
    response = {"value": value, "user_id": "5f4c3f0e-1c55-4c9a-9a43-7f4a1d0c2b11"}
    return [{"id": "q", "fields": {"text": text, "question": "Which?"}, "responses": {"answer": [response]}}]


def test_argillas_units_of_utf_16_are_read_rightly_behind_an_emoji() -> None:
    [label] = read_records(argilla("🚀 stops with E42 here", (14, 17)), NOW).labels
    assert (label.answer, label.span) == ("E42", (13, 16))
    assert label.by == "5f4c3f0e-1c55-4c9a-9a43-7f4a1d0c2b11"


def test_a_span_that_ends_within_a_character_is_refused() -> None:
    assert read_records(argilla("E42 🚀", (4, 5)), NOW).refused == [
        "record 1: the span -1:-1 is not in the text of 5 characters"
    ]


def test_two_answers_of_one_person_are_refused() -> None:
    assert read_records(argilla("E42 and E43", (0, 3), (8, 11)), NOW).refused == ["record 1: 2 answers in one response"]


@pytest.mark.parametrize("read", [read_tasks, read_records])
def test_another_layout_is_refused_in_one_line(read: Any) -> None:
    with pytest.raises(NotThisLayout, match="not a list of"):
        read({"data": []}, NOW)
    assert read([3, {}, {"data": {"text": "x"}}], NOW).labels == []


def test_a_weight_stays_in_the_squad_file(tmp_path: Path) -> None:
    task = Task("q", None, "Error E42", "Which?", metadata={"inclusion_probability": "0.25"})
    file = tmp_path / "examples.json"
    file.write_text(json.dumps(write_squad([Label(task, (6, 9), "", NOW).example])), encoding="utf-8")
    [example] = read_squad(file)
    assert example.weight == 4
    assert replace(example, weight=1.0).answers == ("E42",)
