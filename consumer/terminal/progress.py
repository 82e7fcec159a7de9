"""Shows how far long work is: a bar on standard error where that is a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spanstream.consumer.clock import Clock, Deadline

_Counts = TypeVar("_Counts")


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """How far the work is.

    Attributes:
        done: in any unit.
        total: in the same unit; None while it is not known.
        text: beside the bar; empty: done of total.
        stage: in front of the bar; another stage begins a bar of its own.
    """

    done: float
    total: float | None
    text: str = ""
    stage: str = ""


@contextmanager
def show_progress(
    step_of: Callable[[_Counts], ProgressStep], tell: Callable[[_Counts], None]
) -> Iterator[Callable[[_Counts], None]]:
    """Gives a function to call with the work's own counts, as often as they change.

    Args:
        step_of: what the bar shows for them.
        tell: called with them where there is no terminal; see `at_intervals`.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield tell
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Lines that are printed meanwhile appear above the bar; those for a file or a pipe still go there.
    with Progress(*columns, console=console, transient=True, redirect_stdout=_is_terminal()) as bar:
        tasks: dict[str, TaskID] = {}

        def show(counts: _Counts) -> None:
            step = step_of(counts)
            if step.stage not in tasks:
                tasks[step.stage] = bar.add_task(step.stage, total=step.total, text="")
            text = step.text or f"{step.done:,.0f}/{step.total or 0:,.0f}"
            bar.update(tasks[step.stage], completed=step.done, total=step.total, text=text)

        yield show


@contextmanager
def show_stages() -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Gives a function to call with each stage's name and size; it returns one to call with how much more is done.

    Without a terminal nothing is shown.
    """
    with show_progress(_same, _ignore) as show:

        def begin(stage: str, total: int) -> Callable[[int], None]:
            done = 0

            def advance(more: int) -> None:
                nonlocal done
                done += more
                show(ProgressStep(done, total, stage=stage))

            advance(0)
            return advance

        yield begin


def at_intervals(
    tell: Callable[[_Counts], None], clock: Clock, *, seconds: float, first_seconds: float | None = None
) -> Callable[[_Counts], None]:
    """Returns a function that calls `tell`, but at most once in so many seconds.

    Args:
        tell: says how far the work is.
        clock: measures the time.
        seconds: between two calls of `tell`.
        first_seconds: before the first one; None: as long.
    """
    due = Deadline(clock, seconds if first_seconds is None else first_seconds)

    def tell_when_due(counts: _Counts) -> None:
        nonlocal due
        if due.has_passed:
            due = Deadline(clock, seconds)
            tell(counts)

    return tell_when_due


def _same(step: ProgressStep) -> ProgressStep:
    return step


def _ignore(_: ProgressStep) -> None:
    """Says nothing."""


def _is_terminal() -> bool:
    return sys.stdout.isatty()
