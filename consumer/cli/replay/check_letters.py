"""`spanstream replay check`: says how many dead letters would pass now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.replay import shared_options
from spanstream.consumer.replay.checker import NOT_CHECKED, PASSED, CheckResult
from spanstream.consumer.replay.display.letters import line_table
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.wiring import ReplayContext, SendingOptions, TopicNames, open_checker, open_replay
from spanstream.consumer.terminal.sanitizing import sanitized_line

# A check ignores how often a record was sent again: no record is parked.
_UNLIMITED_ATTEMPTS = 2**31


def check(  # noqa: PLR0913  one parameter an option
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="Dead letters to check at most.", show_default=False)] = None,
    each: Annotated[bool, typer.Option("--each", help="Also a line for each dead letter.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object; with --each, one a line before it.")
    ] = False,
    config: ConfigFile = None,
    topic: shared_options.DeadLetterTopic = None,
    ledger: shared_options.LedgerTopic = None,
    group: shared_options.ReplayGroup = None,
    reason: shared_options.ReasonPatterns = None,
    origin: shared_options.OriginTopics = None,
    origin_partition: shared_options.OriginPartition = None,
    origin_offset: shared_options.OriginOffsets = None,
    since: shared_options.Since = None,
    until: shared_options.Until = None,
    key: shared_options.RecordKeys = None,
    attempts: shared_options.Attempts = None,
    header: shared_options.HeaderPatterns = None,
    detail: shared_options.DetailText = None,
    state: shared_options.State = shared_options.OPEN,
    fix: shared_options.FixNames = None,
    fix_file: shared_options.FixFiles = None,
    to: shared_options.Destination = None,
    by_key: shared_options.ByKey = False,
    over_newer: shared_options.OverNewer = False,
    keep_header: shared_options.KeepHeaders = None,
    drop_header: shared_options.DropHeaders = None,
    rename_header: shared_options.RenameHeaders = None,
) -> None:
    """Run dead letters through today's decoder, validator and model, and say how many would be answered, and why not.

    Nothing is sent and nothing committed. The fixes apply, so this is the number before and after one.

    Example: spanstream replay check --reason invalid_event --fix drop-field=priority
    """
    selection = shared_options.parse_selection(
        reason, origin, origin_partition, origin_offset, since, until, key, attempts, header, detail, state
    )
    sending = shared_options.parse_sending(
        fix, fix_file, to, keep_header, drop_header, rename_header, by_key=by_key, over_newer=over_newer
    )
    with open_replay(open_settings(config), TopicNames(topic, ledger, group)) as context:
        counts, samples = _count(_results(context, selection, sending, limit), each=each, as_json=as_json)
    _print_totals(counts, samples, str(selection), as_json=as_json)


def _count(results: Iterable[CheckResult], *, each: bool, as_json: bool) -> tuple[Counter[str], dict[str, CheckResult]]:
    """Counts the results by outcome and keeps the first of each outcome; with `each`, prints every one as it comes."""
    counts: Counter[str] = Counter()
    samples: dict[str, CheckResult] = {}
    for result in results:
        counts[result.outcome] += 1
        samples.setdefault(result.outcome, result)
        if each:
            typer.echo(json.dumps(_json(result), ensure_ascii=False) if as_json else _line(result))
    return counts, samples


def _results(
    context: ReplayContext, selection: Selection, sending: SendingOptions, limit: int | None
) -> Iterator[CheckResult]:
    planner = context.planner(sending, "check", _UNLIMITED_ATTEMPTS)
    steps = (planner.plan(seen.letter, seen.attempts) for seen in islice(context.matching(selection), limit))
    with open_checker(context.settings, context.documents, context.clock) as checker:
        yield from checker.check(steps)


def _print_totals(counts: Counter[str], samples: dict[str, CheckResult], selection: str, *, as_json: bool) -> None:
    passing = sum(counts[outcome] for outcome in PASSED)
    if as_json:
        samples_json = {outcome: _json(result) for outcome, result in samples.items()}
        total = {"checked": counts.total() - counts[NOT_CHECKED], "would_pass": passing, "outcomes": counts}
        typer.echo(json.dumps({**total, "samples": samples_json}, ensure_ascii=False))
        return
    if counts:
        Console().print(_table(counts, samples))
    unchecked = f"; {counts[NOT_CHECKED]:,} could not be checked" if counts[NOT_CHECKED] else ""
    typer.echo(f"{passing:,} of {counts.total():,} dead letters would pass now ({selection}){unchecked}")


def _table(counts: Counter[str], samples: dict[str, CheckResult]) -> Table:
    table = line_table("would be", "count", "for example", "detail")
    for outcome, count in counts.most_common():
        sample = samples[outcome]
        place = f"{sample.letter.record.partition.number}/{sample.letter.record.offset}"
        table.add_row(*(Text(sanitized_line(cell)) for cell in (outcome, f"{count:,}", place, sample.detail)))
    return table


def _json(result: CheckResult) -> dict[str, Any]:
    letter = result.letter
    fields = {"place": letter.place, "was": letter.reason, "now": result.outcome}
    return fields | ({"detail": result.detail} if result.detail else {})


def _line(result: CheckResult) -> str:
    detail = f"  ({sanitized_line(result.detail)})" if result.detail else ""
    return f"{result.letter.place}  {sanitized_line(result.letter.reason)} -> {result.outcome}{detail}"
