"""The desk in a real Chromium: it keeps up to date, labels by keyboard and mouse, and no text of a ticket acts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_selenium_python import Axe
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.schemas.codec import decode_feedback
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import FieldStatus
from tests.support.desk.chromium import set_media, set_scripts, start_chromium
from tests.support.desk.desk_scene import HOSTILE, TOPICS, DeskScene
from tests.support.desk.served_desk import ServedDesk, serve_desk
from tests.support.desk.triage_scene import field_of, record_of, scene_with
from tests.support.kafka.program import until

TEXT = "Since Tuesday the nightly export stops with error FXP-4107 on node db-3.\n\nIt began on Tuesday.\n"
DANGEROUS = f"{HOSTILE} \u2066<svg onload=alert(3)> The code is E-9. " + "w" * 50_000
# HTML lets a div group the terms of a list since 5.2; the checker of Python 3.11's version does not know it.
_RULES = {"rules": {"dlitem": {"enabled": False}, "definition-list": {"enabled": False}}}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser = start_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def desk() -> Iterator[ServedDesk]:
    scene = DeskScene()
    document = scene.document(TEXT, title="The export")
    scene.answer(document, "Which error?", "error FXP-4107", 0.52, question_id="q-error")
    scene.answer(document, "Since when?", "Tuesday", 0.93, question_id="q-when")
    with serve_desk(scene, is_writing=True) as desk:
        yield desk


@pytest.fixture
def hostile_desk() -> Iterator[ServedDesk]:
    scene = DeskScene()
    document = scene.document(DANGEROUS, document_id="<b onclick=alert(4)>\"'", title=DANGEROUS[:900])
    scene.answer(document, DANGEROUS[:300].replace("\x00", ""), "E-9", 0.5, question_id="<i>")
    scene.letter(DANGEROUS.encode(), detail=DANGEROUS[:200], key=DANGEROUS[:100].encode(), headers=(("<b>", b"<i>"),))
    scene.broker.publisher().publish([Outgoing(TOPICS.answers, b"<b>", b"<script>alert(5)</script>")], {})
    with serve_desk(scene, is_writing=True) as desk:
        yield desk


@pytest.fixture
def triage_desk() -> Iterator[ServedDesk]:
    scene, document = scene_with()
    floor = field_of(document, "floor 3", FieldStatus.LOW_CONFIDENCE)
    record = record_of(document, error=field_of(document, "error 50.2"), floor=floor)
    scene.send(TOPICS.triage, "t-1", record)
    with serve_desk(scene, is_writing=True) as desk:
        yield desk


def complaints_of(chromium: Chrome) -> list[str]:
    """Returns what the browser has to say of pages since it was last asked."""
    lines: list[dict[str, str]] = chromium.get_log("browser")  # type: ignore[no-untyped-call]  # the library's own
    return [line["message"] for line in lines]


def pages_of(desk: ServedDesk) -> list[str]:
    [row, *_] = desk.parts.view.answers.all()
    letters = [f"/letters/one?place={letter.place}" for letter in desk.parts.view.letters.all()]
    document = next(iter(desk.parts.view.latest_answers())).document_id or ""
    return [
        "/",
        f"/document?id={quote(document, safe='')}",
        f"/answer?place={row.place}",
        "/letters",
        "/letters?reason=invalid_event",
        *letters,
        "/triage",
        f"/label?place={row.place}",
        "/quality",
        "/login",
        "/nowhere",
    ]


def published(desk: ServedDesk) -> list[Feedback]:
    records = desk.scene.broker.records(TOPICS.feedback)
    return [decode_feedback(record.value or b"", Limits()) for record in records]


def await_feedback(desk: ServedDesk, count: int) -> Feedback:
    until(lambda: len(published(desk)) >= count, f"feedback number {count}")
    return published(desk)[count - 1]


def text_of(chromium: Chrome, selector: str) -> str:
    return chromium.find_element(By.CSS_SELECTOR, selector).text


def press(chromium: Chrome, *keys: str) -> None:
    ActionChains(chromium).send_keys(*keys).perform()


def press_with_shift(chromium: Chrome, *keys: str) -> None:
    ActionChains(chromium).key_down(Keys.SHIFT).send_keys(*keys).key_up(Keys.SHIFT).perform()


def open_label(chromium: Chrome, desk: ServedDesk, question_id: str = "q-error") -> None:
    [row] = [row for row in desk.parts.view.answers.all() if row.question_id == question_id]
    chromium.get(f"{desk.address}/label?place={row.place}")


def test_no_text_of_a_ticket_acts_on_any_page(chromium: Chrome, hostile_desk: ServedDesk) -> None:
    complaints_of(chromium)  # of pages before
    for path in pages_of(hostile_desk):
        chromium.get(f"{hostile_desk.address}{path}")
        assert chromium.execute_script("return document.scripts.length") <= 2, path
        assert not chromium.find_elements(By.CSS_SELECTOR, "main script, main img, main i, main b, svg[onload]"), path
        assert "\u202e" not in chromium.page_source
        width = chromium.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"{path} is wider than the window"
    assert [line for line in complaints_of(chromium) if "404" not in line] == []


def test_the_policy_forbids_what_would_be_written_into_a_page(chromium: Chrome, desk: ServedDesk) -> None:
    chromium.get(desk.address)
    chromium.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">');"
        "const s = document.createElement('script'); s.textContent = 'document.title = 2'; document.body.append(s);"
    )
    assert chromium.title == "Stream · spanstream"
    assert "Content Security Policy" in " ".join(complaints_of(chromium))


def test_the_stream_shows_a_new_answer_by_itself_and_rests_when_it_is_told_to(
    chromium: Chrome, desk: ServedDesk
) -> None:
    chromium.get(desk.address)
    document = desk.scene.document("Another text about a printer.", "ticket-2")
    desk.scene.answer(document, "What is it about?", "a printer")
    until(lambda: "What is it about?" in text_of(chromium, "#live"), "the new answer to be shown", every=0.2)
    pause = chromium.find_element(By.CSS_SELECTOR, "[data-pause]")
    pause.click()
    assert pause.get_attribute("aria-pressed") == "true"
    assert pause.text == "Go on"


def test_the_stream_is_filtered_with_and_without_scripts(chromium: Chrome, desk: ServedDesk) -> None:
    for run in (True, False):
        set_scripts(chromium, run=run)
        try:
            chromium.get(desk.address)
            assert "Since when?" in text_of(chromium, "#live")
            chromium.find_element(By.ID, "words").send_keys("error", Keys.ENTER)
            until(lambda: "words=error" in chromium.current_url, "the filter", every=0.1)
            assert "Which error?" in text_of(chromium, "#live")
            assert "Since when?" not in text_of(chromium, "#live")
        finally:
            set_scripts(chromium, run=True)


def test_one_key_accepts_and_the_next_question_is_there(chromium: Chrome, desk: ServedDesk) -> None:
    open_label(chromium, desk)
    press(chromium, "a")
    feedback = await_feedback(desk, 1)
    assert (feedback.verdict, feedback.question_id) == ("accepted", "q-error")
    until(lambda: "Since when?" in text_of(chromium, "h1"), "the next question", every=0.1)
    press(chromium, "n")
    assert await_feedback(desk, 2).verdict == "no_answer"
    until(lambda: "Nothing is left" in text_of(chromium, "main"), "the end", every=0.1)


def test_words_are_selected_by_keys_and_taken_back(chromium: Chrome, desk: ServedDesk) -> None:
    open_label(chromium, desk)
    press(chromium, Keys.ARROW_RIGHT)  # the candidate's first word
    assert text_of(chromium, "#chosen") == "error"
    press(chromium, Keys.ARROW_RIGHT)
    press_with_shift(chromium, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text_of(chromium, "#chosen") == "FXP-4107"
    press(chromium, "a")  # right is said of the candidate, and other words are selected
    assert published(desk) == []
    press(chromium, Keys.ESCAPE)
    assert text_of(chromium, "#chosen") == "error FXP-4107"
    press(chromium, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    press_with_shift(chromium, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    press(chromium, Keys.ENTER)
    feedback = await_feedback(desk, 1)
    assert feedback.verdict == "corrected"
    assert feedback.span is not None
    assert feedback.span.text == "FXP-4107"


def test_a_drag_with_the_mouse_selects_whole_words(chromium: Chrome, desk: ServedDesk) -> None:
    open_label(chromium, desk)
    words = {word.text: word for word in chromium.find_elements(By.CSS_SELECTOR, "#words span")}
    drag = ActionChains(chromium).move_to_element(words["nightly"]).click_and_hold()
    drag.move_to_element(words["stops"]).release().perform()
    assert text_of(chromium, "#chosen") == "nightly export stops"
    press(chromium, Keys.ENTER)
    feedback = await_feedback(desk, 1)
    assert feedback.span is not None
    assert feedback.span.text == "nightly export stops"


def test_a_click_selects_one_word_and_the_lines_are_moved_between(chromium: Chrome, desk: ServedDesk) -> None:
    open_label(chromium, desk)
    chromium.find_element(By.XPATH, "//pre//span[text()='nightly']").click()
    assert text_of(chromium, "#chosen") == "nightly"
    press(chromium, Keys.ARROW_DOWN)
    assert text_of(chromium, "#chosen") in ("It", "began", "on", "Tuesday", ".")
    press(chromium, Keys.ARROW_UP, "u")
    assert await_feedback(desk, 1).verdict == "unsure"


def test_labels_are_given_without_scripts_too(chromium: Chrome, desk: ServedDesk) -> None:
    set_scripts(chromium, run=False)
    try:
        open_label(chromium, desk)
        chromium.find_element(By.CSS_SELECTOR, "summary").click()
        chromium.find_element(By.ID, "typed").send_keys("node db-3")
        chromium.find_element(By.CSS_SELECTOR, "details button").click()
        feedback = await_feedback(desk, 1)
    finally:
        set_scripts(chromium, run=True)
    assert feedback.span is not None
    assert feedback.span.text == "node db-3"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_without_a_mouse_a_colour_or_a_screen(
    chromium: Chrome, desk: ServedDesk, scheme: str
) -> None:
    set_media(chromium, prefers_color_scheme=scheme)
    desk.scene.letter(b'{"question": "Why?"}')
    until(lambda: len(desk.parts.view.letters) > 0, "the dead letter")
    try:
        for path in pages_of(desk):
            chromium.get(f"{desk.address}{path}")
            assert violations_on(chromium) == [], path
    finally:
        set_media(chromium)


def violations_on(chromium: Chrome) -> list[tuple[str, list[str]]]:
    """Returns what the checker of accessibility finds wrong with the page."""
    axe = Axe(chromium)
    chromium.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(axe.script_url).read_text(encoding="utf-8")})
    found = axe.run(options=json.dumps(_RULES))["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:2]]) for one in found]


def open_field(chromium: Chrome, desk: ServedDesk, name: str) -> None:
    """Goes to a field's page as people do: by the link on its record."""
    chromium.get(f"{desk.address}/triage/one?ticket=t-1")
    chromium.find_element(By.CSS_SELECTOR, f"a[href*='field={name}']").click()
    until(lambda: f"Field {name}" in text_of(chromium, "main"), "the field's page", every=0.1)


