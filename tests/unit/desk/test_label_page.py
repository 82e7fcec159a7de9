"""The page to label: what is shown next, and the feedback that each verdict becomes."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.desk.view.words import is_whole_words, nearest_place, word_pieces
from spanstream.consumer.feedback.judged_answers import judged_answer
from spanstream.models.labelling.choosing import Candidate, draw, group_of
from spanstream.models.labelling.labels import INCLUSION_PROBABILITY, SAMPLING, SAMPLING_GROUP
from spanstream.models.text.words import WordMap
from spanstream.schemas.codec import decode_feedback
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from tests.support.desk.desk_scene import HOSTILE, TOPICS, DeskScene, browser_of, submit
from tests.support.kafka.program import until

TEXT = "Since Tuesday the nightly export stops with error FXP-4107 on node db-3. \N{GRINNING FACE} It began on Tuesday."
SMILE = TEXT.index("\N{GRINNING FACE}")


def one_answer(quote: str | None = "error FXP-4107") -> DeskScene:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Which error?", quote, 0.4, declined=quote is None)
    return scene


def say(browser: TestClient, verdict: str, **fields: str) -> Any:
    page = browser.get("/label").text
    [place] = re.findall(r'name="place" value="([^"]+)"', page)
    return submit(browser, "/label", "/label", {"place": place, "verdict": verdict, **fields})


def published(scene: DeskScene) -> list[Feedback]:
    return [decode_feedback(record.value or b"", Limits()) for record in scene.broker.records(TOPICS.feedback)]


@pytest.mark.parametrize(
    ("verdict", "fields", "expected"),
    [
        ("accepted", {}, ("accepted", "error FXP-4107")),
        ("corrected", {"typed": " FXP-4107 "}, ("corrected", "FXP-4107")),
        ("corrected", {"typed": "error FXP-4107"}, ("accepted", "error FXP-4107")),
        ("corrected", {"char_start": "0", "char_end": "13"}, ("corrected", "Since Tuesday")),
        ("corrected", {"char_start": str(SMILE), "char_end": str(SMILE + 1)}, ("corrected", "\N{GRINNING FACE}")),
        ("no_answer", {}, ("no_answer", None)),
        ("unsure", {}, ("unsure", None)),
    ],
)
def test_each_verdict_becomes_feedback_about_the_very_text(
    verdict: str, fields: dict[str, str], expected: tuple[str, str | None]
) -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        reply = say(browser_of(parts), verdict, by=" agent-12 ", **fields)
        assert reply.status_code == 303
    [feedback] = published(scene)
    assert (feedback.verdict, feedback.span and feedback.span.text) == expected
    if feedback.span is not None:
        assert TEXT[feedback.span.char_start : feedback.span.char_end] == feedback.span.text
    [document] = scene.broker.records(TOPICS.documents)
    [record] = scene.broker.records(TOPICS.feedback)
    assert (record.key, record.partition.number) == (document.key, document.partition.number)
    assert record.partition.number == partition_of(record.key or b"", 2)
    assert (feedback.question, feedback.by, feedback.source) == ("Which error?", "agent-12", "person")
    assert feedback.feedback_id is not None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"typed": ""},
        {"typed": "not in the text"},
        {"typed": "uesday"},
        {"char_start": "1", "char_end": "13"},
        {"char_start": "13", "char_end": "0"},
        {"char_start": "0", "char_end": "999999"},
        {"char_start": "5", "char_end": "13"},
        {"char_start": "-1", "char_end": "x"},
    ],
)
def test_what_is_no_piece_of_the_text_in_whole_words_is_not_published(fields: dict[str, str]) -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        reply = say(browser_of(parts), "corrected", **fields)
        assert reply.status_code == 422
        assert "whole words" in reply.text
        assert 'name="place"' in reply.text
    assert published(scene) == []


def test_where_there_is_no_candidate_none_can_be_accepted() -> None:
    scene = one_answer(None)
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        assert "disabled" in browser.get("/label").text
        assert say(browser, "accepted").status_code == 422
        assert say(browser, "no_answer").status_code == 303


def test_answers_come_as_label_next_draws_them_and_what_was_labelled_or_skipped_comes_no_more() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    names = [f"q-{number}" for number in range(4)]
    for name in names:
        scene.answer(document, f"About {name}?", "Tuesday", 0.5, question_id=name)
    candidates = [Candidate(name, group_of(f"About {name}?")) for name in names]
    expected: list[str] = []
    for random_share in (1.0, 1.0, 0.0, 1.0):  # the first is skipped
        expected += [one.question_id for one in draw(candidates, expected, 1, random_share)]
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        asked = []
        for verdict in ("skip", "accepted", "no_answer", "unsure"):
            asked += re.findall(r"About (q-\d)\?</h1>", browser.get("/label").text)
            say(browser, verdict)
        assert "Nothing is left to label" in browser.get("/label").text
    assert asked == expected
    assert [feedback.question_id for feedback in published(scene)] == expected[1:]
    assert [one.metadata[SAMPLING] for one in published(scene)] == ["random", "spread", "random"]
    for feedback in published(scene):
        assert feedback.metadata[SAMPLING_GROUP] == "rare"
        assert 0 < float(feedback.metadata[INCLUSION_PROBABILITY]) <= 1


def test_each_question_is_shown_as_often_though_one_is_asked_of_every_ticket() -> None:
    scene = DeskScene()
    for number in range(30):
        document = scene.document(TEXT)
        scene.answer(document, "Which error?", "error FXP-4107", 0.5, question_id=f"often-{number}")
        if number % 10 == 0:
            scene.answer(document, "Since when?", "Tuesday", 0.5, question_id=f"seldom-{number}")
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        for _ in range(6):
            say(browser, "accepted")
    asked = Counter(one.question for one in published(scene))
    assert asked == {"Which error?": 3, "Since when?": 3}


def test_an_answer_that_was_looked_up_is_not_called_drawn() -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        [row] = parts.view.answers.all()
        page = f"/label?place={row.place}"
        submit(browser, page, "/label", {"place": str(row.place), "verdict": "accepted"})
    [feedback] = published(scene)
    assert SAMPLING not in feedback.metadata


def test_feedback_says_which_answer_was_looked_at_and_how_sure_it_was() -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        browser.get("/label")
        say(browser, "no_answer")
        [row] = parts.view.answers.all()
    [feedback] = published(scene)
    judged = judged_answer(feedback)
    assert judged is not None
    assert (judged.question_id, judged.confidence, judged.sampling) == (row.question_id, row.confidence, "random")
    assert (judged.calibration, judged.is_wrong) == ("platt", True)


def test_what_a_model_suggested_is_no_label() -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        say(browser_of(parts), "accepted")
        [feedback] = published(scene)
    suggesting = one_answer()
    suggested = feedback.model_copy(update={"source": "suggested", "feedback_id": None})
    suggesting.send(TOPICS.feedback, feedback.record_key, suggested)
    with suggesting.open(is_writing=True) as parts:
        assert "Which error?" in browser_of(parts).get("/label").text


def test_two_people_are_not_shown_the_same_answer() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    for number in range(2):
        scene.answer(document, f"Question {number}?", "Tuesday", 0.5)
    with scene.open(is_writing=True) as parts:
        shown = {re.findall(r"Question \d", browser_of(parts).get("/label").text)[0] for _ in range(2)}
    assert len(shown) == 2


def test_one_can_go_back_and_the_later_verdict_counts() -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        say(browser, "accepted")
        [back] = re.findall(r'href="(/label\?place=[^"]+)"', browser.get("/label").text)
        assert "Which error?" in browser.get(back).text
        submit(browser, back, "/label", {"place": back.partition("=")[2], "verdict": "no_answer"})
        [row] = parts.view.feedback.all()
        assert row.verdict == "no_answer"
    assert [feedback.verdict for feedback in published(scene)] == ["accepted", "no_answer"]


def test_labels_of_others_are_known_and_those_of_deleted_documents_are_gone() -> None:
    scene = one_answer()
    with scene.open(is_writing=True) as parts:
        say(browser_of(parts), "accepted")
        [feedback] = published(scene)
        scene.send(TOPICS.labels, feedback.label_key, feedback)
        scene.answer(scene.document(TEXT, "another"), "Another?", "Tuesday")
        until(lambda: "Another?" in browser_of(parts).get("/label").text, "the other answer")
        scene.send(TOPICS.labels, feedback.label_key, None)
        until(lambda: not parts.view.feedback.all(), "the label to be gone")


def test_an_answer_whose_text_has_changed_is_passed_over() -> None:
    scene = one_answer()
    scene.document("A wholly different text.")
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        assert "Nothing is left to label" in browser.get("/label").text
        [row] = parts.view.answers.all()
        assert browser.get(f"/label?place={row.place}").status_code == 404


def test_a_read_only_desk_labels_nothing() -> None:
    scene = one_answer()
    with scene.open() as parts:
        browser = browser_of(parts)
        assert "read-only" in browser.get("/label").text
        reply = submit(browser, "/letters?reason=x", "/label", {"place": "0-0", "verdict": "accepted"})
        assert reply.status_code == 403
    assert published(scene) == []


def test_hostile_texts_are_shown_in_words_and_do_nothing() -> None:
    scene = DeskScene()
    document = scene.document(HOSTILE * 3 + "x" * 900_000, document_id="<b>\"'")
    scene.answer(document, HOSTILE.replace("\x00", ""), "alert(1)", 0.5)
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        page = browser.get("/label").text
        said = say(browser, "accepted", by=HOSTILE)
        assert said.status_code == 303
    for bad in ("<script>alert", "<img", '<b>"', "\u202e", "\x00"):
        assert bad not in page
    assert len(page) < 200_000


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_words_tile_the_text_and_each_may_begin_and_end_an_answer(text: str, begin: int, end: int) -> None:
    pieces = list(word_pieces(text, 0, len(text)))
    assert "".join(piece.text for piece in pieces) == text
    for piece in pieces:
        if piece.is_word:
            assert text[piece.char_start : piece.char_end] == piece.text
            assert not WordMap(text).inside[[piece.char_start, piece.char_end]].any()
    words = {piece.char_start for piece in pieces if piece.is_word and begin <= piece.char_start < end}
    assert {piece.char_start for piece in word_pieces(text, begin, end) if piece.is_word} <= words


def test_of_several_places_the_nearest_is_taken() -> None:
    text = "Tuesday or Tuesdays or Tuesday"
    assert nearest_place(text, "Tuesday", 0) == (0, 7)
    assert nearest_place(text, "Tuesday", 11) == (0, 7)
    assert nearest_place(text, "Tuesday", 20) == (23, 30)
    assert nearest_place(text, "esday", 0) is None
    assert is_whole_words(text, 0, 7)
    assert not is_whole_words(text, 0, 8)


def test_feedback_on_a_collections_answer_is_about_the_document_that_it_quotes() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT, "kb-7"), "Which error?", "error FXP-4107", collection="kb")
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        assert "of <bdi>kb</bdi>" in browser.get("/label").text
        assert say(browser, "accepted").status_code == 303
    [feedback] = published(scene)
    assert (feedback.document_id, feedback.question_id, feedback.context) == ("kb-7", "q-1", None)
    [record], [document] = (scene.broker.records(topic) for topic in (TOPICS.feedback, TOPICS.documents))
    assert (record.key, record.partition.number) == (b"kb-7", document.partition.number)


def test_a_collections_answer_that_quotes_nothing_is_not_shown_to_be_labelled() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Who pays?", None, collection="kb")
    with scene.open(is_writing=True) as parts:
        assert "Nothing is left to label" in browser_of(parts).get("/label").text
