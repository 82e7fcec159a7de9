"""Feedback on a field of a triage record, given on the desk as `feedback give --ticket --field` gives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.triage.questions import question_id_of
from spanstream.schemas.codec import decode_feedback
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import FieldStatus
from tests.support.desk.desk_scene import HOSTILE, TOPICS, DeskScene, browser_of, csrf_of, submit
from tests.support.desk.triage_scene import TEXT, field_of, record_of, scene_with
from tests.support.kafka.program import until

RECORD = "/triage/one?ticket=t-1"
TWICE = f"{TEXT} It is error 50.2 again."


@pytest.fixture
def scene() -> DeskScene:
    scene, document = scene_with(text=TWICE)
    floor = field_of(document, "floor 3", FieldStatus.LOW_CONFIDENCE)
    owner = field_of(document, None, FieldStatus.NO_ANSWER)
    record = record_of(document, error=field_of(document, "error 50.2"), floor=floor, owner=owner)
    scene.send(TOPICS.triage, "t-1", record)
    return scene


@pytest.fixture
def parts(scene: DeskScene) -> Iterator[DeskParts]:
    with scene.open(is_writing=True) as parts:
        yield parts


def say(browser: TestClient, field: str, verdict: str, **fields: str) -> int:
    form = {"ticket": "t-1", "field": field, "revision": "1", "verdict": verdict}
    reply = submit(browser, RECORD, "/triage/field", form | fields)
    if reply.status_code == 303:
        assert reply.headers["location"] == f"{RECORD}#fields"
    status: int = reply.status_code
    return status


def last_feedback(scene: DeskScene) -> Feedback:
    return decode_feedback(scene.broker.records(TOPICS.feedback)[-1].value or b"", Limits())


def test_a_field_is_accepted_on_its_record_and_the_record_says_so(scene: DeskScene, parts: DeskParts) -> None:
    browser = browser_of(parts)
    assert say(browser, "error", "accepted", by="anna") == 303
    feedback = last_feedback(scene)
    record = parts.records.triage(parts.view.triage.all()[0])
    assert record is not None
    read = (record.document.sha256, record.playbook.sha256, "error", "Which is it?")
    assert feedback.question_id == question_id_of("t-1", *read)
    assert feedback.field is not None
    assert (feedback.field.ticket_id, feedback.field.name) == ("t-1", "error")
    assert (feedback.verdict, feedback.span, feedback.by) == ("accepted", record.fields["error"].answer, "anna")
    assert "said: accepted" in browser.get(RECORD).text


def test_words_that_are_selected_correct_a_field_at_their_own_place(scene: DeskScene, parts: DeskParts) -> None:
    browser = browser_of(parts)
    start = TWICE.rindex("50.2")
    page = browser.get("/triage/field?ticket=t-1&field=error").text
    assert 'class="candidate"' in page
    assert say(browser, "error", "corrected", char_start=str(start), char_end=str(start + 4)) == 303
    feedback = last_feedback(scene)
    assert feedback.verdict == "corrected"
    assert feedback.span is not None
    assert (feedback.span.text, feedback.span.char_start) == ("50.2", start)


def test_a_piece_that_is_typed_in_corrects_a_field_and_another_is_refused(scene: DeskScene, parts: DeskParts) -> None:
    browser = browser_of(parts)
    assert say(browser, "error", "corrected", typed="floor 4") == 422
    assert say(browser, "error", "corrected", typed="floor 3") == 303
    assert last_feedback(scene).verdict == "corrected"


def test_no_answer_is_said_of_a_field(scene: DeskScene, parts: DeskParts) -> None:
    assert say(browser_of(parts), "floor", "no_answer") == 303
    assert (last_feedback(scene).verdict, last_feedback(scene).span) == ("no_answer", None)


def test_that_a_declined_piece_is_right_corrects_the_field(scene: DeskScene, parts: DeskParts) -> None:
    assert say(browser_of(parts), "floor", "accepted") == 303
    feedback = last_feedback(scene)
    assert feedback.verdict == "corrected"
    assert feedback.span is not None
    assert feedback.span.text == "floor 3"


@pytest.mark.parametrize("field", ["owner", "unheard-of"])
def test_a_field_that_nothing_was_read_for_cannot_be_judged(parts: DeskParts, field: str) -> None:
    assert say(browser_of(parts), field, "no_answer") == 404
    assert f"field={field}" not in browser_of(parts).get(RECORD).text


def test_a_verdict_on_a_record_that_has_changed_meanwhile_is_refused(scene: DeskScene, parts: DeskParts) -> None:
    assert say(browser_of(parts), "error", "accepted", revision="0") == 409
    assert scene.broker.records(TOPICS.feedback) == []


def test_a_ticket_whose_text_is_another_one_now_takes_no_feedback(scene: DeskScene, parts: DeskParts) -> None:
    browser = browser_of(parts)
    csrf = csrf_of(browser.get(RECORD).text)
    scene.document("Another text.", document_id="t-1")
    until(lambda: "/triage/field" not in browser.get(RECORD).text, "the new text to be read")
    form = {"csrf": csrf, "ticket": "t-1", "field": "error", "revision": "1", "verdict": "no_answer"}
    reply = browser.post("/triage/field", data=form)
    assert reply.status_code == 409
    assert "another one now" in reply.text
    assert scene.broker.records(TOPICS.feedback) == []


def test_a_read_only_desk_offers_no_verdicts_on_fields(scene: DeskScene) -> None:
    with scene.open() as parts:
        browser = browser_of(parts)
        assert "/triage/field" not in browser.get(RECORD).text
        assert browser.get("/triage/field?ticket=t-1&field=error").status_code == 403


def test_a_hostile_field_does_nothing_on_its_page() -> None:
    text = f"{HOSTILE} E-9"
    scene, document = scene_with("<b>t\"'", text)
    name = "<i>&\"'"
    record = record_of(document).model_copy(update={"fields": {name: field_of(document, text)}})
    scene.send(TOPICS.triage, document.document_id, record)
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        page = browser.get("/triage/field", params={"ticket": document.document_id, "field": name})
        beside = browser.get("/triage/one", params={"ticket": document.document_id})
    assert page.status_code == 200
    for shown in (page.text, beside.text):
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "<i>" not in shown
        assert "\u202e" not in shown
