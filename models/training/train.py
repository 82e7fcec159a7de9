"""Trains a checkpoint, in one go; killed, the same command goes on where the last checkpoint was saved.

files -> windows -> batches -> Trainer -> (LoRA: merged) -> checkpoint + training.json
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import torch
from peft import LoraConfig, TaskType, get_peft_model

from spanstream.models.checkpoints.training_record import FILE as RECORD
from spanstream.models.checkpoints.training_record import read_training
from spanstream.models.defaults import MAX_ANSWER_TOKENS
from spanstream.models.errors import BuildError
from spanstream.models.metrics.reading import ReadingOptions, read_all
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.metrics.squad_metrics import best_f1, scores_at
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.base import Base, open_base
from spanstream.models.training.batches import Batch, FileWindows, no_answer_weight, plan_batches
from spanstream.models.training.data import Loaded, load
from spanstream.models.training.plan import TrainingOptions, settle
from spanstream.models.training.resume import WorkFolder
from spanstream.models.training.trainer import (
    BatchDataset,
    TorchSession,
    TrainingProgress,
    TrainingSchedule,
    fit,
    gpu_is_available,
    has_bf16,
)
from spanstream.models.training.windows import training_windows

Say = Callable[[str], None]

# As the artifact's reader has it.
_READING_BATCH_TOKENS: Final = 2048


def train(
    options: TrainingOptions,
    output: Path,
    *,
    say: Say = print,
    watch: Callable[[TrainingProgress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train into the folder `output`; whether it came to its end.

    Args:
        options: what to train, and how.
        output: the trained checkpoint's folder; it must not be there yet.
        say: told what is being done, one line a step.
        watch: told how far the training is, after every step.
        stop: asked after every step; once it says so, a checkpoint is saved and the training ends early.

    Raises:
        BuildError: an input is not what it should be; nothing half-written stands in `output`.
    """
    if output.exists():
        raise BuildError(f"{output}: is there already; it is not overwritten")
    data = load(options.sources)
    validation = [] if options.validation is None else read_squad(options.validation)
    _keep_apart(data, validation, options.validation)
    base, options, course = _open(options, data, say)
    shape = WindowShape(min(options.max_length, base.checkpoint.longest), options.stride, base.tokenizer.template)
    batches = _batches(options, data, base, shape)
    plan = options.plan(data)
    work = WorkFolder(output, plan)
    before = None
    if (checkpoint := work.checkpoint()) is not None:
        say(f"go on from {checkpoint}")
    elif base.has_head:
        before = _score(base, shape, validation, "before", say)
    dataset = BatchDataset(
        batches,
        pad_id=base.checkpoint.pad_id,
        no_answer_weight=no_answer_weight(batches, options.unanswerable_share),
        takes_token_types=base.takes_token_types,
    )
    say(f"{len(batches):,} steps of about {sum(dataset.tokens) / len(batches):,.0f} tokens")
    model = _prepared(base, options)
    seconds = fit(model, dataset, course, work.path, checkpoint=checkpoint, watch=watch, stop=stop)
    if seconds is None:
        say(f"stopped; the same command goes on from {work.path}")
        return False
    if options.lora_rank is not None:
        base.model = model.merge_and_unload()
    after = _score(base, shape, validation, "after", say)
    done = {"steps": len(batches), "hours": round(seconds / 3600, 2), "before": before, "after": after}
    _save(base, {**plan, **done}, output)
    work.remove()
    say(f"trained {output}")
    return True


def _open(options: TrainingOptions, data: Sequence[Loaded], say: Say) -> tuple[Base, TrainingOptions, TrainingSchedule]:
    """The model, and what was left open settled by it, the data and the machine."""
    on_gpu = gpu_is_available()
    torch.manual_seed(options.seed)  # of the new head's weights, where there is one, and of low-rank updates
    base = open_base(options.base, dropout=options.dropout, attention_dropout=options.attention_dropout, on_gpu=on_gpu)
    options, recommended = settle(options, base, data, bf16=has_bf16(on_gpu=on_gpu))
    course = TrainingSchedule.of(options, on_gpu=on_gpu)
    say(recommended)
    say(f"train {base.checkpoint.name} for {options.epochs} epochs at {course.learning_rate:.1e} {course.where}")
    return base, options, course


