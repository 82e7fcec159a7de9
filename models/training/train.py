"""Trains a checkpoint. After a kill, the same command goes on where the last checkpoint was saved.

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

from spanstream.models.checkpoints.answerability import HEAD, AnswerabilityHead, load_head, save_head
from spanstream.models.checkpoints.training_record import RECORD_FILE, read_training
from spanstream.models.defaults import MAX_ANSWER_TOKENS
from spanstream.models.errors import BuildError
from spanstream.models.metrics.answerability import answerability_areas
from spanstream.models.metrics.reading import ReadingOptions, read_all
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.metrics.squad_metrics import best_f1, scores_at
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.batches import FileWindows, no_answer_weight, plan_batches
from spanstream.models.training.dataset import BatchDataset
from spanstream.models.training.hardware import gpu_is_available, has_bf16
from spanstream.models.training.options import TrainingOptions, resolve_options
from spanstream.models.training.pretrained import PretrainedModel, load_pretrained
from spanstream.models.training.resume import WorkFolder
from spanstream.models.training.sources import LoadedSource, load_sources
from spanstream.models.training.torch_session import TorchSession
from spanstream.models.training.trainer import TrainingProgress, TrainingSchedule, run_trainer
from spanstream.models.training.windows import training_windows

_READING_BATCH_TOKENS: Final = 2048


def train(
    options: TrainingOptions,
    output: Path,
    *,
    say: Callable[[str], None] = print,
    watch: Callable[[TrainingProgress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Trains into the folder `output`.

    Args:
        options: what to train, and how.
        output: the trained checkpoint's folder; it must not be there yet.
        say: called with one line for each step of the work.
        watch: called with the progress after every step of the training.
        stop: asked after every step; once it returns True, a checkpoint is saved and the training ends early.

    Returns:
        Whether the training came to its end.

    Raises:
        BuildError: an input is not what it should be; nothing half-written stands in `output`.
    """
    if output.exists():
        raise BuildError(f"{output}: is there already; it is not overwritten")
    data, validation = _read_data(options)
    base, options, schedule = _open(options, data, say)
    shape = WindowShape(min(options.max_length, base.checkpoint.max_positions), options.stride, base.tokenizer.template)
    dataset = _dataset(options, data, base, shape)
    plan = options.plan(data)
    work = WorkFolder(output, plan)
    before = None
    if (checkpoint := work.checkpoint()) is not None:
        say(f"go on from {checkpoint}")
    elif base.has_head:
        before = _score(base, shape, validation, "before", say)
    say(f"{len(dataset):,} steps of about {sum(dataset.tokens) / len(dataset):,.0f} tokens")
    model = _prepare(base, options)
    seconds = run_trainer(model, dataset, schedule, work.path, checkpoint=checkpoint, watch=watch, stop=stop)
    if seconds is None:
        say(f"stopped; the same command goes on from {work.path}")
        return False
    if options.lora_rank is not None:
        base.model = model.merge_and_unload()
    after = _score(base, shape, validation, "after", say)
    results = {"steps": len(dataset), "hours": round(seconds / 3600, 2), "before": before, "after": after}
    _save(base, {**plan, **results}, data, output, in_fp16=options.save_fp16)
    work.remove()
    say(f"trained {output}")
    return True


def _open(
    options: TrainingOptions, data: Sequence[LoadedSource], say: Callable[[str], None]
) -> tuple[PretrainedModel, TrainingOptions, TrainingSchedule]:
    """Loads the model, and decides what the options left open by the model, the data and the machine."""
    on_gpu = gpu_is_available()
    torch.manual_seed(options.seed)  # of the new head's weights, where there is one, and of low-rank updates
    base = load_pretrained(
        options.base, dropout=options.dropout, attention_dropout=options.attention_dropout, on_gpu=on_gpu
    )
    _attach_head(base, options, say)
    options, recommended = resolve_options(options, base, data, bf16=has_bf16(on_gpu=on_gpu))
    schedule = TrainingSchedule.of(options, on_gpu=on_gpu)
    say(recommended)
    say(f"train {base.checkpoint.name} for {options.epochs} epochs at {schedule.learning_rate:.1e} {schedule.where}")
    return base, options, schedule


def _attach_head(base: PretrainedModel, options: TrainingOptions, say: Callable[[str], None]) -> None:
    """Hangs an answerability head into the model where one is wanted: its own, or a new one.

    Raises:
        BuildError: the head alone is to be learned, and the model has no head for questions, or is to be changed too.
    """
    name, hidden_size = base.checkpoint.name, base.checkpoint.hidden_size
    if options.answerability_only and not base.has_head:
        raise BuildError(f"{name}: has no head for questions: an answerability head alone would say nothing of answers")
    if options.answerability_only and options.lora_rank is not None:
        raise BuildError("low-rank updates change the model; an answerability head alone leaves it as it is")
    head = load_head(base.checkpoint.folder, hidden_size)
    if options.answerability is not None or options.answerability_only:
        base.model.add_module(HEAD, head or AnswerabilityHead(hidden_size))
    elif head is not None:
        say(f"{name}: its answerability head is left out, for it is not trained along (--answerability)")


