"""The library's trainer with this project's batches and loss; the only file that knows transformers' Trainer.

The loss is the cross entropy of start and end over the tokens that serving chooses from: the context's and [CLS].
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

from spanstream.models.inference.packing import Batch as ReadingBatch
from spanstream.models.inference.packing import assemble
from spanstream.models.inference.session import Logits
from spanstream.models.training.batches import Batch, padded_length
from spanstream.models.training.plan import TrainingOptions
from spanstream.models.training.windows import NO_ANSWER

_NEVER: Final = -1e4  # as a logit; representable in fp16
_RECENT_STEPS: Final = 50
_SPENT: Final = "seconds_spent"


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: steps done ...
        steps: ... of how many.
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
    """What the trainer is told.

    Attributes:
        learning_rate: at its peak.
        warmup_share: of the steps, in which it rises to that; it falls linearly to 0 from there.
        weight_decay: of all weights but biases and normalizations.
        bf16: whether products are computed in bfloat16.
        seed: of dropout.
        save_seconds: between checkpoints.
        on_gpu: whether the first GPU does it.
    """

    learning_rate: float
    warmup_share: float
    weight_decay: float
    bf16: bool
    seed: int
    save_seconds: float
    on_gpu: bool

    @classmethod
    def of(cls, options: TrainingOptions, *, on_gpu: bool) -> TrainingSchedule:
        """Of options whose learning rate and precision are settled."""
        return cls(
            learning_rate=options.learning_rate or 0.0,
            warmup_share=options.warmup_share,
            weight_decay=options.weight_decay,
            bf16=bool(options.bf16),
            seed=options.seed,
            save_seconds=60 * options.save_minutes,
            on_gpu=on_gpu,
        )

    @property
    def where(self) -> str:
        """For a message to a person."""
        return f"on the {'GPU' if self.on_gpu else 'CPU'} in {'bf16' if self.bf16 else 'fp32'}"


class BatchDataset(torch.utils.data.Dataset):  # type: ignore[misc] # the library publishes no types
    """Each item is a whole batch, (windows, longest) tensors; the library sees batches of one."""

    def __init__(
        self, batches: Sequence[Batch], *, pad_id: int, no_answer_weight: float, takes_token_types: bool
    ) -> None:
        self._batches = batches
        self._pad_id = pad_id
        self._no_answer_weight = no_answer_weight
        self._takes_token_types = takes_token_types

    @property
    def tokens(self) -> list[int]:
        """Padded tokens of each batch."""
        return [len(batch) * padded_length(batch) for batch in self._batches]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, place: int) -> dict[str, Any]:
        batch = self._batches[place]
        arrays = assemble([each.window for each in batch], pad_id=self._pad_id, length=padded_length(batch))
        choosable = np.zeros(arrays.input_ids.shape, dtype=np.bool_)
        choosable[:, NO_ANSWER] = True
        for row, each in enumerate(batch):
            window = each.window
            choosable[row, window.context_start : window.context_start + window.token_end - window.token_start] = True
        weights = np.array([1.0 if each.has_answer else self._no_answer_weight for each in batch], dtype=np.float32)
        item: dict[str, Any] = {
            "input_ids": torch.from_numpy(arrays.input_ids),
            "attention_mask": torch.from_numpy(arrays.attention_mask),
            "choosable": torch.from_numpy(choosable),
            "first": torch.tensor([each.first for each in batch]),
            "last": torch.tensor([each.last for each in batch]),
            "weight": torch.from_numpy(weights),
        }
        if self._takes_token_types:
            item["token_type_ids"] = torch.from_numpy(arrays.token_type_ids)
        return item


def span_loss(start_logits: Any, end_logits: Any, inputs: dict[str, Any]) -> Any:  # noqa: ANN401 - tensors
    """Weighted mean over the windows of (cross entropy of start + of end) / 2; logits are (windows, longest)."""
    losses = 0
    for logits, target in ((start_logits, inputs["first"]), (end_logits, inputs["last"])):
        choosable = logits.float().masked_fill(~inputs["choosable"], _NEVER)
        losses = losses + torch.nn.functional.cross_entropy(choosable, target, reduction="none") / 2
    return (losses * inputs["weight"]).sum() / inputs["weight"].sum()


class SpanTrainer(Trainer):  # type: ignore[misc] # as above
    """Takes `BatchDataset`s, in their order."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(**arguments, data_collator=lambda items: items[0])
        self.recent_losses: deque[Any] = deque(maxlen=_RECENT_STEPS)

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401 - as above
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002 - the library's signature
        num_items_in_batch: Any = None,  # noqa: ANN401, ARG002 - as above
    ) -> Any:  # noqa: ANN401 - as above
        """The loss of one batch."""
        taken = {name: inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in inputs}
        outputs = model(**taken)
        loss = span_loss(outputs.start_logits, outputs.end_logits, inputs)
        self.recent_losses.append(loss.detach())
        return loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ANN401 - as above
        return torch.utils.data.SequentialSampler(self.train_dataset if train_dataset is None else train_dataset)


