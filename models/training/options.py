"""Says what to train and how, and decides by data and machine what was left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from spanstream.models.defaults import MAX_LENGTH, STRIDE
from spanstream.models.training.advice import advise
from spanstream.models.training.pretrained import PretrainedModel
from spanstream.models.training.sources import DataSource, LoadedSource


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What to train, and how. What is None is decided by the amount of data, or by the machine.

    Attributes:
        base: a checkpoint's folder, or a name on the hub.
        sources: the files to learn from.
        validation: a SQuAD v2.0 file to score before and after; never learned from.
        epochs: times that the data is read.
        learning_rate: at its peak.
        unanswerable_share: of the loss, that windows without an answer make up; None: as they come.
        max_length: tokens of a window; fewer where the model's positions end sooner.
        stride: tokens that neighbouring windows share.
        max_batch_tokens: padded tokens of a batch.
        dropout: probability; None: the model's own.
        attention_dropout: the same for the attention's weights; None: as `dropout`. 0 is a good deal faster on a CPU.
        freeze_embeddings: leave the token embeddings as they are.
        answerability: weight of the loss of an answerability head beside that of the spans; None: no such head.
        answerability_only: learn that head alone, and leave all else as it is.
        lora_rank: of low-rank updates to every linear layer; None: all weights are learned.
        bf16: products in bfloat16.
        seed: of all that is drawn.
        warmup_share: of the steps, in which the rate rises.
        weight_decay: as AdamW takes it.
        save_minutes: between checkpoints.
        save_fp16: write the trained weights in fp16, half the size.
    """

    base: str
    sources: tuple[DataSource, ...]
    validation: Path | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    unanswerable_share: float | None = None
    max_length: int = MAX_LENGTH
    stride: int = STRIDE
    max_batch_tokens: int = 4096
    dropout: float | None = None
    attention_dropout: float | None = None
    freeze_embeddings: bool = False
    answerability: float | None = None
    answerability_only: bool = False
    lora_rank: int | None = None
    bf16: bool | None = None
    seed: int = 20
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    save_minutes: float = 10.0
    save_fp16: bool = False

    def plan(self, data: Sequence[LoadedSource]) -> dict[str, Any]:
        """Returns everything that the trained weights depend on, as JSON values."""
        names = {field.name for field in fields(self)} - {"sources", "validation", "save_minutes", "save_fp16"}
        base = Path(self.base)
        return {
            **{name: getattr(self, name) for name in sorted(names)},
            "base": base.name if base.exists() else self.base,
            "data": [loaded.describe() for loaded in data],
        }


def resolve_options(
    options: TrainingOptions, base: PretrainedModel, data: Sequence[LoadedSource], *, bf16: bool
) -> tuple[TrainingOptions, str]:
    """Fills in epochs, learning rate and precision; returns the options and a line on what is recommended and why."""
    questions = sum(loaded.source.weight * len(loaded.examples) for loaded in data)
    lora = options.lora_rank is not None
    advice = advise(
        questions,
        hidden_size=base.checkpoint.hidden_size,
        has_head=base.has_head,
        lora=lora,
        answerability_only=options.answerability_only,
    )
    resolved = replace(
        options,
        epochs=options.epochs or advice.epochs,
        learning_rate=options.learning_rate or advice.learning_rate,
        bf16=bf16 if options.bf16 is None else options.bf16,
    )
    return resolved, f"{advice.reason}: {advice.epochs} epochs at {advice.learning_rate:.1e} are recommended"
