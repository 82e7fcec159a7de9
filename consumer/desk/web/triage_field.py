"""The page on which one field of a triage record is judged, as `spanstream feedback give --ticket --field` does."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spanstream.consumer.clock import to_datetime
from spanstream.consumer.desk.web.guard import field_of, needs_writing, session_of
from spanstream.consumer.desk.web.label_form import CandidateSpan, form_values, selected_span, what_is_wrong
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.operations.giving_feedback import Opinion, PublishedField, feedback_on_field
from spanstream.schemas.feedback import Verdict
from spanstream.schemas.triage import FieldResult

router = APIRouter()

ADDRESS: Final = "/triage/field"
_VERDICTS: Final[dict[str, Verdict]] = {"no_answer": "no_answer", "unsure": "unsure"}


@dataclass(frozen=True, slots=True)
class JudgedField:
    """A field that was read, with its ticket's record and text."""

    published: PublishedField
    result: FieldResult

    @property
    def candidate(self) -> CandidateSpan | None:
        """What the model found."""
        span = self.result.candidate
        if span is None:
            return None
        confidence, is_given = self.result.confidence or 0.0, self.result.answer is not None
        return CandidateSpan(span.text, span.char_start, span.char_end, confidence, is_given)

    @property
    def record_page(self) -> str:
        """The address of its record."""
        return f"/triage/one?{urlencode({'ticket': self.published.triage.ticket_id})}#fields"


@router.get(ADDRESS)
def show_field(request: Request) -> Response:
    """Shows a field's question and candidate in the ticket's text."""
    needs_writing(request)
    query: QueryParams = request.query_params
    return _render(request, _field(request, query.get("ticket", ""), query.get("field", "")))


@router.post(ADDRESS)
def take_verdict(request: Request) -> Response:
    """Publishes what was said of a field, and leads back to its record."""
    needs_writing(request)
    parts = parts_of(request)
    field = _field(request, field_of(request, "ticket"), field_of(request, "field"))
    if field_of(request, "revision") != str(field.published.triage.revision):
        raise HTTPException(HTTPStatus.CONFLICT, "The record has changed since this page was made: look at it again.")
    labeller = parts.labelling.labeller(session_of(request).name)
    labeller.sign(field_of(request, "by"))
    said = field_of(request, "verdict")
    verdict, piece, start = _VERDICTS.get(said, "accepted"), None, None
    if said not in _VERDICTS:
        span = selected_span(request, field.published.text, field.candidate)
        if span is None:
            return _render(request, field, what_is_wrong(request))
        answer = field.result.answer
        if answer is None or span != (answer.char_start, answer.char_end):
            verdict, piece, start = "corrected", field.published.text[slice(*span)], span[0]
    given_at = to_datetime(parts.clock.now_ms())
    opinion = Opinion(verdict, piece, None, labeller.by or None, given_at, char_start=start)
    parts.feedback.publish(feedback_on_field(field.published, opinion))
    return RedirectResponse(field.record_page, HTTPStatus.SEE_OTHER)


def _field(request: Request, ticket_id: str, name: str) -> JudgedField:
    parts = parts_of(request)
    row = parts.view.triage.get(ticket_id)
    record = parts.records.triage(row) if row is not None else None
    source = parts.records.source(record.document.document_id) if record is not None else None
    result = record.fields.get(name) if record is not None else None
    if record is None or source is None or result is None or result.question is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "This field cannot be judged: nothing was read for it, or it is gone."
        )
    return JudgedField(PublishedField(record, name, source.text), result)


def _render(request: Request, field: JudgedField, problem: str | None = None) -> Response:
    return render(
        request,
        "triage_field.html",
        HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        record=field.published.triage,
        name=field.published.name,
        question=field.result.question,
        record_page=field.record_page,
        labeller=parts_of(request).labelling.labeller(session_of(request).name),
        **form_values(request, field.published.text, field.candidate, problem),
    )
