"""The pages of one document and of one answer: the text with its answers marked, and what an answer is made of."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.view.live_view import ShownAnswer
from spanstream.consumer.desk.view.marking import Mark
from spanstream.consumer.desk.view.whole_records import SourceText, place_in
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.desk.web.text_page import text_page
from spanstream.consumer.operations.explaining import compared_with
from spanstream.schemas.answer_parts import Place, Span
from spanstream.schemas.events import Answer

router = APIRouter()

_MOST_ANSWERS: Final = 100


@router.get("/document")
def show_document(request: Request) -> Response:
    """Shows a document and the answers to all questions about it."""
    document_id = request.query_params.get("id", "")
    parts = parts_of(request)
    answers = parts.view.of_document(document_id)
    source = parts.records.source(document_id)
    if source is None and not answers:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "The desk knows no such document: it was deleted, or the desk looks back only so far."
        )
    return render(
        request,
        "document.html",
        document_id=document_id,
        answers=answers[:_MOST_ANSWERS],
        left_out=max(0, len(answers) - _MOST_ANSWERS),
        source=source,
        **text_page(request, source, _marks(source, answers[:_MOST_ANSWERS])),
    )


@router.get("/answer")
def show_answer(request: Request) -> Response:
    """Shows one answer in its text; with `explain`, also what this machine's model makes of it."""
    parts = parts_of(request)
    place = place_in(parts.settings.topics.answers, request.query_params.get("place", ""))
    row = parts.view.answers.get(place) if place is not None else None
    answer = parts.records.answer(row) if row is not None else None
    if row is None or answer is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "The desk knows no such answer: it was deleted, or the desk looks back only so far."
        )
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
        source=source,
        is_explainable=source is not None and question is not None,
        explanation=explanation,
        compared=compared_with(answer, explanation, source.text) if explanation and source else None,
        **text_page(request, source, _marks(source, shown) + _marks_of_others(source, answer), begin_at=row.char_start),
    )


def _marks_of_others(source: SourceText | None, answer: Answer) -> list[Mark]:
    """Returns the marks of the alternatives in this document, numbered from 2, and of every further place."""
    if source is None or source.sha256 != answer.document_sha256:
        return []
    numbered: list[tuple[int, Span | Place]] = [(1, place) for place in answer.further_places]
    for number, other in enumerate(answer.alternatives, start=2):
        if other.document_id not in {None, answer.document_id}:
            continue
        numbered.append((number, other.span))
        numbered += [(number, place) for place in other.further_places]
    is_declined = answer.status != "answered"
    return [
        Mark(place.char_start, place.char_end, number, is_guess=number > 1 or is_declined) for number, place in numbered
    ]


def _marks(source: SourceText | None, answers: Sequence[ShownAnswer]) -> list[Mark]:
    """Returns the marks of the answers, numbered in their order; not of those out of an earlier version."""
    return [
        Mark(row.char_start, row.char_end, number, is_guess=row.status != "answered")
        for number, row in enumerate((answer.row for answer in answers), start=1)
        if source is not None and row.text is not None and row.document_sha256 == source.sha256
    ]
