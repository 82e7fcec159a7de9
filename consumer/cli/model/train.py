"""`spanstream model train`: a checkpoint fine-tuned on SQuAD v2 files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spanstream.consumer.cli.model.options import build_tools
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.models.defaults import MAX_LENGTH, STRIDE

if TYPE_CHECKING:
    from spanstream.models.training.trainer import TrainingProgress

# Without a terminal, a line this often.
_LINE_SECONDS = 60.0
_INTERRUPTED = 130


def train(  # noqa: PLR0913, PLR0917  one option each
    model: Annotated[str, typer.Option(help="Model to begin from: a Hugging Face folder, or a name on the hub.")],
    data: Annotated[
        list[str],
        typer.Option(
            help="SQuAD v2 file to learn from (.json or .json.gz), repeatable. FILE:2 reads it twice an epoch, "
            "FILE:0.5 every other question."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the trained checkpoint; must not be there yet.")],
    validation: Annotated[
        Path | None, typer.Option(help="SQuAD v2 file to score before and after; never learned from.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Times the data is read; by default by its amount.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-8, max=1.0, help="Peak rate; by default by the amount of data and the model.")
    ] = None,
    unanswerable_share: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=0.99,
            help="Share of the loss that windows without an answer make up; by default as they come.",
        ),
    ] = None,
    lora: Annotated[
        int | None, typer.Option("--lora", min=1, help="Learn low-rank updates of this rank only (8 is usual).")
    ] = None,
    freeze_embeddings: Annotated[
        bool, typer.Option(help="Leave token embeddings as they are: faster, and kinder to rare words.")
    ] = False,
    dropout: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="Probability; by default the model's own.")
    ] = None,
    attention_dropout: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.9, help="The same for the attention's weights; by default as --dropout. 0 is faster."
        ),
    ] = None,
    max_length: Annotated[int, typer.Option(min=32, help="Tokens of a window, question included.")] = MAX_LENGTH,
    stride: Annotated[int, typer.Option(min=0, help="Tokens that neighbouring windows share.")] = STRIDE,
    batch_tokens: Annotated[int, typer.Option(min=64, help="Padded tokens of a batch.")] = 4096,
    bf16: Annotated[bool | None, typer.Option(help="Compute in bfloat16; by default where the hardware does.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 20,
    save_minutes: Annotated[float, typer.Option(min=0.1, help="Minutes between checkpoints.")] = 10.0,
) -> None:
    """Fine-tune an encoder for extractive questions (needs the build group: pip install -r requirements/build.txt).

    A killed training goes on with the same command. It also adapts a model that was trained already to a few hundred
    examples of yours; the recommended epochs and rate are then lower.

    Example: spanstream model train --model my-encoder --data train.json.gz --validation dev.json.gz --output my-model
    """
    with build_tools("training"):
        from spanstream.models.training.options import TrainingOptions  # noqa: PLC0415  as above
        from spanstream.models.training.sources import DataSource  # noqa: PLC0415  needs torch and transformers
        from spanstream.models.training.train import train as run  # noqa: PLC0415  as above

    options = TrainingOptions(
        base=model,
        sources=tuple(DataSource.parse(each) for each in data),
        validation=validation,
        epochs=epochs,
        learning_rate=learning_rate,
        unanswerable_share=unanswerable_share,
        max_length=max_length,
        stride=stride,
        max_batch_tokens=batch_tokens,
        dropout=dropout,
        attention_dropout=attention_dropout,
        freeze_embeddings=freeze_embeddings,
        lora_rank=lora,
        bf16=bf16,
        seed=seed,
        save_minutes=save_minutes,
    )
    stop = threading.Event()
    set_on_signals(stop)
    console = Console(soft_wrap=True, highlight=False)
    bar = _bar(console) if console.is_terminal else None
    with bar or Console(quiet=True):
        finished = run(options, output, say=console.print, watch=_watcher(bar, console), stop=stop.is_set)
    if not finished:
        raise typer.Exit(_INTERRUPTED)


def _bar(console: Console) -> Progress:
    shown = "{task.fields[shown]}"
    return Progress(
        BarColumn(), TextColumn(shown), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console
    )


def _watcher(bar: Progress | None, console: Console) -> Callable[[TrainingProgress], None]:
    """A bar on a terminal, a line a minute elsewhere."""
    if bar is not None:
        task = bar.add_task("train", shown="", total=None)
        return lambda done: bar.update(task, completed=done.step, total=done.steps, shown=_shown(done))
    last = 0.0

    def line(done: TrainingProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_SECONDS or done.step == done.steps:
            last = time.monotonic()
            console.print(f"{_shown(done)}, {done.seconds_left / 60:.0f} min left")

    return line


def _shown(done: TrainingProgress) -> str:
    return (
        f"step {done.step:,} of {done.steps:,}, loss {done.loss:.3f}, rate {done.learning_rate:.1e}, "
        f"{done.tokens_per_second:,.0f} tokens/s"
    )