class _Watcher(TrainerCallback):  # type: ignore[misc] # as above
    """Tells how far it is, has checkpoints saved by the clock, and ends early on request.

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

    def on_train_begin(self, _: Any, state: Any, __: Any, **___: Any) -> None:  # noqa: ANN401 - as above
        """Start the clock, where the last one of this training stood."""
        self._first_step = state.global_step
        self._seconds_before = max((entry.get(_SPENT, 0.0) for entry in state.log_history), default=0.0)
        self._started = self._saved = time.monotonic()

    def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:  # noqa: ANN401 - as above
        """Report, and say whether to save or to stop."""
        now = time.monotonic()
        self.seconds = self._seconds_before + now - self._started
        is_over = self._stop()
        if is_over or now - self._saved >= self._save_seconds:
            state.log_history.append({"step": state.global_step, _SPENT: self.seconds})
            control.should_save, self._saved = True, now
            control.should_training_stop = is_over
        self._watch(self._progress(state, now))

    def _progress(self, state: Any, now: float) -> TrainingProgress:  # noqa: ANN401 - as above
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


def fit(  # noqa: PLR0913 - what a training takes
    model: Any,  # noqa: ANN401 - as above
    dataset: BatchDataset,
    course: TrainingSchedule,
    work: Path,
    *,
    checkpoint: Path | None,
    watch: Callable[[TrainingProgress], None],
    stop: Callable[[], bool],
) -> float | None:
    """Train `model` in place.

    Returns:
        The seconds it took, restarts included; None where `stop` ended it early, with a checkpoint in `work`.
    """
    watcher = _Watcher(tokens=dataset.tokens, save_seconds=course.save_seconds, watch=watch, stop=stop)
    trainer = SpanTrainer(
        model=model, args=_arguments(course, len(dataset), work), train_dataset=dataset, callbacks=[watcher]
    )
    trainer.remove_callback(PrinterCallback)
    watcher.trainer = trainer
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return watcher.seconds if trainer.state.global_step == len(dataset) else None


def _arguments(course: TrainingSchedule, steps: int, work: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=course.learning_rate,
        lr_scheduler_type=SchedulerType.LINEAR,
        warmup_steps=round(course.warmup_share * steps),
        weight_decay=course.weight_decay,
        bf16=course.bf16,
        use_cpu=not course.on_gpu,
        seed=course.seed,
        save_strategy="no",  # the watcher says when
        save_total_limit=2,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=course.on_gpu,
        label_names=["first", "last"],
    )


class TorchSession:
    """A torch model as the build's reader takes it (see `spanstream.models.inference.session.Session`)."""

    def __init__(self, model: Any, *, takes_token_types: bool) -> None:  # noqa: ANN401 - as above
        self._model = model.eval()
        self._takes_token_types = takes_token_types

    def run(self, batch: ReadingBatch) -> Logits:
        """The logits of a batch, in fp32."""
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self._takes_token_types else [])]
        with torch.inference_mode():
            feed = {name: torch.from_numpy(getattr(batch, name)).to(self._model.device) for name in names}
            outputs = self._model(**feed)
        return Logits(outputs.start_logits.float().cpu().numpy(), outputs.end_logits.float().cpu().numpy())


def gpu_is_available() -> bool:
    """Whether torch finds a GPU."""
    return bool(torch.cuda.is_available())


def has_bf16(*, on_gpu: bool) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if on_gpu:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public way to ask
