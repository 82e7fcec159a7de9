"""`make fuzz`: a million generated records through decoding, triage and replay; each has exactly one outcome.

A record is made out of the seed and its number, so `--only NUMBER` runs one again, and shows it. SIGINT and SIGTERM end
the run with what it has found. With `--running` the records go through a consumer and a triage member as they are
shipped, on a real broker (Java and Maven), which takes an hour for 100,000.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from tests.fuzzing.run import Fall, FuzzSummary, fuzz, generated
from tests.fuzzing.running import fuzz_running
from tests.fuzzing.scene import FuzzScene
from tests.support.kafka.kafka_broker import KafkaBroker

# Of processor time for one record. The slowest take hundredths of a second.
_MOST_SECONDS = 30.0
# Of what was wrong under running consumers.
_SHOWN = 20
_CONSOLE = Console(highlight=False)


def main() -> None:
    """Runs the records and prints what became of them; exits with 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000, help="how many records (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what they are drawn from (%(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this one of them, and show it")
    parser.add_argument("--running", action="store_true", help="through running consumers on a real broker")
    arguments = parser.parse_args()
    if arguments.running:
        sys.exit(_run_running(arguments.seed, arguments.records))
    if arguments.only is not None:
        _CONSOLE.print(generated(FuzzScene(), arguments.seed, arguments.only), markup=False)
        numbers = range(arguments.only, arguments.only + 1)
    else:
        numbers = range(arguments.records)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as progress:
        task = progress.add_task("records", total=len(numbers))
        summary = fuzz(
            arguments.seed,
            takewhile(lambda _: not stop.is_set(), numbers),
            most_seconds=_MOST_SECONDS,
            on_record=lambda: progress.advance(task),
            on_fall=lambda fall: progress.console.print(
                _described(arguments.seed, fall), markup=False, highlight=False
            ),
        )
    _print_summary(arguments.seed, summary)
    sys.exit(bool(summary.falls))


def _run_running(seed: int, records: int) -> int:
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with TemporaryDirectory() as folder, ExitStack() as stack:
        broker = KafkaBroker.start(Path(folder))
        stack.callback(broker.stop)
        progress = stack.enter_context(Progress(*columns, console=Console(stderr=True), refresh_per_second=2))
        task = progress.add_task("records", total=records)
        summary = fuzz_running(seed, records, broker.bootstrap, Path(folder), lambda n: progress.advance(task, n))
    table = Table("Kind", "Outcome", "Records", title=f"{records:,} records of seed {seed}, {len(summary.wrong)} wrong")
    for (kind, outcome), count in sorted(summary.outcomes.items()):
        table.add_row(kind, outcome, f"{count:,}")
    _CONSOLE.print(table)
    for line in summary.wrong[:_SHOWN]:
        _CONSOLE.print(line, markup=False)
    return bool(summary.wrong)


def _described(seed: int, fall: Fall) -> str:
    return f"record {fall.number} failed (--seed {seed} --only {fall.number}), {fall.kind}:\n{fall.what}"


def _print_summary(seed: int, summary: FuzzSummary) -> None:
    records = summary.outcomes.total() + len(summary.falls)
    table = Table(
        "Kind", "Records", "Outcomes", title=f"{records:,} records of seed {seed}, {len(summary.falls)} failed"
    )
    for kind in sorted({kind for kind, _ in summary.outcomes}):
        outcomes = Counter({outcome: n for (of_kind, outcome), n in summary.outcomes.items() if of_kind == kind})
        shown = ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.most_common())
        table.add_row(kind, f"{outcomes.total():,}", shown)
    _CONSOLE.print(table)
    slow = ", ".join(f"{seconds:.2f} s ({number}, {kind})" for seconds, number, kind in sorted(summary.slowest)[::-1])
    _CONSOLE.print(f"The slowest, in processor time: {slow}")


if __name__ == "__main__":
    main()
