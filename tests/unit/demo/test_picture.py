from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from spanstream.consumer.demo.picture import picture, save_picture
from spanstream.consumer.terminal.panels import DeadLetterPanel, SummaryPanel, TicketPanel
from spanstream.consumer.terminal.views import AnswerView, DeadLetterView, DemoSummary, SpanView, TicketView

SUMMARY = DemoSummary(5, 3, 2, 1, 1.0, 1.0, 9, 4, 3, "m", "1", "int8")
LETTER = DeadLetterView("undecodable", "not UTF-8", "decode", "qa.questions", 0, 7, None, b"\xff\xfe")


def _ticket(name: str, *, lines: int = 3, answered: int = 2, declined: int = 1) -> TicketView:
    text = "a line of a log\n" * lines + " ".join(f"answer-{number}" for number in range(answered))
    answers = []
    for number in range(answered):
        start = text.index(f"answer-{number}")
        span = SpanView(text[start : start + 8], start, start + 8)
        answers.append(AnswerView(f"Which answer is number {number}?", span, span, 0.9))
    answers += [AnswerView("What else?", None, None, 0.1)] * declined
    return TicketView(name, "title", text, tuple(answers))


def _names(renderables: tuple[RenderableType, ...]) -> list[str]:
    return [panel.view.document_id for panel in renderables if isinstance(panel, TicketPanel)]


def _rows(renderables: tuple[RenderableType, ...], width: int) -> int:
    console = Console(file=io.StringIO(), width=width)
    return sum(len(console.render_lines(panel)) for panel in renderables)


def test_the_picture_has_tickets_a_dead_letter_and_the_totals() -> None:
    chosen = picture([_ticket("a"), _ticket("b"), _ticket("c"), _ticket("d")], [LETTER, LETTER], SUMMARY)
    assert [type(panel) for panel in chosen] == [TicketPanel] * 3 + [DeadLetterPanel, SummaryPanel]


def test_the_ticket_with_the_deepest_answer_is_always_in_the_picture() -> None:
    tickets = [_ticket("a"), _ticket("b"), _ticket("c"), _ticket("deep", lines=150, answered=1, declined=0)]
    assert "deep" in _names(picture(tickets, [], SUMMARY))


def test_tickets_with_answers_and_a_declined_question_come_first() -> None:
    tickets = [_ticket("all", declined=0), _ticket("none", answered=0), *(_ticket(name) for name in "abc")]
    assert _names(picture(tickets, [], SUMMARY)) == ["a", "b", "c"]


@pytest.mark.parametrize("max_rows", [40, 55, 70])
@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_picture_is_never_taller_than_asked(max_rows: int, width: int) -> None:
    tickets = [_ticket(f"ticket-{n}", lines=n * 7, answered=n) for n in range(1, 9)]
    chosen = picture(tickets, [LETTER], SUMMARY, width=width, max_rows=max_rows)
    assert _rows(chosen, width) <= max_rows
    assert _names(chosen)


def test_without_any_ticket_the_picture_is_the_totals() -> None:
    assert [type(panel) for panel in picture([], [], SUMMARY)] == [SummaryPanel]


def test_the_svg_is_well_formed_in_colour_and_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    path = tmp_path / "demo.svg"
    evil = "</text><script>x</script> \x1b[2J \x00 \ufffe [bold] answer"
    start = evil.index("answer")
    span = SpanView("answer", start, start + 6)
    view = TicketView("ticket-1", "a & b", evil, (AnswerView("Which?", span, span, 0.9),))
    save_picture(path, picture([view], [LETTER], SUMMARY))
    svg = path.read_text(encoding="utf-8")
    root = ET.fromstring(svg)  # noqa: S314  our own file, just written
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert "#ffd166" in svg
    assert set(re.findall(r"https?://[^\s\"')]+", svg)) == {"http://www.w3.org/2000/svg"}


def test_wide_characters_are_as_wide_as_their_cells_in_the_svg(tmp_path: Path) -> None:
    path = tmp_path / "demo.svg"
    save_picture(path, [Text("竹音"), Text("e\u0301e\u0301"), Text("abcd")], width=20)
    texts = ET.fromstring(path.read_text(encoding="utf-8")).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314  ours
    widths = {
        node.text.strip("\xa0\n"): float(node.attrib["textLength"])
        for node in texts
        if node.text and "textLength" in node.attrib
    }
    assert cell_len("竹音") == 4
    assert widths["竹音"] == widths["abcd"] == 2 * widths["e\u0301e\u0301"]


def test_leading_spaces_are_part_of_the_place_in_the_svg(tmp_path: Path) -> None:
    path = tmp_path / "demo.svg"
    save_picture(path, [Text("abcd"), Text("  abcd")], width=20)
    texts = ET.fromstring(path.read_text(encoding="utf-8")).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314  ours
    places = [float(node.attrib["x"]) for node in texts if node.text == "abcd"]
    assert places == [0, 24]


def test_a_tall_ticket_does_not_take_the_place_of_two_short_ones() -> None:
    tall = [_ticket(f"tall-{number}", lines=8, answered=5, declined=9) for number in range(2)]
    chosen = picture([*tall, _ticket("a"), _ticket("b")], [LETTER], SUMMARY)
    assert _names(chosen) == ["tall-0", "a", "b"]
