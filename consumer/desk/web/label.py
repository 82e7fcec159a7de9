"""The page to label: one answer at a time, by keyboard, by mouse, or by plain forms."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spanstream.consumer.desk.labelling import LabelItem
from spanstream.consumer.desk.view.whole_records import place_in
from spanstream.consumer.desk.view.words import is_whole_words, nearest_place, word_pieces
from spanstream.consumer.desk.web.guard import field_of, needs_writing, session_of
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.schemas.feedback import Verdict

router = APIRouter()

PAGE_CHARS: Final = 6_000
"""Characters of a text on one page: each of its words is an element."""
_MOST_NAME_CHARS: Final = 64
_MOST_DIGITS: Final = 9
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
    labeller.by = field_of(request, "by").strip()[:_MOST_NAME_CHARS]
    said = field_of(request, "verdict")
    if said == "skip":
        labeller.skipped.put(item.row.place, row=True)
    elif said in _VERDICTS:
        labelling.say(session, item, _VERDICTS[said], None)
    else:
        span = _span(request, item, said)
        if span is None:
            problem = (
                "This is not a piece of the text in whole words."
                if said == "corrected"
                else "There is no answer to accept."
            )
            return _render(request, item, problem)
        is_candidate = item.row.text is not None and span == (item.row.char_start, item.row.char_end)
        labelling.say(session, item, "accepted" if is_candidate else "corrected", span)
    return RedirectResponse("/label", HTTPStatus.SEE_OTHER)


def _span(request: Request, item: LabelItem, said: str) -> tuple[int, int] | None:
    """Returns where the right piece is: the candidate, the words that were selected, or a piece that was typed in."""
    text = item.source.text
    if said == "accepted":
        span = (item.row.char_start, item.row.char_end)
        return span if item.row.text is not None else None
    start, end = (_number(field_of(request, name)) for name in ("char_start", "char_end"))
    if start is not None and end is not None:
        return (start, end) if is_whole_words(text, start, end) else None
    return nearest_place(text, field_of(request, "typed").strip().replace("\r\n", "\n"), item.row.char_start)


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
    text = item.source.text if item else ""
    at = _number(request.query_params.get("at", ""))
    place = at if at is not None else item.row.char_start if item else 0
    begin = min(place, max(0, len(text) - 1)) // PAGE_CHARS * PAGE_CHARS
    end = min(len(text), begin + PAGE_CHARS)
    return render(
        request,
        "label.html",
        HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        item=item,
        problem=problem,
        pieces=list(word_pieces(text, begin, end)),
        begin=begin,
        end=end,
        length=len(text),
        page_chars=PAGE_CHARS,
        labeller=labeller,
        back=labeller.done[-1] if labeller.done and (item is None or labeller.done[-1] != item.row.place) else None,
        left=labelling.left,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
