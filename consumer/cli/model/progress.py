"""A progress bar on standard error for questions being read; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Begin = Callable[[str, int], Callable[[int], None]]


@contextmanager
def questions_read() -> Iterator[Begin]:
    """What is told that some questions begin to be read, and gives what is told how many more were."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def begin(what: str, questions: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=questions)
            return lambda done: progress.advance(task, done)

        yield begin
