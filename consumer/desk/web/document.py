"""The pages of one document and of one answer: the text with its answers marked, and what an answer is made of."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.view.live_view import ShownAnswer
from spanstream.consumer.desk.view.marking import Mark, stretches
from spanstream.consumer.desk.view.rows import AnswerRow
from spanstream.consumer.desk.view.whole_records import SourceText, place_in
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.operations.explaining import compared_with
from spanstream.schemas.events import Answer

router = APIRouter()

PAGE_CHARS: Final = 12_000
"""Characters of a text on one page."""
_MOST_ANSWERS: Final = 100


@router.get("/document")
def show_document(request: Request) -> Response:
    """Shows a document and the answers to all questions about it."""
    document_id = request.query_params.get("id", "")
    parts = parts_of(request)
    answers = parts.view.of_document(document_id)
    source = parts.records.source(document_id)
    if source is None and not answers:
        raise HTTPException(HTTPStatus.NOT_FOUND, "The desk knows no such document: it looks back only so far.")
    return render(
        request,
        "document.html",
        document_id=document_id,
        answers=answers[:_MOST_ANSWERS],
        left_out=max(0, len(answers) - _MOST_ANSWERS),
        source=source,
        **_text(request, source, answers[:_MOST_ANSWERS]),
    )


@router.get("/answer")
def show_answer(request: Request) -> Response:
    """Shows one answer in its text; with `explain`, also what this machine's model makes of it."""
    parts = parts_of(request)
    place = place_in(parts.settings.topics.answers, request.query_params.get("place", ""))
    row = parts.view.answers.get(place) if place is not None else None
    answer = parts.records.answer(row.place) if row is not None else None
    if row is None or answer is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "The desk knows no such answer: it looks back only so far.")
    source, question = parts.records.source_of(row), parts.records.question(row.question_id)
    explanation = None
    if source is not None and question is not None and "explain" in request.query_params:
        explanation = parts.explainer.explain(question, source.text)
    shown = [ShownAnswer(row, question.question if question else "")]
    return render(
        request,
        "answer.html",
        shown=shown[0],
        answer=answer,
        alternatives=alternatives_of(answer),
        source=source,
        is_explainable=source is not None and question is not None,
        explanation=explanation,
        compared=compared_with(answer, explanation, source.text) if explanation and source else None,
        **_text(request, source, shown, begin_at=row.char_start),
    )


def alternatives_of(answer: Answer) -> list[dict[str, Any]]:
    """Returns the further answers of an event as plain values; none where it has none."""
    fields: list[dict[str, Any]] = answer.model_dump().get("alternatives") or []
    return fields


def is_of_text(row: AnswerRow, source: SourceText) -> bool:
    """Whether an answer's places are places in this text, and not in an earlier version."""
    return row.text is not None and row.document_sha256 == source.sha256


def _text(request: Request, source: SourceText | None, answers: list[ShownAnswer], begin_at: int = 0) -> dict[str, Any]:
    """Returns the page of the text that the address names (`at`: a character on it), its answers marked."""
    text = source.text if source else ""
    at = request.query_params.get("at", "")
    number = (int(at) if at.isascii() and at.isdecimal() and len(at) < 10 else begin_at) // PAGE_CHARS  # noqa: PLR2004  digits
    number = min(number, max(0, len(text) - 1) // PAGE_CHARS)
    begin, end = number * PAGE_CHARS, min(len(text), (number + 1) * PAGE_CHARS)
    marks = [
        Mark(row.char_start, row.char_end, count, is_guess=row.status != "answered")
        for count, row in enumerate((answer.row for answer in answers), start=1)
        if source is not None and is_of_text(row, source)
    ]
    return {
        "pieces": list(stretches(text, begin, end, marks)),
        "begin": begin,
        "end": end,
        "length": len(text),
        "page_chars": PAGE_CHARS,
        "placed": {mark.number for mark in marks},
    }
