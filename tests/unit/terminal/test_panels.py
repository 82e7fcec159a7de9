from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from spanstream.consumer.terminal.panels import DeadLetterPanel, SummaryPanel, TicketPanel
from spanstream.consumer.terminal.views import (
    AlternativeView,
    AnswerView,
    DeadLetterView,
    DemoSummary,
    SpanView,
    TicketView,
)

SUMMARY = DemoSummary(
    questions=1093,
    answered=69,
    declined=24,
    dead_lettered=1,
    seconds=4.0,
    first_answer_seconds=2.31,
    windows_read=233,
    memory_hits=74,
    tokenizations=19,
    model_name="minilm-l6-qa",
    model_version="1.0.0",
    precision="int8",
)


def _output(renderable: RenderableType, *, width: int = 100, colour: bool = False) -> str:
    file = io.StringIO()
    if colour:
        Console(file=file, width=width, force_terminal=True, color_system="truecolor", no_color=False).print(renderable)
    else:
        Console(file=file, width=width, color_system=None).print(renderable)
    return file.getvalue()


def _ticket(text: str, *answers: str, title: str = "A title") -> TicketView:
    spans = [SpanView(answer, text.index(answer), text.index(answer) + len(answer)) for answer in answers]
    views = tuple(AnswerView(f"Question about {n}?", span, span, 0.93) for n, span in enumerate(spans, start=1))
    return TicketView("ticket-1", title, text, views)


def _dead_letter(value: bytes | None, *, key: bytes | None = b"ticket-1", detail: str = "not UTF-8") -> DeadLetterView:
    return DeadLetterView("undecodable", detail, "decode", "qa.questions", 2, 41, key, value)


def test_a_ticket_shows_its_title_text_questions_and_answers() -> None:
    output = _output(TicketPanel(_ticket("It is version 7.4.2 here.", "7.4.2")))
    assert "ticket-1 · A title" in output
    assert "It is version ⟦7.4.2⟧¹ here." in output
    row = next(line for line in output.splitlines() if "Question about 1?" in line)
    assert "7.4.2" in row
    assert "0.93" in row


def test_with_colours_the_answer_is_coloured_and_has_no_brackets() -> None:
    output = _output(TicketPanel(_ticket("It is version 7.4.2 here.", "7.4.2")), colour=True)
    assert "⟦" not in output
    assert "7.4.2\x1b[0m" in output


def test_without_colours_there_is_no_escape_sequence_at_all() -> None:
    assert "\x1b" not in _output(TicketPanel(_ticket("plain text", "text")))


def test_the_console_that_forbids_colour_gets_brackets() -> None:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True, color_system="truecolor", no_color=True)
    console.print(TicketPanel(_ticket("plain text", "text")))
    assert "⟦text⟧" in file.getvalue()


def test_markup_and_emoji_codes_in_a_ticket_are_shown_literally_everywhere() -> None:
    evil = "[bold]x[/bold] [/] :smile: [link=https://x.test]y[/link]"
    span = SpanView(evil, 0, len(evil))
    view = TicketView(evil, evil, evil, (AnswerView(evil, span, span, 0.9), AnswerView(evil, None, span, 0.1)))
    output = _output(TicketPanel(view), width=400)
    assert output.count(":smile:") == 7
    assert output.count("[bold]x[/bold] [/]") == 7
    letter = DeadLetterView("[red]r", "[red]d", "[red]s", "[red]t", 0, 0, b"[red]k", b"[red]v")
    assert _output(DeadLetterPanel(letter)).count("[red]") == 7


@pytest.mark.parametrize("colour", [False, True])
def test_an_escape_sequence_in_a_ticket_never_reaches_the_terminal(colour: bool) -> None:
    evil = "\x1b]0;owned\x07 \x1b[2J text"
    view = TicketView(evil, evil, evil, (AnswerView(evil, None, SpanView(evil, 0, len(evil)), 0.1),))
    letter = DeadLetterView(evil, evil, evil, evil, 0, 0, evil.encode(), evil.encode())
    output = _output(TicketPanel(view), colour=colour) + _output(DeadLetterPanel(letter), colour=colour)
    assert "\x1b]" not in output
    assert "\x1b[2J" not in output
    assert "\x07" not in output
    assert "␛[2J" in output


def test_a_declined_question_shows_the_candidate_it_was_not_sure_of() -> None:
    declined = AnswerView("How many?", None, SpanView("nothing", 0, 7), 0.12)
    output = _output(TicketPanel(TicketView("ticket-1", "", "nothing here", (declined,))))
    row = next(line for line in output.splitlines() if "How many?" in line)
    assert "declined  “nothing”?" in row
    assert "0.12" in row


