"""The pages of dead letters: counted by reason, with state, bytes and headers; and what a read-only desk refuses."""

from __future__ import annotations

import html

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.web.letters import hex_rows
from spanstream.consumer.replay.ledger import LedgerEntries, ledger_of
from spanstream.consumer.replay.letters.letter import LetterState
from spanstream.schemas.errors import Reason
from tests.support.desk.desk_scene import HOSTILE, TOPICS, DeskScene, browser_of, submit
from tests.support.kafka.program import until


def first_page(parts: DeskParts) -> str:
    [row] = parts.view.letters.all()
    return browser_of(parts).get(f"/letters/one?place={row.place}").text


def test_dead_letters_are_counted_by_reason_and_filtered_by_it() -> None:
    scene = DeskScene()
    for number in range(3):
        scene.letter(b"{}", detail=f"wrong {number}")
    scene.letter(b"{", Reason.UNDECODABLE, "no JSON")
    with scene.open() as parts:
        browser = browser_of(parts)
        page = browser.get("/letters").text
        assert "<bdi>invalid_event</bdi> <strong>3</strong>" in page
        assert "<bdi>undecodable</bdi> <strong>1</strong>" in page
        page = browser.get("/letters?reason=undecodable").text
    assert "no JSON" in page
    assert "wrong 0" not in page


def test_what_was_sent_again_is_no_longer_open() -> None:
    scene = DeskScene()
    scene.letter(b"{}", detail="the first")
    with scene.open() as parts:
        [letter] = scene.broker.records(TOPICS.dead_letters)
        entries = LedgerEntries(
            ledger_of(TOPICS.dead_letters), parts.view.ledger.topic_id if parts.view.ledger else "", "r"
        )
        assert "the first" in browser_of(parts).get("/letters").text
        scene.broker.publisher().publish([entries.settled(letter, LetterState.REPLAYED)], {})
        until(lambda: "the first" not in browser_of(parts).get("/letters").text, "the letter to be settled")
        page = browser_of(parts).get("/letters?state=replayed").text
    assert "the first" in page


def test_a_letter_is_shown_with_its_bytes_as_text_and_in_hexadecimal_and_its_headers() -> None:
    scene = DeskScene()
    scene.letter(b'{"a": \xff\x00}', headers=(("content-type", b"application/json"), ("odd", None)))
    with scene.open() as parts:
        page = html.unescape(first_page(parts))
    assert r'{"a": \xff␀}' in page
    assert "00000000  7b 22 61 22 3a 20 ff 00 7d" in page
    assert "application/json" in page
    assert "qa.questions/0/7" in page
    assert "<bdi>null</bdi>" in page


def test_hostile_bytes_are_shown_and_do_nothing() -> None:
    scene = DeskScene()
    hostile = HOSTILE.encode()
    scene.letter(hostile, detail=HOSTILE[:200], key=hostile, headers=(("<b>\u202e", hostile),))
    with scene.open() as parts:
        pages = [first_page(parts), browser_of(parts).get("/letters").text]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<b>" not in page
        assert "\u202e" not in page
        assert "\x00" not in page


def test_a_megabyte_is_shown_in_pages() -> None:
    scene = DeskScene()
    scene.letter(b"x" * 1_000_000)
    with scene.open() as parts:
        page = first_page(parts)
        [row] = parts.view.letters.all()
        last = browser_of(parts).get(f"/letters/one?place={row.place}&from=999999").text
    assert len(page) < 60_000
    assert 'rel="next"' in page
    assert "of 1,000,000" in last
    assert 'rel="next"' not in last


def test_bytes_are_shown_as_a_hex_editor_does() -> None:
    assert list(hex_rows(b"0123456789abcdef\x00", 32)) == [
        "00000020  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
        f"00000030  {'00':<47}  ·",
    ]


@pytest.mark.parametrize("address", ["/letters/plan", "/letters/run"])
def test_a_read_only_desk_sends_nothing_again(address: str) -> None:
    scene = DeskScene()
    scene.letter(b"{}")
    with scene.open() as parts:
        reply = submit(browser_of(parts), "/letters?reason=invalid_event", address, {"reason": "invalid_event"})
        assert reply.status_code == 403
        assert "--write" in reply.text
        assert 'formaction="/letters/plan"' not in browser_of(parts).get("/letters?reason=invalid_event").text


@pytest.mark.parametrize("chosen", [{}, {"place": "", "reason": ""}, {"place": "0-99"}, {"place": "x"}])
def test_no_choice_is_not_all_of_them(chosen: dict[str, str]) -> None:
    scene = DeskScene()
    scene.letter(b"{}")
    with scene.open(is_writing=True) as parts:
        reply = submit(browser_of(parts), "/letters?reason=invalid_event", "/letters/run", {"to_send": "1", **chosen})
    assert reply.status_code in (400, 404)


def test_nothing_is_sent_that_was_not_asked_about() -> None:
    scene = DeskScene()
    scene.letter(b"{}")
    with scene.open(is_writing=True) as parts:
        browser = browser_of(parts)
        reply = submit(browser, "/letters?reason=invalid_event", "/letters/run", {"reason": "invalid_event"})
    assert reply.status_code == 400


def test_a_record_without_error_headers_is_shown_too() -> None:
    scene = DeskScene()
    scene.broker.publisher().publish([Outgoing(TOPICS.dead_letters, None, None)], {})
    with scene.open() as parts:
        page = first_page(parts)
    assert "(no reason)" in page
    assert "a tombstone" in page
