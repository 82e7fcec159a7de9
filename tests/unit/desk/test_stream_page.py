"""The stream page: the newest answers, filtered; and hostile texts on it."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.errors import Retryable
from tests.support.desk.desk_scene import HOSTILE, DeskScene, browser_of
from tests.support.kafka.program import until

TEXT = "Since Tuesday the nightly export stops with error FXP-4107."


def test_the_newest_answer_stands_first_with_its_question_and_document() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    scene.answer(document, "Since when?", "Tuesday")
    scene.answer(document, "Which error?", "FXP-4107")
    with scene.open() as parts:
        page = browser_of(parts).get("/").text
    assert page.index("Which error?") < page.index("Since when?")
    assert '/document?id=ticket-1"' in page
    assert "FXP-4107" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"Since when?", "Which error?", "Who pays?"}),
        ("status=no_answer", {"Who pays?"}),
        ("least=0.6", {"Since when?", "Which error?"}),
        ("least=0.6&most=0.8", {"Which error?"}),
        ("words=ERROR+which", {"Which error?"}),
        ("words=ticket-1", {"Since when?", "Which error?", "Who pays?"}),
        ("words=kb", {"Since when?"}),
        ("model=another", set()),
        ("model=minilm+1.4.0&words=who", {"Who pays?"}),
        ("least=x&most=nan&status=all&shown=-1", {"Since when?", "Which error?", "Who pays?"}),
    ],
)
def test_answers_are_filtered_by_what_the_address_says(query: str, shown: set[str]) -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    scene.answer(document, "Since when?", "Tuesday", 0.9, collection="kb")
    scene.answer(document, "Which error?", "FXP-4107", 0.7)
    scene.answer(document, "Who pays?", "export", 0.1, declined=True)
    with scene.open() as parts:
        page = browser_of(parts).get(f"/stream?{query}").text
    assert {question for question in ("Since when?", "Which error?", "Who pays?") if question in page} == shown


def test_only_the_last_rows_are_kept() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    for number in range(40):
        scene.answer(document, f"Question {number}?", "Tuesday")
    with scene.open(rows=10) as parts:
        assert "Question 39?" in browser_of(parts).get("/").text
        for number in range(40, 60):
            scene.answer(document, f"Question {number}?", "Tuesday")
        until(lambda: "Question 59?" in browser_of(parts).get("/").text, "the newest answer to be shown")
        assert len(parts.view.answers) == len(parts.view.questions) == 10


def test_long_lists_are_shown_in_parts() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    for number in range(120):
        scene.answer(document, f"Question {number}?", "Tuesday")
    with scene.open() as parts:
        browser = browser_of(parts)
        assert browser.get("/").text.count("<tr>") == 1 + 50
        assert "shown=100" in browser.get("/").text
        assert browser.get("/?shown=150").text.count("<tr>") == 1 + 120


def test_hostile_text_is_shown_and_does_nothing() -> None:
    scene = DeskScene()
    document = scene.document(HOSTILE, document_id="<b>&'\"/")
    scene.answer(document, HOSTILE.replace("\x00", ""), HOSTILE)
    with scene.open() as parts:
        page = browser_of(parts).get("/?words=%3Cscript%3E").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x00" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ⟨U+202E⟩left" in page


@pytest.mark.parametrize("error", [Retryable("no answer in time"), ZeroDivisionError("nobody foresaw it")])
def test_an_error_while_the_topics_are_read_is_told_and_reading_goes_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Which error?", "FXP-4107")
    opened: list[PartitionReader] = []

    def open_reader() -> PartitionReader:
        opened.append(scene.broker.reader())
        if len(opened) == 2:  # the first one reads single records
            monkeypatch.setattr(opened[1], "partitions", Mock(side_effect=error))
        return opened[-1]

    with scene.open(open_reader=open_reader) as parts:
        until(lambda: parts.follower.problem is None, "the problem to be over")
        assert "Which error?" in browser_of(parts).get("/").text
    assert len(opened) > 2