def test_several_answers_stand_below_each_other_with_their_places() -> None:
    best = SpanView("FXP-4107", 7, 15)
    others = (
        AlternativeView(SpanView("IMP-\x1b[2J21", 40, 50), (60, 70, 80, 90, 99), 0.25),
        AlternativeView(SpanView("twice", 30, 35), (), None),
    )
    view = AnswerView("Which codes?", best, best, 0.9, further=(110,), alternatives=others)
    output = _output(TicketPanel(TicketView("ticket-1", "", "error: FXP-4107", (view,))), width=160)
    for shown in ("FXP-4107  at 7, 110", "at 40, 60, 70, 80 and 2 more", "0.25", "twice  at 30"):
        assert shown in output
    assert "\x1b" not in output
    declined = AnswerView("Which codes?", None, best, 0.1, alternatives=others[1:])
    assert "“FXP-4107”?  at 7" in _output(TicketPanel(TicketView("ticket-1", "", "error: FXP-4107", (declined,))))


def test_a_question_without_any_candidate_is_just_declined() -> None:
    output = _output(TicketPanel(TicketView("ticket-1", "", "", (AnswerView("How many?", None, None, 0.0),))))
    assert "declined" in output
    assert "?”" not in output


def test_the_windows_of_the_question_that_read_most_are_told() -> None:
    few = AnswerView("Few?", None, None, 0.0, windows_read=3, windows_total=14)
    many = AnswerView("Many?", None, None, 0.0, windows_read=12, windows_total=14)
    assert "12 of 14 windows read" in _output(TicketPanel(TicketView("ticket-1", "", "x", (few, many))))


@pytest.mark.parametrize(
    ("confidence", "bar"), [(0.0, "╌╌╌╌╌╌╌╌"), (0.5, "━━━━╌╌╌╌"), (0.94, "━━━━━━━╸"), (1.0, "━" * 8)]
)
def test_the_bar_is_as_long_as_the_confidence(confidence: float, bar: str) -> None:
    span = SpanView("text", 0, 4)
    view = TicketView("ticket-1", "", "text", (AnswerView("What?", span, span, confidence),))
    assert f" {bar} {confidence:.2f} " in _output(TicketPanel(view))


@pytest.mark.parametrize("width", [80, 100, 120, 140])
@pytest.mark.parametrize("colour", [False, True])
def test_every_line_fits_and_every_panel_is_as_wide_as_the_screen(width: int, colour: bool) -> None:
    text = "竹音 👋🏽 " * 60 + "\r\n" + "x" * 500 + "\r\n\tat Chunk.seal\n" + "word " * 300 + "the answer"
    ticket = TicketPanel(_ticket(text, "the answer", "seal", title="a long title " * 20))
    for panel in (ticket, DeadLetterPanel(_dead_letter(bytes(range(256)), detail="why " * 80)), SummaryPanel(SUMMARY)):
        console = Console(
            file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor" if colour else None
        )
        for line in console.render_lines(panel, pad=False):
            assert sum(cell_len(segment.text) for segment in line) == width


def test_a_dead_letter_says_why_where_from_and_how_it_begins() -> None:
    output = _output(DeadLetterPanel(_dead_letter(b'{"question_id": "q\xff\xfe" and so much more text')))
    assert "undecodable" in output
    assert "not UTF-8" in output
    assert "decode" in output
    assert "qa.questions, partition 2, offset 41" in output
    assert "ticket-1" in output
    assert '7b 22 71 75 65 73 74 69 6f 6e 5f 69 64 22 3a 20  {"question_id": ' in output
    assert '"q··" and so muc' in output
    assert "⋯ 11 more bytes ⋯" in output


def test_a_dead_letter_without_key_and_value_says_so() -> None:
    output = _output(DeadLetterPanel(_dead_letter(None, key=None)))
    assert "none" in output
    assert "no value" in output


def test_a_short_record_tells_its_length() -> None:
    assert "3 bytes in all" in _output(DeadLetterPanel(_dead_letter(b"abc")))


def test_the_summary_shows_all_totals() -> None:
    words = " ".join(_output(SummaryPanel(SUMMARY)).replace("│", " ").split())
    for figure in (
        "questions 1,093",
        "answered 69",
        "declined 24",
        "dead letters 1",
        "questions/s 23",
        "windows read 233",
        "found in memory 74",
        "tokenized 19",
        "model minilm-l6-qa",
        "version 1.0.0",
        "precision int8",
        "first answer 2.3 s after the start",
    ):
        assert figure in words


def test_a_run_that_took_no_time_has_no_rate() -> None:
    empty = DemoSummary(0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, "m", "1", "int8")
    assert empty.questions_per_second == 0.0