def _keep_apart(data: Sequence[Loaded], validation: Sequence[Example], path: Path | None) -> None:
    """A validation text that is learned from makes every figure a lie."""
    held_out = {example.context for example in validation}
    for each in data:
        if seen := next((example for example in each.examples if example.context in held_out), None):
            raise BuildError(
                f"{each.source.path}: question {seen.id}: its text is in {path} too; what is learned from cannot "
                "validate"
            )


def _batches(options: TrainingOptions, data: Sequence[Loaded], base: Base, shape: WindowShape) -> list[Batch]:
    files = [
        FileWindows(list(training_windows(each.source.path, each.examples, base.tokenizer, shape)), each.source.weight)
        for each in data
    ]
    batches = plan_batches(
        files, epochs=options.epochs or 1, max_batch_tokens=options.max_batch_tokens, seed=options.seed
    )
    if not batches:
        raise BuildError("the weights leave no question to learn from")
    return batches


def _prepared(base: Base, options: TrainingOptions) -> Any:  # noqa: ANN401 - torch modules
    """The module to train: frozen where it should be, or with low-rank updates beside its weights."""
    if options.freeze_embeddings:
        for weights in base.model.get_input_embeddings().parameters():
            weights.requires_grad_(requires_grad=False)
    if options.lora_rank is None:
        return base.model
    # What is not the encoder: `qa_outputs` for most architectures, `qa_classifier` for BigBird.
    heads = [
        name
        for name, child in base.model.named_children()
        if name != base.model.base_model_prefix and any(True for _ in child.parameters())
    ]
    config = LoraConfig(
        task_type=TaskType.QUESTION_ANS,
        r=options.lora_rank,
        lora_alpha=2 * options.lora_rank,
        target_modules="all-linear",
        exclude_modules=heads,
        modules_to_save=heads,
    )
    return get_peft_model(base.model, config)


def _score(
    base: Base, shape: WindowShape, validation: Sequence[Example], when: str, say: Say
) -> dict[str, float] | None:
    """F1 and EM of the model as it is, both at the threshold of best F1, in percent."""
    if not validation:
        return None
    session = TorchSession(base.model, takes_token_types=base.takes_token_types)
    options = ReadingOptions(base.tokenizer, shape, base.checkpoint.pad_id, MAX_ANSWER_TOKENS, _READING_BATCH_TOKENS, 1)
    reads = read_all(validation, session, options)
    predictions = [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]
    best, threshold = best_f1(predictions)
    exact = scores_at(predictions, threshold).exact
    say(f"{when}: F1 {best:.2f}, EM {exact:.2f} on {len(validation):,} validation questions, at the best threshold")
    return {"f1": round(best, 2), "exact": round(exact, 2)}


def _program() -> str:
    try:
        return f"spanstream {version('spanstream')}"
    except PackageNotFoundError:  # out of a checkout
        return "spanstream, out of a checkout"


def _save(base: Base, record: dict[str, Any], output: Path) -> None:
    """Write the checkpoint and what is to be known of its training, the base's own among it."""
    earlier = read_training(base.checkpoint.folder)
    told = {} if earlier is None else {"earlier": earlier.model_dump(mode="json")}
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
        finished = Path(folder) / "checkpoint"
        base.model.save_pretrained(finished)
        base.library_tokenizer.save_pretrained(finished)
        text = json.dumps({**record, "program": _program(), **told}, indent=2)
        (finished / RECORD).write_text(text + "\n", encoding="utf-8")
        shutil.move(finished, output)
