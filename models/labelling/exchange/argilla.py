"""Reads and writes records of Argilla 2 as its `dataset.records.to_json` does, with a span question named `answer`.

    [{"id", "fields": {"text", "question"}, "metadata": {...},
      "suggestions": {"answer": {"value": [span], "agent"}}, "responses": {"answer": [{"value": [span], "user_id"}]}}]
    span: {"start", "end", "label": "answer"}

After "SpanQuestion" and "Import and export" of its documentation. A response without a span says that the text does not
answer. Its pages count in UTF-16 units (as of 2.8), and a span brings no text along that could tell.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from spanstream.models.labelling.exchange.imported import (
    Imported,
    NotThisLayout,
    checked,
    from_utf16,
    import_each,
    list_of,
    metadata_of,
    text_of,
    time_of,
    to_utf16,
)
from spanstream.models.labelling.labels import CharSpan, Label, Task

_QUESTION: Final = "answer"
_DOCUMENT_ID: Final = "document_id"
_CANDIDATE: Final = "candidate"
_GIVEN_AT: Final = "given_at"
# Argilla names people by UUIDs; another name gets one of its own, and stands in the metadata.
_PEOPLE: Final = uuid.UUID("0d0f9ad1-7a43-4f5e-9a8e-0b7a1e3a5c11")


def write_records(tasks: Iterable[tuple[Task, list[Label]]]) -> list[dict[str, Any]]:
    """Returns the records with their labels: people's as responses, a suggestion or else the candidate suggested."""
    return [_written(task, labels) for task, labels in tasks]


def read_records(content: object, now: datetime) -> Imported:
    """Reads exported records; what cannot be a label is refused, one by one.

    Args:
        content: the export's JSON.
        now: when a label was given; Argilla does not say when.

    Raises:
        NotThisLayout: it is no list of records.
    """
    if not isinstance(content, list):
        raise NotThisLayout("not a list of Argilla's records: `dataset.records.to_json` writes one")
    return import_each(content, "record", _task, lambda asked, response, where: _label(*asked, response, where, now))


def _written(task: Task, labels: list[Label]) -> dict[str, Any]:
    given = [label for label in labels if not label.is_suggested]
    suggested = [label for label in labels if label.is_suggested]
    agent, span = (suggested[-1].by, suggested[-1].span) if suggested else (_CANDIDATE, task.candidate)
    people = {_user_id(label.by): label for label in given}
    return {
        "id": task.question_id,
        "fields": {"question": task.question, "text": task.text},
        "metadata": {
            **task.metadata,
            **({_DOCUMENT_ID: task.document_id} if task.document_id else {}),
            **({_CANDIDATE: "{}:{}".format(*task.candidate)} if task.candidate else {}),
            **{f"{name}-{user}": value for user, label in people.items() for name, value in _said(label).items()},
        },
        "suggestions": {_QUESTION: {"value": _spans(task, span), "agent": agent or "model"}} if span else {},
        "responses": {
            _QUESTION: [{"value": _spans(task, label.span), "user_id": user} for user, label in people.items()]
        },
    }


def _said(label: Label) -> dict[str, str]:
    return {"by": label.by, _GIVEN_AT: label.given_at.astimezone(UTC).isoformat()}


def _spans(task: Task, span: CharSpan | None) -> list[dict[str, Any]]:
    if span is None:
        return []
    start, end = to_utf16(task.text, span)
    return [{"start": start, "end": end, "label": _QUESTION}]


def _user_id(by: str) -> str:
    try:
        return str(uuid.UUID(by))
    except ValueError:
        return str(uuid.uuid5(_PEOPLE, by))


def _task(record: object, where: str) -> tuple[tuple[Task, Mapping[str, str]], list[Any]]:
    """Returns the task, with who gave its labels and when, out of the metadata; and the responses."""
    fields = record.get("fields") if isinstance(record, dict) else None
    metadata = dict(metadata_of(record.get("metadata") if isinstance(record, dict) else None))
    people = {name: value for name, value in metadata.items() if name.startswith(("by-", f"{_GIVEN_AT}-"))}
    text, question = text_of(fields, "text", where), text_of(fields, "question", where)
    document_id, candidate = metadata.get(_DOCUMENT_ID), metadata.get(_CANDIDATE, "")
    own = {*people, _DOCUMENT_ID, _CANDIDATE}
    kept = {name: value for name, value in metadata.items() if name not in own}
    start, colon, end = candidate.partition(":")
    span = (int(start), int(end)) if colon and start.isdecimal() and end.isdecimal() else None
    task = Task(text_of(record, "id", where), document_id, text, question, span, kept)
    responses = record.get("responses") if isinstance(record, dict) else None
    return (task, people), list_of(responses or {}, _QUESTION, where)


def _label(task: Task, people: Mapping[str, str], response: object, where: str, now: datetime) -> Label:
    spans = list_of(response, "value", where)
    user = text_of(response, "user_id", where)
    if len(spans) > 1:
        raise NotThisLayout(f"{where}: {len(spans)} answers in one response")
    span = None
    if spans:
        start, end = (spans[0].get(name) if isinstance(spans[0], dict) else None for name in ("start", "end"))
        if not isinstance(start, int) or not isinstance(end, int):
            raise NotThisLayout(f"{where}: the span has no places in a text: `start` and `end` should be numbers")
        span = checked(task.text, from_utf16(task.text, start, end), where)
    time = time_of(people.get(f"{_GIVEN_AT}-{user}"), now)
    return Label(task, span, people.get(f"by-{user}", user), time)
