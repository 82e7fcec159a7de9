"""Runs transformers' Trainer with this project's batches and loss. No other file knows that class.

The loss is the cross entropy of start and end over the tokens that serving chooses from: the context's and [CLS]. An
answerability head adds the cross entropy of "this window holds an answer".
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import SchedulerType

from spanstream.models.checkpoints.answerability import run_model
from spanstream.models.training.dataset import BatchDataset
from spanstream.models.training.options import TrainingOptions

_NEVER: Final = -1e4  # as a logit; representable in fp16
_RECENT_STEPS: Final = 50
_SPENT: Final = "seconds_spent"


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        step: how many steps are done.
        steps: how many there are in all.
        loss: mean of the latest steps.
        learning_rate: of the step just done.
        tokens_per_second: padded tokens learned from, since the start or restart.
        seconds_left: at this rate.
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """What the trainer needs to know, with nothing left open.

    Attributes:
        learning_rate: at its peak.
        warmup_share: of the steps, in which it rises to that; it falls linearly to 0 from there.
        weight_decay: of all weights but biases and normalizations.
        bf16: whether products are computed in bfloat16.
        seed: of dropout.
        save_seconds: between checkpoints.
        on_gpu: whether the first GPU computes.
        answerability: weight of the answerability head's loss, where the model has that head.
        head_only: whether nothing but that head is learned.
    """

    learning_rate: float
    warmup_share: float
    weight_decay: float
    bf16: bool
    seed: int
    save_seconds: float
    on_gpu: bool
    answerability: float
    head_only: bool

    @classmethod
    def of(cls, options: TrainingOptions, *, on_gpu: bool) -> TrainingSchedule:
        """Makes a schedule of options whose learning rate and precision are decided."""
        return cls(
            learning_rate=options.learning_rate or 0.0,
            warmup_share=options.warmup_share,
            weight_decay=options.weight_decay,
            bf16=bool(options.bf16),
            seed=options.seed,
            save_seconds=60 * options.save_minutes,
            on_gpu=on_gpu,
            answerability=options.answerability or 0.0,
            head_only=options.answerability_only,
        )

    @property
    def where(self) -> str:
        """Device and precision, for a message."""
        return f"on the {'GPU' if self.on_gpu else 'CPU'} in {'bf16' if self.bf16 else 'fp32'}"


def span_loss(start_logits: Any, end_logits: Any, inputs: dict[str, Any]) -> Any:  # noqa: ANN401  tensors
    """Returns the weighted mean over windows of (cross entropy of start + of end) / 2; logits are (windows, length)."""
    losses = 0
    for logits, target in ((start_logits, inputs["first"]), (end_logits, inputs["last"])):
        choosable = logits.float().masked_fill(~inputs["choosable"], _NEVER)
        losses = losses + torch.nn.functional.cross_entropy(choosable, target, reduction="none") / 2
    return (losses * inputs["weight"]).sum() / inputs["weight"].sum()


def answerability_loss(logits: Any, inputs: dict[str, Any]) -> Any:  # noqa: ANN401  tensors
    """Returns the weighted mean over windows of the cross entropy of (windows,) logits of "it holds an answer"."""
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.float(), inputs["has_answer"], reduction="none"
    )
    return (losses * inputs["weight"]).sum() / inputs["weight"].sum()


class SpanTrainer(Trainer):  # type: ignore[misc]  # transformers publishes no types
    """Learns from a `BatchDataset`, in its order."""

    def __init__(self, schedule: TrainingSchedule, **arguments: Any) -> None:  # noqa: ANN401  transformers publishes no types
        super().__init__(**arguments, data_collator=lambda items: items[0])
        self._schedule = schedule
        self.recent_losses: deque[Any] = deque(maxlen=_RECENT_STEPS)

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401  transformers publishes no types
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002  the library's signature
        num_items_in_batch: Any = None,  # noqa: ANN401, ARG002  the library's signature
    ) -> Any:  # noqa: ANN401  transformers publishes no types
        """Returns the loss of one batch."""
        names = ("input_ids", "attention_mask", "token_type_ids")
        arguments: dict[str, Any] = {name: inputs[name] for name in names if name in inputs}
        if self._schedule.head_only:
            model.eval()  # no dropout in what stays as it is
        outputs, answerable = run_model(model, arguments)
        if self._schedule.head_only:
            loss = answerability_loss(answerable, inputs)
        else:
            loss = span_loss(outputs.start_logits, outputs.end_logits, inputs)
            if answerable is not None:
                loss += self._schedule.answerability * answerability_loss(answerable, inputs)
        self.recent_losses.append(loss.detach())
        return loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ANN401  transformers publishes no types
        return torch.utils.data.SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)


class _ProgressCallback(TrainerCallback):  # type: ignore[misc]  # transformers publishes no types
    """Reports progress, has checkpoints saved by the clock, and ends the training early on request.

    The time spent is kept in the library's state, which goes into its checkpoints.
    """

    def __init__(
        self,
        *,
        tokens: Sequence[int],
        save_seconds: float,
        watch: Callable[[TrainingProgress], None],
        stop: Callable[[], bool],
    ) -> None:
        self._tokens = np.concatenate([[0], np.cumsum(tokens)])
        self._save_seconds = save_seconds
        self._watch = watch
        self._stop = stop
        self.trainer: SpanTrainer | None = None
        self.seconds = 0.0
        self._first_step = 0
        self._seconds_before = 0.0
        self._started = self._saved = 0.0

    def on_train_begin(self, _: Any, state: Any, __: Any, **___: Any) -> None:  # noqa: ANN401  transformers publishes no types
        """Starts the clock at the time that this training has taken so far."""
        self._first_step = state.global_step
        self._seconds_before = max((entry.get(_SPENT, 0.0) for entry in state.log_history), default=0.0)
        self._started = self._saved = time.monotonic()

    def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:  # noqa: ANN401  transformers publishes no types
        """Reports progress, and decides whether to save and whether to stop."""
        now = time.monotonic()
        self.seconds = self._seconds_before + now - self._started
        must_stop = self._stop()
        if must_stop or now - self._saved >= self._save_seconds:
            state.log_history.append({"step": state.global_step, _SPENT: self.seconds})
            control.should_save, self._saved = True, now
            control.should_training_stop = must_stop
        self._watch(self._progress(state, now))

    def _progress(self, state: Any, now: float) -> TrainingProgress:  # noqa: ANN401  transformers publishes no types
        step, trainer = state.global_step, self.trainer
        rate = float(self._tokens[step] - self._tokens[self._first_step]) / (now - self._started)
        return TrainingProgress(
            step,
            state.max_steps,
            float(torch.stack(list(trainer.recent_losses)).mean()) if trainer else float("nan"),
            float(trainer.lr_scheduler.get_last_lr()[0]) if trainer else float("nan"),
            rate,
            float(self._tokens[-1] - self._tokens[step]) / rate,
        )


def run_trainer(  # noqa: PLR0913  what a training takes
    model: Any,  # noqa: ANN401  transformers publishes no types
    dataset: BatchDataset,
    schedule: TrainingSchedule,
    work: Path,
    *,
    checkpoint: Path | None,
    watch: Callable[[TrainingProgress], None],
    stop: Callable[[], bool],
) -> float | None:
    """Trains `model` in place.

    Returns:
        The seconds it took, restarts included; None where `stop` ended it early, with a checkpoint in `work`.
    """
    callback = _ProgressCallback(tokens=dataset.tokens, save_seconds=schedule.save_seconds, watch=watch, stop=stop)
    trainer = SpanTrainer(
        schedule,
        model=model,
        args=_arguments(schedule, len(dataset), work),
        train_dataset=dataset,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    callback.trainer = trainer
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return callback.seconds if trainer.state.global_step == len(dataset) else None


def _arguments(schedule: TrainingSchedule, steps: int, work: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type=SchedulerType.LINEAR,
        warmup_steps=round(schedule.warmup_share * steps),
        weight_decay=schedule.weight_decay,
        bf16=schedule.bf16,
        use_cpu=not schedule.on_gpu,
        seed=schedule.seed,
        save_strategy="no",  # the callback decides when
        save_total_limit=2,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=schedule.on_gpu,
        label_names=["first", "last"],
    )
