"""Progress of long work: lines at intervals without a terminal, a bar on standard error with one."""

from __future__ import annotations

import io

import pytest
import typer

from spanstream.consumer.terminal.progress import ProgressStep, at_intervals, show_progress, show_stages
from tests.support.memory.fake_time import FakeClock


class TerminalStream(io.StringIO):
    def isatty(self) -> bool:
        return True


def become_a_terminal(monkeypatch: pytest.MonkeyPatch) -> TerminalStream:
    """Standard error is one from now on; no fixture, for pytest sets standard error anew before the test's own code."""
    stream = TerminalStream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return stream


def step_of(count: int) -> ProgressStep:
    return ProgressStep(count, 1_000, f"{count} documents")


def test_without_a_terminal_every_change_is_passed_to_the_line() -> None:
    lines: list[int] = []
    with show_progress(step_of, lines.append) as show:
        for count in (1, 2, 3):
            show(count)
    assert lines == [1, 2, 3]


def test_a_line_is_told_at_most_once_in_an_interval() -> None:
    clock, lines = FakeClock(), list[int]()
    tell = at_intervals(lines.append, clock, seconds=10.0)
    for count in range(25):
        tell(count)
        clock.sleep(1)
    assert lines == [10, 20]


def test_the_first_line_may_come_earlier() -> None:
    clock, lines = FakeClock(), list[int]()
    tell = at_intervals(lines.append, clock, seconds=10.0, first_seconds=0.0)
    for count in range(15):
        tell(count)
        clock.sleep(1)
    assert lines == [0, 10]


def test_a_terminal_shows_a_bar_with_its_text_and_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = become_a_terminal(monkeypatch)
    lines: list[int] = []
    with show_progress(step_of, lines.append) as show:
        show(250)
    assert "250 documents" in terminal.getvalue()
    assert lines == []


def test_each_stage_has_a_bar_that_counts_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = become_a_terminal(monkeypatch)
    with show_stages() as begin:
        advance = begin("read with a.onnx", 3_000)
        advance(1_000)
        advance(500)
        begin("read with b.onnx", 10)
    shown = terminal.getvalue()
    assert "read with a.onnx" in shown
    assert "1,500/3,000" in shown
    assert "read with b.onnx" in shown
    assert "0/10" in shown


def test_stages_say_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with show_stages() as begin:
        begin("read", 10)(5)
    assert capsys.readouterr() == ("", "")


def test_what_is_printed_to_a_pipe_stays_there_while_the_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = become_a_terminal(monkeypatch)
    with show_progress(step_of, lambda _: None) as show:
        show(1)
        typer.echo("a line for a program")
    assert capsys.readouterr().out == "a line for a program\n"
    assert "a line for a program" not in terminal.getvalue()
