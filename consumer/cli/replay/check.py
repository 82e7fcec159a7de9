"""`spanstream replay check`: would they pass now?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanstream.consumer.cli.replay.letter_views import line_table
from spanstream.consumer.cli.replay.options import SendingOptions, TopicOptions, selection, sending, where, with_options
from spanstream.consumer.cli.replay.workbench import ReplayContext, open_checker, open_replay
from spanstream.consumer.replay.check import NOT_CHECKED, PASSED, Verdict
from spanstream.consumer.replay.letters.selection import LetterState, Selection
from spanstream.consumer.replay.sending.plan import Planner, Step
from spanstream.consumer.terminal.sanitizing import sanitized_line

# What is checked is whether a record passes, however often it was tried.
_NO_MATTER_HOW_OFTEN = 2**31


@with_options(where=where, selection=selection, sending=sending)
def check(  # noqa: PLR0913  one parameter an option
    *,
    where: TopicOptions,
    selection: Selection,
    sending: SendingOptions,
    limit: Annotated[int | None, typer.Option(min=1, help="Dead letters to check at most.", show_default=False)] = None,
    each: Annotated[bool, typer.Option("--each", help="Also a line for each dead letter.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object; with --each, one a line before it.")
    ] = False,
) -> None:
    """Run dead letters through today's decoder, validator and model, and say how many would be answered, and why not.

    Nothing is sent and nothing committed. The fixes apply, so this is the number before and after one.

    Example: spanstream replay check --reason invalid_event --fix drop-field=priority
    """
    counts: Counter[str] = Counter()
    samples: dict[str, Verdict] = {}
    with open_replay(where) as bench:
        planner = bench.planner(sending, "check", _NO_MATTER_HOW_OFTEN)
        for verdict in _verdicts(bench, planner, selection, limit):
            counts[verdict.outcome] += 1
            samples.setdefault(verdict.outcome, verdict)
            if each:
                typer.echo(json.dumps(_line(verdict), ensure_ascii=False) if as_json else _said(verdict))
    passing = sum(counts[outcome] for outcome in PASSED)
    if as_json:
        samples_json = {outcome: _line(verdict) for outcome, verdict in samples.items()}
        total = {"checked": counts.total() - counts[NOT_CHECKED], "would_pass": passing, "outcomes": counts}
        typer.echo(json.dumps({**total, "samples": samples_json}, ensure_ascii=False))
        return
    if counts:
        Console().print(_table(counts, samples))
    unchecked = f"; {counts[NOT_CHECKED]:,} could not be checked" if counts[NOT_CHECKED] else ""
    typer.echo(f"{passing:,} of {counts.total():,} dead letters would pass now ({selection}){unchecked}")


def _verdicts(bench: ReplayContext, planner: Planner, selection: Selection, limit: int | None) -> Iterator[Verdict]:
    view = bench.opener.open(from_the_beginning=selection.state is not LetterState.OPEN)

    def steps() -> Iterator[Step]:
        left = limit
        for seen in view.letters():
            if left == 0:
                return
            if selection.takes(*seen):
                left = None if left is None else left - 1
                yield planner.plan(seen.letter, seen.attempts)

    with open_checker(bench.settings, bench.documents, bench.clock) as checker:
        yield from checker.check(steps())


def _table(counts: Counter[str], samples: dict[str, Verdict]) -> Table:
    table = line_table("would be", "count", "for example", "detail")
    for outcome, count in counts.most_common():
        sample = samples[outcome]
        place = f"{sample.letter.record.partition.number}/{sample.letter.record.offset}"
        table.add_row(*(Text(sanitized_line(cell)) for cell in (outcome, f"{count:,}", place, sample.detail)))
    return table


def _line(verdict: Verdict) -> dict[str, Any]:
    letter = verdict.letter
    line = {"place": letter.place, "was": letter.reason, "now": verdict.outcome}
    return line | ({"detail": verdict.detail} if verdict.detail else {})


def _said(verdict: Verdict) -> str:
    detail = f"  ({sanitized_line(verdict.detail)})" if verdict.detail else ""
    return f"{verdict.letter.place}  {sanitized_line(verdict.letter.reason)} -> {verdict.outcome}{detail}"
