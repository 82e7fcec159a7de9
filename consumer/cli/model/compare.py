"""`spanstream model compare`: whether a second artifact answers better than the first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from spanstream.consumer.cli.model.tool_groups import evaluate_tools
from spanstream.consumer.terminal.progress import show_stages

if TYPE_CHECKING:
    from spanstream.models.metrics.reliability import Interval


def compare(
    before: Annotated[Path, typer.Argument(help="Artifact folder: what is used now.")],
    after: Annotated[Path, typer.Argument(help="Artifact folder: what may take its place.")],
    data: Annotated[
        list[Path], typer.Option(help="SQuAD v2 file that neither has learned from, such as held-out.json; repeatable.")
    ],
) -> None:
    """Compare two models on the same questions, pair by pair, and say whether to take the second.

    The rule: take it if its F1 over all questions is higher, and the 95 % interval of the difference is above 0.

    Example: spanstream model compare models/artifacts/minilm-l6-qa my-artifact --data examples/held-out.json
    """
    with evaluate_tools("comparing"):
        from spanstream.models.evaluation.compare import compare as measure  # noqa: PLC0415  needs scikit-learn and scipy

    with show_stages() as begin:
        comparison = measure(before, after, data, begin=begin, say=lambda line: typer.echo(line, err=True))
    title = f"{comparison.questions:,} questions about {comparison.texts:,} texts, in percent, with 95 % intervals"
    table = Table("", "before", "after", "difference", title=title)
    for name, figure in comparison.figures.items():
        table.add_row(name, _shown(figure.before), _shown(figure.after), _shown(figure.difference, sign="+"))
    Console(highlight=False).print(table)
    typer.echo("take it" if comparison.is_better else "do not take it: it is no better, or chance may explain it")


def _shown(interval: Interval, sign: str = "-") -> str:
    return f"{interval.value:{sign}.1f} ({interval.low:{sign}.1f} to {interval.high:{sign}.1f})"
