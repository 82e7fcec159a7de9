"""Reads and writes labels and examples in the SQuAD v2.0 layout, which `spanstream.models.metrics.squad_files` reads.

    {"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "is_impossible", "answers", "weight"}]}]}]}

`weight` is not SQuAD's: as how many questions one counts, where questions were drawn with unequal chances. Documents'
ids, who labelled, and when, have no place in it: a label that comes back brings its text along.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from spanstream.models.labelling.exchange.imported import Imported
from spanstream.models.labelling.labels import INCLUSION_PROBABILITY, CharSpan, Label, Task
from spanstream.models.labelling.quotes import problem_of_span
from spanstream.models.metrics.squad_files import Example


def write_squad(examples: Iterable[Example]) -> dict[str, Any]:
    """Returns examples as the content of a file, those of one text together."""
    ordered = sorted(examples, key=attrgetter("article", "context"))
    data = []
    for article, of_article in groupby(ordered, key=attrgetter("article")):
        paragraphs = [
            {"context": context, "qas": [_question(example) for example in of_text]}
            for context, of_text in groupby(of_article, key=attrgetter("context"))
        ]
        data.append({"title": article, "paragraphs": paragraphs})
    return {"version": "v2.0", "data": data}


def labels_of(examples: Iterable[Example], now: datetime) -> Imported:
    """Returns the labels that examples hold, one for each accepted answer.

    Args:
        examples: read from a file.
        now: when the labels were given; the layout does not say when.
    """
    imported = Imported()
    for example in examples:
        chance = {} if example.weight <= 1 else {INCLUSION_PROBABILITY: repr(1 / example.weight)}
        task = Task(example.id, None, example.context, example.question, metadata=chance)
        spans: list[CharSpan | None] = [
            (start, start + len(answer)) for answer, start in zip(example.answers, example.starts, strict=True)
        ]
        for span in spans or [None]:
            problem = problem_of_span(example.context, *span) if span is not None else None
            if problem:
                imported.refused.append(f"question {example.id}: {problem}")
            else:
                imported.labels.append(Label(task, span, "", now))
    return imported


def _question(example: Example) -> dict[str, Any]:
    answers = [
        {"text": text, "answer_start": start} for text, start in zip(example.answers, example.starts, strict=True)
    ]
    question = {"id": example.id, "question": example.question, "is_impossible": not answers, "answers": answers}
    return question if example.weight == 1 else question | {"weight": example.weight}
