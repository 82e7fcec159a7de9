"""Makes examples to learn from, and examples to measure on, out of labels.

    [Label] -> one a person and question -> one a question, or a conflict -> train | held out, by document

A document's side is drawn by its id alone, so that it stays on its side when more labels come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal

from spanstream.models.labelling.labels import Label
from spanstream.models.metrics.seen_questions import question_hash, text_hash
from spanstream.models.metrics.squad_files import Example
from spanstream.models.metrics.squad_metrics import normalize_answer

OnConflict = Literal["leave-out", "newest"]
_SALT: Final = b"held out"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A question that people label differently; the newest label comes last."""

    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class ExampleSets:
    """Examples, and what became of the other labels.

    Attributes:
        train: to learn from.
        held_out: of other documents and other texts, to measure on.
        conflicts: questions that are labelled differently, left out or not.
        suggested: labels left out because no person has accepted them.
        repeated: labels that say again what another one says, or that the same person has replaced.
        shared: questions left out of `held_out` because their text is learned from under another document's id.
    """

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    conflicts: tuple[Conflict, ...]
    suggested: int
    repeated: int
    shared: int


def make_examples(
    labels: Iterable[Label],
    *,
    held_out_share: float,
    on_conflict: OnConflict = "leave-out",
    with_suggested: bool = False,
) -> ExampleSets:
    """Makes examples of labels.

    Args:
        labels: in any order.
        held_out_share: of the documents, 0 to 1.
        on_conflict: what becomes of a question that people label differently: it is left out, or the newest label wins.
        with_suggested: take labels that no person has accepted.
    """
    given = list(labels)
    taken = [label for label in given if with_suggested or not label.is_suggested]
    by_question = _grouped(taken)
    conflicts = [Conflict(tuple(group)) for group in by_question if _disagree(group)]
    kept = [group for group in by_question if on_conflict == "newest" or not _disagree(group)]
    sides: tuple[list[Example], list[Example]] = ([], [])
    for group in kept:
        newest = group[-1]
        sides[is_held_out(newest, held_out_share)].append(_example(group if not _disagree(group) else [newest]))
    learned = {text_hash(example) for example in sides[0]}
    held_out = [example for example in sides[1] if text_hash(example) not in learned]
    return ExampleSets(
        train=_unique_ids(sides[0]),
        held_out=_unique_ids(held_out),
        conflicts=tuple(conflicts),
        suggested=len(given) - len(taken),
        repeated=len(taken) - len(by_question) - sum(len(conflict.labels) - 1 for conflict in conflicts),
        shared=len(sides[1]) - len(held_out),
    )


def is_held_out(label: Label, share: float) -> bool:
    """Returns whether the label's document is one of those to measure on: by its id, or its text where it has none."""
    document_id = label.task.document_id
    document = document_id.encode() if document_id else text_hash(label.example)
    return int.from_bytes(hashlib.sha256(_SALT + document).digest()[:8]) < share * 2**64


def _grouped(labels: Sequence[Label]) -> list[list[Label]]:
    """Returns the labels of each question about a text, the newest last, one a person; in order of their first."""
    ordered = sorted(labels, key=attrgetter("given_at"))
    groups: dict[bytes, dict[str, Label]] = {}
    for label in ordered:
        people = groups.setdefault(question_hash(label.example), {})
        # Who is not told apart by name is told apart by what is said.
        person = label.by or f"\n{label.span}"
        people.pop(person, None)
        people[person] = label
    return [list(people.values()) for people in groups.values()]


def _disagree(group: Sequence[Label]) -> bool:
    said = {None if label.answer is None else normalize_answer(label.answer) for label in group}
    return len(said) > 1


def _example(group: Sequence[Label]) -> Example:
    """Returns the example of labels that agree, with each of their spans once, the newest first."""
    newest = group[-1]
    spans = dict.fromkeys(label.span for label in reversed(group) if label.span is not None)
    answers = tuple(newest.task.text[slice(*span)] for span in spans)
    return replace(newest.example, answers=answers, starts=tuple(start for start, _ in spans))


def _unique_ids(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Numbers the ids that stand for several questions, as after a question was asked again about a new text."""
    numbered = []
    for question_id, group in groupby(sorted(examples, key=attrgetter("id")), key=attrgetter("id")):
        numbered += [
            example if number == 1 else replace(example, id=f"{question_id}#{number}")
            for number, example in enumerate(group, start=1)
        ]
    return tuple(numbered)
