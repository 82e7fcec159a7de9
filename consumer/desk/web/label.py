"""The page to label: one answer at a time, by keyboard, by mouse, or by plain forms."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spanstream.consumer.desk.labelling import LabelItem
from spanstream.consumer.desk.view.whole_records import place_in
from spanstream.consumer.desk.web.guard import field_of, needs_writing, session_of
from spanstream.consumer.desk.web.label_form import CandidateSpan, form_values, selected_span, what_is_wrong
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.schemas.feedback import Verdict

router = APIRouter()

_VERDICTS: Final[dict[str, Verdict]] = {"no_answer": "no_answer", "unsure": "unsure"}


@router.get("/label")
def show_item(request: Request) -> Response:
    """Shows the answer that the address names, or the next one."""
    place = request.query_params.get("place")
    if not parts_of(request).is_writing:
        return _render(request, None)
    return _render(request, _item(request, place) if place else _next(request))


@router.post("/label")
def take_verdict(request: Request) -> Response:
    """Publishes what was said of an answer, and leads to the next one."""
    needs_writing(request)
    labelling, session = parts_of(request).labelling, session_of(request).name
    item = _item(request, field_of(request, "place"))
    labeller = labelling.labeller(session)
    labeller.sign(field_of(request, "by"))
    said = field_of(request, "verdict")
    if said == "skip":
        labeller.skipped.put(item.row.place, row=True)
    elif said in _VERDICTS:
        labelling.say(session, item, _VERDICTS[said], None)
    else:
        candidate = _candidate(item)
        span = selected_span(request, item.source.text, candidate)
        if span is None:
            return _render(request, item, what_is_wrong(request))
        is_candidate = candidate is not None and span == (candidate.char_start, candidate.char_end)
        labelling.say(session, item, "accepted" if is_candidate else "corrected", span)
    return RedirectResponse("/label", HTTPStatus.SEE_OTHER)


def _candidate(item: LabelItem) -> CandidateSpan | None:
    row = item.row
    if row.text is None:
        return None
    return CandidateSpan(row.text, row.char_start, row.char_end, row.confidence, row.status == "answered")


def _next(request: Request) -> LabelItem | None:
    return parts_of(request).labelling.next_item(session_of(request).name)


def _item(request: Request, text: str) -> LabelItem:
    parts = parts_of(request)
    place = place_in(parts.settings.topics.answers, text)
    item = parts.labelling.item(place) if place is not None else None
    if item is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "This answer cannot be labelled: its text has changed, or is gone.")
    return item


def _render(request: Request, item: LabelItem | None, problem: str | None = None) -> Response:
    labelling = parts_of(request).labelling
    labeller = labelling.labeller(session_of(request).name)
    last = labeller.done[-1] if labeller.done else None
    form: dict[str, Any] = {}
    if item is not None:
        form = form_values(request, item.source.text, _candidate(item), problem)
    return render(
        request,
        "label.html",
        HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        item=item,
        labeller=labeller,
        back=f"/label?place={last}" if last is not None and (item is None or last != item.row.place) else None,
        left=labelling.left,
        **form,
    )
