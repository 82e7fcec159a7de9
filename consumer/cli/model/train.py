"""`spanstream model train`: a checkpoint fine-tuned on SQuAD v2 files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.tool_groups import build_tools
from spanstream.consumer.cli.signals import set_on_signals
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.terminal.progress import ProgressStep, at_intervals, show_progress
from spanstream.models.defaults import MAX_LENGTH, STRIDE

if TYPE_CHECKING:  # importing them needs the build group
    from spanstream.models.training.options import TrainingOptions
    from spanstream.models.training.trainer import TrainingProgress

# Without a terminal, a line this often.
_LINE_SECONDS = 60.0


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
    answerability: options.Answerability = False,
    answerability_weight: options.AnswerabilityWeight = 0.5,
    answerability_only: options.AnswerabilityOnly = False,
    dropout: options.Dropout = None,
    attention_dropout: options.AttentionDropout = None,
    max_length: options.MaxLength = MAX_LENGTH,
    stride: options.Stride = STRIDE,
    batch_tokens: options.BatchTokens = 4096,
    bf16: options.Bf16 = None,
    seed: options.Seed = 20,
    save_minutes: options.SaveMinutes = 10.0,
    save_fp16: options.SaveFp16 = False,
) -> None:
    """Fine-tune an encoder for extractive questions (needs the build group: pip install -r requirements/build.txt).

    A killed training goes on with the same command. To adapt a trained model, a few hundred examples are enough.

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
        answerability=answerability_weight if answerability or answerability_only else None,
        answerability_only=answerability_only,
        lora_rank=lora,
        bf16=bf16,
        seed=seed,
        save_minutes=save_minutes,
        save_fp16=save_fp16,
    )
    _run(training, output)


def _run(training: TrainingOptions, output: Path) -> None:
    """Trains until it is done or a signal comes."""
    with build_tools("training"):
        from spanstream.models.training.train import train as run  # noqa: PLC0415  needs torch and transformers

    stop = threading.Event()
    received = set_on_signals(stop)
    tell = at_intervals(_print_line, SystemClock(), seconds=_LINE_SECONDS, first_seconds=0.0)
    with show_progress(_step, lambda done: (_print_line if done.step == done.steps else tell)(done)) as watch:
        finished = run(training, output, say=typer.echo, watch=watch, stop=stop.is_set)
    if not finished:
        raise typer.Exit(received.exit_code)


def _step(done: TrainingProgress) -> ProgressStep:
    return ProgressStep(done.step, done.steps, _described(done))


def _print_line(done: TrainingProgress) -> None:
    typer.echo(f"{_described(done)}, {done.seconds_left / 60:.0f} min left")


def _described(done: TrainingProgress) -> str:
    return (
        f"step {done.step:,} of {done.steps:,}, loss {done.loss:.3f}, rate {done.learning_rate:.1e}, "
        f"{done.tokens_per_second:,.0f} tokens/s"
    )
