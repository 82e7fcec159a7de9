"""`make soak`: random faults on running streams, then a ledger of everything that was asked and came out.

    {questions, triage, replay, collections} x {classic, consumer}, and questions without transactions
        x {members killed and frozen, brokers killed and restarted, a foreign transaction, Redis, the network}

Ends with exit code 1 if anything was missing, doubled, of the wrong version, out of order or wrong. Needs Java and
Maven.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spanstream.consumer.logs import configure_logs
from spanstream.consumer.settings import LogSettings
from spanstream.models.inference.cpu import available_cpus, cpu_name
from tests.soak.ledger import Violation
from tests.soak.rounds import QUESTIONS_PER_FAULT, ROUNDS, Plan, RoundReport, play

# With a column of their own in the table; the others are told below it.
_COLUMNS = (
    Violation.MISSING,
    Violation.DOUBLED,
    Violation.WRONG_VERSION,
    Violation.ORDER,
    Violation.WRONG_ANSWER,
)


def main() -> int:
    """Runs the soak and prints its ledger."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started is ended
    configure_logs(LogSettings(level="error"))
    console = Console(highlight=False, width=120)
    began = time.monotonic()
    plan = Plan(
        arguments.questions,
        arguments.seed,
        arguments.brokers,
        faults=arguments.faults,
        seconds=arguments.seconds,
        rounds=tuple(one for one in ROUNDS if not arguments.only or one.name in arguments.only),
    )
    reports = play(plan, lambda line: console.print(f"{time.monotonic() - began:6.0f} s  {line}", markup=False))
    summary = _summary(arguments, reports, time.monotonic() - began)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _print(console, summary, reports)
    return 0 if summary["holds"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=100_000, help="asked in all rounds together (default 100000)")
    parser.add_argument("--seed", type=int, default=1, help="decides what is asked and the order of faults (default 1)")
    parser.add_argument("--seconds", type=float, help="after so long nothing more is asked (default: no limit)")
    parser.add_argument(
        "--brokers", type=int, choices=(1, 3), default=1, help="3: three copies, two in sync (default 1)"
    )
    parser.add_argument("--faults", type=int, help=f"in each round (default: one for {QUESTIONS_PER_FAULT} questions)")
    names = [one.name for one in ROUNDS]
    parser.add_argument("--only", action="append", choices=names, help="this round only; may be repeated")
    parser.add_argument("--json", type=Path, help="also write the ledger into this file")
    return parser.parse_args()


def _summary(arguments: argparse.Namespace, reports: list[RoundReport], seconds: float) -> dict[str, Any]:
    return {
        "holds": any(report.asked for report in reports) and not any(report.ledger.violations for report in reports),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{cpu_name()}, {available_cpus()} CPUs, Python {platform.python_version()}",
        "seed": arguments.seed,
        "brokers": arguments.brokers,
        "asked": sum(report.asked for report in reports),
        "faults": sum(report.faults.total() for report in reports),
        "seconds": round(seconds, 1),
        "rounds": [report.as_json() for report in reports],
    }


def _print(console: Console, summary: dict[str, Any], reports: list[RoundReport]) -> None:
    title = f"{summary['asked']} questions, {summary['faults']} faults, {summary['brokers']} brokers"
    table = Table(title=f"{title}, seed {summary['seed']}, {summary['seconds']:.0f} s", title_justify="left")
    table.add_column("round", no_wrap=True)
    for column in ("asked", "faults", "restarts", "allowed doubles", *_COLUMNS, "other"):
        table.add_column(column, justify="right")
    for report in reports:
        counts = report.ledger.violations
        doubles = "-" if report.ledger.exactly_once else str(report.ledger.doubles)
        wrong = [counts[violation] for violation in _COLUMNS]
        figures = [report.asked, report.faults.total(), report.restarts, doubles, *wrong, counts.total() - sum(wrong)]
        table.add_row(report.name, *map(str, figures))
    console.print(table)
    for report in reports:
        for violation, examples in report.ledger.examples.items():
            for example in examples:
                console.print(f"{report.name}: {violation}: {example}", markup=False)
    console.print("nothing is wrong" if summary["holds"] else "NOT AS PROMISED")


if __name__ == "__main__":
    raise SystemExit(main())
