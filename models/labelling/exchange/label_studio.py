"""Reads and writes tasks of Label Studio for its template "Question Answering".

    [{"data": {"text", "question", ...}, "annotations": [{"result": [region]}], "predictions": [{"result": [region]}]}]
    region: {"from_name": "answer", "to_name": "text", "type": "labels", "value": {"start", "end", "text", "labels"}}

After "Label Studio JSON format of annotated tasks" and "Import pre-annotated data" of its documentation. An annotation
without a region says that the text does not answer. Offsets are code points, as Label Studio has written them since
2022; older versions wrote UTF-16 units, which is told by the `text` of a region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
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
)
from spanstream.models.labelling.labels import CharSpan, Label, Task

_REGION: Final = {"from_name": "answer", "to_name": "text", "type": "labels"}
_LABEL: Final = "Answer"


def write_tasks(tasks: Iterable[tuple[Task, list[Label]]]) -> list[dict[str, Any]]:
    """Returns the tasks with their labels: people's as annotations, suggestions and candidates as predictions."""
    return [_written(task, labels) for task, labels in tasks]


def read_tasks(content: object, now: datetime) -> Imported:
    """Reads exported tasks; what cannot be a label is refused, one by one.

    Args:
        content: the export's JSON.
        now: when a label was given that does not say when.

    Raises:
        NotThisLayout: it is no list of tasks.
    """
    if not isinstance(content, list):
        raise NotThisLayout("not a list of Label Studio's tasks: export them as JSON, not as JSON-MIN or CSV")
    return import_each(
        content, "task", _task_and_annotations, lambda task, annotation, where: _label(task, annotation, where, now)
    )


def _written(task: Task, labels: list[Label]) -> dict[str, Any]:
    ids = {"question_id": task.question_id, "document_id": task.document_id}
    predictions = [
        {"model_version": label.by or "model", "result": _regions(task, label.span)}
        for label in labels
        if label.is_suggested
    ]
    if task.candidate is not None:
        predictions.append({"model_version": "candidate", "result": _regions(task, task.candidate)})
    return {
        "data": {"text": task.text, "question": task.question, **ids},
        "meta": dict(task.metadata),
        "annotations": [
            {
                "completed_by": {"email": label.by},
                "created_at": label.given_at.isoformat(),
                "was_cancelled": False,
                "result": _regions(task, label.span),
            }
            for label in labels
            if not label.is_suggested
        ],
        "predictions": predictions,
    }


def _regions(task: Task, span: CharSpan | None) -> list[dict[str, Any]]:
    if span is None:
        return []
    value = {"start": span[0], "end": span[1], "text": task.text[slice(*span)], "labels": [_LABEL]}
    return [{**_REGION, "id": f"{span[0]}-{span[1]}", "value": value}]


def _task_and_annotations(exported: object, where: str) -> tuple[Task, list[Any]]:
    task, annotations = _task(exported, where), list_of(exported, "annotations", where)
    if not all(isinstance(one, dict) for one in annotations):
        raise NotThisLayout(f"{where}: not an object")
    return task, [one for one in annotations if not one.get("was_cancelled")]


def _task(exported: object, where: str) -> Task:
    data = exported.get("data") if isinstance(exported, dict) else None
    meta = exported.get("meta") if isinstance(exported, dict) else None
    text, question = text_of(data, "text", where), text_of(data, "question", where)
    document_id = data.get("document_id") if isinstance(data, dict) else None
    question_id = text_of(data, "question_id", where)
    candidate = _candidate(text, exported, where)
    return Task(question_id, document_id or None, text, question, candidate, metadata_of(meta))


def _candidate(text: str, exported: object, where: str) -> CharSpan | None:
    for prediction in list_of(exported, "predictions", where):
        if isinstance(prediction, dict) and prediction.get("model_version") == "candidate":
            return _span(text, prediction, where)
    return None


def _label(task: Task, annotation: Mapping[str, Any], where: str, now: datetime) -> Label:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    time = time_of(annotation.get("updated_at") or annotation.get("created_at"), now)
    return Label(task, _span(task.text, annotation, where), "" if by is None else str(by), time)


def _span(text: str, annotation: Mapping[str, Any], where: str) -> CharSpan | None:
    results = list_of(annotation, "result", where)
    regions = [one.get("value") for one in results if isinstance(one, dict) and one.get("type") == "labels"]
    if not regions:
        return None
    if len(regions) > 1:
        raise NotThisLayout(f"{where}: {len(regions)} answers in one annotation")
    value = regions[0] if isinstance(regions[0], dict) else {}
    start, end, quoted = value.get("start"), value.get("end"), value.get("text")
    if not isinstance(start, int) or not isinstance(end, int):
        raise NotThisLayout(f"{where}: the region has no places in a text: `start` and `end` should be numbers")
    if quoted is None or text[start:end] == quoted:
        return checked(text, (start, end), where)
    utf16 = from_utf16(text, start, end)
    if text[slice(*utf16)] == quoted:
        return checked(text, utf16, where)
    raise NotThisLayout(f"{where}: the text of the region does not stand at {start}:{end}")
