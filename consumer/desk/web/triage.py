"""The pages of triage: the records, and one beside the text that it was made of."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.marking import Mark
from spanstream.consumer.desk.view.whole_records import SourceText
from spanstream.consumer.desk.web.guard import session_of
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.desk.web.text_page import text_page
from spanstream.schemas.feedback import Verdict, field_key
from spanstream.schemas.triage import FieldStatus, Triage

router = APIRouter()

_MOST_ROWS: Final = 100


@router.get("/triage")
def list_records(request: Request) -> Response:
    """Lists the triage records, the newest first, and counts them by route and priority."""
    rows = parts_of(request).view.triage.all()
    route, priority = request.query_params.get("route", ""), request.query_params.get("priority", "")
    chosen = [row for row in rows if route in ("", row.route) and priority in ("", row.priority)]
    chosen.sort(key=lambda row: -row.decided_ms)
    return render(
        request,
        "triage.html",
        rows=chosen[:_MOST_ROWS],
        total=len(chosen),
        routes=Counter(row.route for row in rows).most_common(),
        priorities=Counter(row.priority for row in rows).most_common(),
        route=route,
        priority=priority,
    )


@router.get("/triage/one")
def show_record(request: Request) -> Response:
    """Shows a triage record beside its ticket."""
    parts = parts_of(request)
    row = parts.view.triage.get(request.query_params.get("ticket", ""))
    record = parts.records.triage(row) if row is not None else None
    if record is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "The desk knows no such record: it was deleted, or the desk looks back only so far."
        )
    source = parts.records.source(record.document.document_id)
    return render(
        request,
        "triage_record.html",
        record=record,
        ticket=parts.records.ticket(record.ticket_id),
        source=source,
        answered=FieldStatus.ANSWERED,
        is_current=source is not None and source.sha256 == record.document.sha256,
        said=_said(parts.view, record),
        labeller=parts.labelling.labeller(session_of(request).name),
        **text_page(request, source, _marks(record, source)),
    )


def _said(view: LiveView, record: Triage) -> dict[str, Verdict]:
    """Returns what people said of the record's fields, by name; not what was said of another text."""
    fields = ((name, view.feedback.get(field_key(record.ticket_id, name))) for name in record.fields)
    return {
        name: said.verdict
        for name, said in fields
        if said is not None and said.document_sha256 == record.document.sha256
    }


def _marks(record: Triage, source: SourceText | None) -> list[Mark]:
    """Returns the marks of the fields, in the record's order; none where the text is another version."""
    if source is None or source.sha256 != record.document.sha256:
        return []
    spans = [(number, field) for number, field in enumerate(record.fields.values(), start=1) if field.candidate]
    return [
        Mark(field.candidate.char_start, field.candidate.char_end, number, is_guess=field.answer is None)
        for number, field in spans
        if field.candidate is not None
    ]
