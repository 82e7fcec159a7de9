"""The pages of dead letters: their reasons, one with its bytes, and what became of them if they were sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.replays import MOST_CHECKED, LetterChoice
from spanstream.consumer.desk.view.rows import LetterRow
from spanstream.consumer.desk.view.whole_records import place_in
from spanstream.consumer.desk.web.guard import field_of, needs_writing
from spanstream.consumer.desk.web.rendering import parts_of, render
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import LetterState

router = APIRouter()

_MOST_ROWS: Final = 100
_BYTES_OF_PAGE: Final = 4_096
_BYTES_OF_ROW: Final = 16
_PRINTABLE: Final = range(0x20, 0x7F)
_MOST_DIGITS: Final = 9


@router.get("/letters")
def list_letters(request: Request) -> Response:
    """Lists the dead letters, and counts them by reason."""
    view = parts_of(request).view
    state, reason = request.query_params.get("state", LetterState.OPEN), request.query_params.get("reason", "")
    rows = [(row, view.state_of(row)) for row in view.letters.all()]
    of_state = [(row, now) for row, now in rows if state in ("any", now)]
    chosen = [(row, now) for row, now in of_state if reason in ("", row.reason)]
    chosen.sort(key=lambda shown: -(shown[0].failed_ms or 0))
    return render(
        request,
        "letters.html",
        reasons=Counter(row.reason for row, _ in of_state).most_common(),
        letters=chosen[:_MOST_ROWS],
        total=len(chosen),
        states=Counter(now for _, now in rows),
        state=state,
        reason=reason,
    )


@router.get("/letters/one")
def show_letter(request: Request) -> Response:
    """Shows one dead letter with its headers and bytes."""
    row = _row(request, request.query_params.get("place", ""))
    parts = parts_of(request)
    record = parts.records.record(row.place)
    if record is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "The topic no longer holds this dead letter.")
    value = record.value or b""
    begin = (
        min(_number(request.query_params.get("from", "")), max(0, len(value) - 1)) // _BYTES_OF_PAGE * _BYTES_OF_PAGE
    )
    piece = value[begin : begin + _BYTES_OF_PAGE]
    return render(
        request,
        "letter.html",
        letter=read_letter(record),
        place=row.place,
        state=parts.view.state_of(row),
        has_value=record.value is not None,
        text=piece.decode(errors="backslashreplace"),
        dump="\n".join(hex_rows(piece, begin)),
        begin=begin,
        end=begin + len(piece),
        length=len(value),
        page_bytes=_BYTES_OF_PAGE,
    )


@router.post("/letters/check")
def check_letters(request: Request) -> Response:
    """Says how many of the chosen dead letters would pass now."""
    choice = _choice(request)
    check = parts_of(request).replays.check(choice)
    return render(request, "letters_check.html", check=check, choice=choice, most=MOST_CHECKED, place=_place(request))


@router.post("/letters/plan")
def plan_replay(request: Request) -> Response:
    """Says what sending the chosen dead letters again comes to, and asks."""
    needs_writing(request)
    choice = _choice(request)
    plan = parts_of(request).replays.plan(choice)
    return render(request, "letters_plan.html", plan=plan, choice=choice, place=_place(request))


@router.post("/letters/run")
def run_replay(request: Request) -> Response:
    """Sends the chosen dead letters again, at most as many as were asked about."""
    needs_writing(request)
    limit = _number(field_of(request, "to_send"))
    if not limit:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was to be sent.")
    return render(request, "letters_run.html", lines=parts_of(request).replays.run(_choice(request), limit))


def hex_rows(data: bytes, begin: int) -> Iterator[str]:
    """Yields bytes as a hex editor shows them: where, in hexadecimal, and as ASCII; `begin` is where the first is."""
    for start in range(0, len(data), _BYTES_OF_ROW):
        row = data[start : start + _BYTES_OF_ROW]
        ascii_text = "".join(chr(byte) if byte in _PRINTABLE else "·" for byte in row)
        yield f"{begin + start:08x}  {row.hex(' '):<{_BYTES_OF_ROW * 3 - 1}}  {ascii_text}"


def _choice(request: Request) -> LetterChoice:
    """Reads which dead letters a form is about; none is not all."""
    place, reason = _place(request), field_of(request, "reason")
    if not place and not reason:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "No dead letter was chosen.")
    found = _row(request, place).place if place else None
    return LetterChoice(found and (found.partition.number, found.offset), reason, field_of(request, "fix").strip())


def _place(request: Request) -> str:
    return field_of(request, "place")


def _row(request: Request, text: str) -> LetterRow:
    parts = parts_of(request)
    place = place_in(parts.settings.topics.dead_letters, text)
    row = parts.view.letters.get(place) if place is not None else None
    if row is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            "The desk knows no such dead letter: it was deleted, or the desk looks back only so far.",
        )
    return row


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