def _read_data(options: TrainingOptions) -> tuple[list[LoadedSource], list[Example]]:
    """Reads the data and the validation file; refuses data with a text of that file: its figures would say nothing."""
    data = load_sources(options.sources)
    validation = [] if options.validation is None else read_squad(options.validation)
    held_out = SeenQuestions.of(validation)
    for loaded in data:
        if seen := next(filter(held_out.has_text, loaded.examples), None):
            raise BuildError(
                f"{loaded.source.path}: question {seen.id}: its text is in {options.validation} too; what is learned "
                "from cannot validate"
            )
    return data, validation


def _dataset(
    options: TrainingOptions, data: Sequence[LoadedSource], base: PretrainedModel, shape: WindowShape
) -> BatchDataset:
    files = []
    for loaded in data:
        questions = training_windows(loaded.source.path, loaded.examples, base.tokenizer, shape)
        files.append(FileWindows(list(questions), loaded.source.weight))
    batches = plan_batches(
        files, epochs=options.epochs or 1, max_batch_tokens=options.max_batch_tokens, seed=options.seed
    )
    if not batches:
        raise BuildError("the weights leave no question to learn from")
    return BatchDataset(
        batches,
        pad_id=base.checkpoint.pad_id,
        no_answer_weight=no_answer_weight(batches, options.unanswerable_share),
        takes_token_types=base.takes_token_types,
    )


def _prepare(base: PretrainedModel, options: TrainingOptions) -> Any:  # noqa: ANN401  torch modules
    """Returns the module to train, frozen in part or with low-rank updates where the options say so."""
    if options.answerability_only:
        base.model.requires_grad_(requires_grad=False)
        getattr(base.model, HEAD).requires_grad_(requires_grad=True)
    if options.freeze_embeddings:
        for weights in base.model.get_input_embeddings().parameters():
            weights.requires_grad_(requires_grad=False)
    if options.lora_rank is None:
        return base.model
    # Everything but the encoder: `qa_outputs` for most architectures, `qa_classifier` for BigBird.
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
    base: PretrainedModel, shape: WindowShape, validation: Sequence[Example], when: str, say: Callable[[str], None]
) -> dict[str, float] | None:
    """Returns F1 and EM of the model as it is, both at the threshold of best F1, in percent."""
    if not validation:
        return None
    session = TorchSession(base.model, takes_token_types=base.takes_token_types)
    options = ReadingOptions(base.tokenizer, shape, base.checkpoint.pad_id, MAX_ANSWER_TOKENS, _READING_BATCH_TOKENS, 1)
    reads = read_all(validation, session, options)
    predictions = [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]
    best, threshold = best_f1(predictions)
    exact = scores_at(predictions, threshold).exact
    say(f"{when}: F1 {best:.2f}, EM {exact:.2f} on {len(validation):,} validation questions, at the best threshold")
    scores = {"f1": round(best, 2), "exact": round(exact, 2)}
    if (areas := answerability_areas(reads)) is not None:
        say(
            f"{when}: area under the ROC curve, answerable or not: {areas.head:.3f} by the answerability head, "
            f"{areas.null_score_diff:.3f} by the null score"
        )
        scores |= {"auroc_answerability": round(areas.head, 4), "auroc_null_score": round(areas.null_score_diff, 4)}
    return scores


def _program() -> str:
    try:
        return f"spanstream {version('spanstream')}"
    except PackageNotFoundError:  # out of a checkout
        return "spanstream, out of a checkout"


def _save(
    base: PretrainedModel, record: dict[str, Any], data: Sequence[LoadedSource], output: Path, *, in_fp16: bool
) -> None:
    """Writes the checkpoint and the record of its training, with that of the base in it."""
    earlier = read_training(base.checkpoint.folder)
    history = {} if earlier is None else {"earlier": earlier.model_dump(mode="json", exclude={"texts"})}
    learned = SeenQuestions.of(example for loaded in data for example in loaded.examples)
    if earlier is not None and earlier.texts is not None:
        learned |= SeenQuestions(texts=earlier.texts)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as folder:
        finished = Path(folder) / "checkpoint"
        finished.mkdir()
        save_head(base.model, finished)
        (base.model.half() if in_fp16 else base.model).save_pretrained(finished)
        base.library_tokenizer.save_pretrained(finished)
        seen = {"texts": learned.model_dump()["texts"]}
        text = json.dumps({**record, "program": _program(), **seen, **history}, indent=2)
        (finished / RECORD_FILE).write_text(text + "\n", encoding="utf-8")
        shutil.move(finished, output)
