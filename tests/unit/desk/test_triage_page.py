"""The pages of triage: the records, and one beside the text that it was made of."""

from __future__ import annotations

import re

from spanstream.schemas.triage import FieldStatus
from tests.support.desk.desk_scene import HOSTILE, TOPICS, DeskScene, browser_of
from tests.support.desk.triage_scene import TEXT, field_of, record_of, scene_with


def test_records_are_listed_and_filtered_by_route_and_priority() -> None:
    scene, document = scene_with()
    scene.send(TOPICS.triage, "t-1", record_of(document))
    other = scene.document(TEXT, document_id="t-2")
    scene.send(TOPICS.triage, "t-2", record_of(other, route="network"))
    with scene.open() as parts:
        browser = browser_of(parts)
        assert {"t-1", "t-2"} <= set(re.findall(r"<bdi>(t-\d)</bdi>", browser.get("/triage").text))
        assert re.findall(r"<bdi>(t-\d)</bdi>", browser.get("/triage?route=network").text) == ["t-2"]
        assert re.findall(r"<bdi>(t-\d)</bdi>", browser.get("/triage?route=network&priority=low").text) == []


def test_a_record_stands_beside_its_ticket_with_its_fields_marked() -> None:
    scene, document = scene_with()
    error = field_of(document, "50.2")
    floor = field_of(document, "floor 3", FieldStatus.LOW_CONFIDENCE)
    scene.send(
        TOPICS.triage,
        "t-1",
        record_of(document, error=error, floor=floor, owner=field_of(document, None, FieldStatus.NO_ANSWER)),
    )
    with scene.open() as parts:
        page = browser_of(parts).get("/triage/one?ticket=t-1").text
    assert '<mark id="a1" class="q1"><bdi>50.2</bdi></mark>' in page
    assert '<mark id="a2" class="q2 guess"><bdi>floor 3</bdi></mark>' in page
    for said in (
        "it is about a printer",
        "work stands still",
        "Since when?",
        "Anna",
        "north",
        "low confidence",
        "Printer",
    ):
        assert said in page


def test_of_several_revisions_the_last_is_shown() -> None:
    scene, document = scene_with()
    first = record_of(document)
    scene.send(TOPICS.triage, "t-1", first)
    scene.send(TOPICS.triage, "t-1", first.model_copy(update={"revision": 2, "route": "network"}))
    with scene.open() as parts:
        assert "revision 2" in browser_of(parts).get("/triage/one?ticket=t-1").text


def test_hostile_tickets_do_nothing() -> None:
    text = HOSTILE + "y" * 500_000
    scene, document = scene_with("<b>t\"'", text)
    record = record_of(document, route="<i>", error=field_of(document, text[:1_000]))
    scene.send(TOPICS.triage, document.document_id, record.model_copy(update={"ask_customer": [HOSTILE, text]}))
    with scene.open() as parts:
        browser = browser_of(parts)
        [link] = set(re.findall(r"/triage/one\?ticket=[^\"]+", browser.get("/triage").text))
        pages = [browser.get("/triage").text, browser.get(link).text]
    for page in pages:
        assert len(page) < 60_000
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<i>" not in page
        assert "\u202e" not in page


def test_a_ticket_that_nobody_knows_is_not_here() -> None:
    with DeskScene().open() as parts:
        assert browser_of(parts).get("/triage/one?ticket=nobody").status_code == 404
