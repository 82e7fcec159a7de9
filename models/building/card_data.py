"""Renders the card's section on data: what the model was trained on, under which licences, and what it has seen of its
validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spanstream.models.checkpoints.training_record import TrainingRecord
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example


def data_section(
    training: TrainingRecord | None, about: str | None, validation: Mapping[str, Sequence[Example]]
) -> str:
    """Renders the section in Markdown.

    Args:
        training: what is recorded of the checkpoint's training.
        about: Markdown about data and licences.
        validation: the validation questions by the name of their file.
    """
    if training:
        paragraphs = [*_training(training), *_seen(training, validation)]
    else:
        paragraphs = ["The checkpoint does not say what it was trained on (it has no `training.json`)."]
    paragraphs.append(about or "Nothing was said about licences when it was built (`--about`).")
    return "\n\n".join(["## Data and licences", *paragraphs])


def _seen(training: TrainingRecord, validation: Mapping[str, Sequence[Example]]) -> list[str]:
    """Returns what the trainings have seen of the validation texts; nothing where they did not record their texts."""
    if training.texts is None:
        return []
    learned = SeenQuestions(texts=training.texts)
    seen = {name: sum(map(learned.has_text, examples)) for name, examples in validation.items()}
    known = f"Of the {len(training.texts)} texts that the trainings recorded (as hashes)"
    if not any(seen.values()):
        return [f"{known}, none is among those of the validation questions."]
    counts = ", ".join(f"{count} of {len(validation[name])} of `{name}`" for name, count in seen.items() if count)
    return [f"{known}, some are validated on: {counts} questions. Figures on these are too good."]


def _head(training: TrainingRecord) -> str | None:
    """Says how the answerability head was learned; None where there was none."""
    if training.answerability is None:
        return None
    return "alone" if training.answerability_only else f"along, its loss weighed {training.answerability:g}"


def _training(training: TrainingRecord, subject: str = "") -> list[str]:
    """Returns a paragraph and a table for this training, and for those before it."""
    facts = {
        "epochs": training.epochs,
        "steps": training.steps,
        "peak learning rate": training.learning_rate,
        "seed": training.seed,
        "hours": training.hours,
        "precision": training.precision,
        "an answerability head": _head(training),
        "program": training.program,
    }
    known = "; ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    sentence = f"{subject} fine-tuned from {training.base}" if subject else f"Fine-tuned from {training.base}"
    paragraphs = [f"{sentence} ({known})." if known else f"{sentence}."]
    rows = [
        f"| {file.file} | {file.questions} | {file.unanswerable} | {file.weight:g} | `{file.sha256[:16]}` |"
        for file in training.data
    ]
    heading = ["| File | Questions | without an answer | Weight | SHA-256 |", "|---|---|---|---|---|"]
    paragraphs += ["\n".join([*heading, *rows])] if rows else []
    earlier = training.earlier
    return paragraphs + (_training(earlier, subject=f"That {training.base} was") if earlier else [])