def test_the_fields_of_a_triage_record_are_judged_by_key_and_by_mouse(
    chromium: Chrome, triage_desk: ServedDesk
) -> None:
    open_field(chromium, triage_desk, "error")
    assert violations_on(chromium) == []
    press(chromium, "a")
    feedback = await_feedback(triage_desk, 1)
    assert (feedback.verdict, feedback.field.name if feedback.field else "") == ("accepted", "error")
    until(lambda: "/triage/one" in chromium.current_url, "the record again", every=0.1)
    assert violations_on(chromium) == []
    open_field(chromium, triage_desk, "floor")
    chromium.find_element(By.XPATH, "//pre//span[text()='printer']").click()
    press(chromium, Keys.ENTER)
    feedback = await_feedback(triage_desk, 2)
    assert feedback.verdict == "corrected"
    assert feedback.span is not None
    assert feedback.span.text == "printer"


def focused(chromium: Chrome) -> str:
    said: str = chromium.execute_script("return document.activeElement.textContent.trim()")
    return said


def test_the_keyboard_reaches_everything_and_what_has_the_focus_is_seen(chromium: Chrome, desk: ServedDesk) -> None:
    chromium.get(desk.address)
    press(chromium, Keys.TAB)
    assert focused(chromium) == "To the content"
    outline: Callable[[], str] = lambda: chromium.execute_script(  # noqa: E731  read again after each key
        "return getComputedStyle(document.activeElement).outlineStyle"
    )
    reached = []
    while True:
        press(chromium, Keys.TAB)
        if chromium.execute_script("return document.activeElement === document.body"):
            break
        reached.append(focused(chromium))
        assert outline() != "none", reached[-1]
    assert "Dead letters" in reached
    assert "Filter" in reached
    assert "Which error?" in reached
