"""`spanstream model train`: a checkpoint fine-tuned on SQuAD v2 files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import build_tools
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.models.defaults import MAX_LENGTH, STRIDE

if TYPE_CHECKING:  # importing them needs the build group
    from spanstream.models.training.options import TrainingOptions
    from spanstream.models.training.trainer import TrainingProgress

# Without a terminal, a line this often.
_LINE_SECONDS = 60.0
_INTERRUPTED = 130


def train(  # noqa: PLR0913, PLR0917  one option each
    model: options.BaseModelName,
    data: options.TrainingFiles,
    output: options.TrainedFolder,
    validation: options.HeldOutData = None,
    epochs: options.Epochs = None,
    learning_rate: options.LearningRate = None,
    unanswerable_share: options.UnanswerableShare = None,
    lora: options.LoraRank = None,
    freeze_embeddings: options.FreezeEmbeddings = False,
    dropout: options.Dropout = None,
    attention_dropout: options.AttentionDropout = None,
    max_length: options.MaxLength = MAX_LENGTH,
    stride: options.Stride = STRIDE,
    batch_tokens: options.BatchTokens = 4096,
    bf16: options.Bf16 = None,
    seed: options.Seed = 20,
    save_minutes: options.SaveMinutes = 10.0,
) -> None:
    """Fine-tune an encoder for extractive questions (needs the build group: pip install -r requirements/build.txt).

    A killed training goes on with the same command. It also adapts a model that was trained already to a few hundred
    examples of yours; the recommended epochs and rate are then lower.

    Example: spanstream model train --model my-encoder --data train.json.gz --validation dev.json.gz --output my-model
    """
    with build_tools("training"):
        from spanstream.models.training.options import TrainingOptions  # noqa: PLC0415  needs torch and transformers
        from spanstream.models.training.sources import DataSource  # noqa: PLC0415  needs torch and transformers

    training = TrainingOptions(
        base=model,
        sources=tuple(DataSource.parse(source) for source in data),
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
    _run(training, output)


def _run(training: TrainingOptions, output: Path) -> None:
    """Trains until it is done or a signal comes."""
    with build_tools("training"):
        from spanstream.models.training.train import train as run  # noqa: PLC0415  needs torch and transformers

    stop = threading.Event()
    set_on_signals(stop)
    console = Console(soft_wrap=True, highlight=False)
    bar = _bar(console) if console.is_terminal else None
    with bar or Console(quiet=True):
        finished = run(training, output, say=console.print, watch=_watcher(bar, console), stop=stop.is_set)
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
