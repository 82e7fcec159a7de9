"""Turns feedback into labels, with the texts that it is about, and labels into feedback."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from spanstream.models.labelling.choosing import uniform_share
from spanstream.models.labelling.labels import INCLUSION_PROBABILITY, SAMPLING, SAMPLING_GROUP, Label, Task
from spanstream.models.labelling.quotes import problem_of_span
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.feedback import Feedback, TicketField, Verdict, ticket_of


@dataclass(frozen=True, slots=True)
class LabelsOfFeedback:
    """What came of feedback.

    Attributes:
        labels: in its order.
        unsure: how often somebody could not tell.
        lost: feedback whose text is not there any more, or is another one now.
        refused: feedback whose span is not what it says, or cuts a word.
    """

    labels: tuple[Label, ...]
    unsure: int
    lost: int
    refused: int


def labels_of(feedback: Iterable[Feedback], text_of: Callable[[str], str | None]) -> LabelsOfFeedback:
    """Returns the labels in feedback.

    Args:
        feedback: checked or not.
        text_of: finds a document's text by its id.
    """
    labels: list[Label] = []
    unsure = lost = refused = 0
    for one in feedback:
        text = one.context if one.context is not None else text_of(one.document_id or "")
        if one.verdict == "unsure":
            unsure += 1
        elif text is None or (one.document_sha256 is not None and one.document_sha256 != sha256_of(text)):
            lost += 1
        elif not _stands(one.span, text):
            refused += 1
        else:
            labels.append(_label(one, text))
    return LabelsOfFeedback(tuple(labels), unsure, lost, refused)


def uniformly_drawn(labels: Sequence[Label]) -> list[Label]:
    """Returns the labels of questions that were drawn uniformly, all counting one."""
    share, _ = _uniform_share(labels)
    return [_drawn_with(label, "1") for label in labels if label.task.question_id in share]


def weighed(labels: Sequence[Label]) -> list[Label]:
    """Returns the labels with the chance that each had over all draws so far.

    Where some were spread, that is the chance of their group in the last draw that brought one of it.
    """
    if any(label.task.metadata.get(SAMPLING) == "spread" for label in labels):
        return _weighed_by_group(labels)
    share, depth = _uniform_share(labels)
    return [_drawn_with(label, repr(depth)) if label.task.question_id in share else label for label in labels]


def _weighed_by_group(labels: Sequence[Label]) -> list[Label]:
    """Returns the labels with their groups' chances: of a group all have the same one, and it grows with each draw."""
    chances: dict[str, float] = defaultdict(float)
    groups = [label.task.metadata.get(SAMPLING_GROUP) for label in labels]
    for label, group in zip(labels, groups, strict=True):
        if group is not None:
            chances[group] = max(chances[group], label.task.inclusion_probability or 0.0)
    return [
        label if group is None else _drawn_with(label, repr(chances[group]))
        for label, group in zip(labels, groups, strict=True)
    ]


def _uniform_share(labels: Sequence[Label]) -> tuple[set[str], float]:
    return uniform_share({label.task.question_id: label.task.metadata.get(SAMPLING) for label in labels})


def _drawn_with(label: Label, chance: str) -> Label:
    metadata = {**label.task.metadata, INCLUSION_PROBABILITY: chance}
    return replace(label, task=replace(label.task, metadata=metadata))


def feedback_of(label: Label) -> Feedback:
    """Returns the feedback that says what a label says."""
    task, span = label.task, label.span
    verdict: Verdict = "no_answer" if span is None else "accepted" if span == task.candidate else "corrected"
    ticket_id = ticket_of(task.question_id)
    field = None if ticket_id is None else {"ticket_id": ticket_id, "name": task.question_id.partition("\t")[2]}
    quoted = None if span is None else Span(text=task.text[slice(*span)], char_start=span[0], char_end=span[1])
    return Feedback(
        question_id=None if field else task.question_id,
        field=None if field is None else TicketField(**field),
        document_id=task.document_id,
        context=None if task.document_id else task.text,
        document_sha256=sha256_of(task.text),
        question=task.question,
        verdict=verdict,
        span=quoted,
        by=label.by or None,
        given_at=label.given_at.astimezone(UTC),
        source="suggested" if label.is_suggested else "person",
        metadata=dict(task.metadata),
    )


def now() -> datetime:
    """Returns the time, cut to the milliseconds that an event holds."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _stands(span: Span | None, text: str) -> bool:
    if span is None:
        return True
    return text[span.char_start : span.char_end] == span.text and not problem_of_span(
        text, span.char_start, span.char_end
    )


def _label(one: Feedback, text: str) -> Label:
    span = None if one.span is None else (one.span.char_start, one.span.char_end)
    candidate = span if one.verdict == "accepted" else None
    task = Task(one.label_key, one.document_id, text, one.question, candidate, one.metadata)
    return Label(task, span, one.by or "", one.given_at, is_suggested=one.source == "suggested")
