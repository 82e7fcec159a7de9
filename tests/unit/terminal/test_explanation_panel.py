from __future__ import annotations

from io import StringIO

from rich.console import Console

from spanstream.consumer.terminal.explanation_panel import ExplanationPanel
from spanstream.models.explaining.explain import explain
from tests.support.model.fake_reader import fake_reader


def drawn(text: str, expected: str | None = None, *, max_windows: int = 32) -> str:
    console = Console(file=StringIO(), width=100, color_system=None)
    said = explain(fake_reader(max_windows=max_windows), text, "which \x1b[31mtrain?", expected=expected)
    console.print(ExplanationPanel(said, expected))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_nothing_in_a_text_or_question_acts_on_the_terminal() -> None:
    shown = drawn("the \x1b[2Jtrain [bold]leaves[/bold] \u202e at 9", "\x1b[2Jtrain")
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_long_document_shows_the_windows_that_matter_and_counts_the_others() -> None:
    shown = drawn("the train leaves. " * 400, max_windows=3)
    assert "3 of " in shown
    assert "windows read (chosen by BM25)" in shown
    assert " more" in shown
    assert "not read" in shown


def test_a_blank_text_has_no_sections_to_show() -> None:
    shown = drawn(" ")
    assert "no_answer" in shown
    assert "windows read" not in shown
