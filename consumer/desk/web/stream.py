"""The first page: the answers as they come, and how the consumers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from spanstream.consumer.desk.view.rows import AnswerRow
from spanstream.consumer.desk.web.rendering import parts_of, render

router = APIRouter()

_PAGE: Final = 50
_MOST_SHOWN: Final = 1_000
_MINUTE_MS: Final = 60_000
_MOST_CONSUMERS: Final = 50


@dataclass(frozen=True, slots=True)
class StreamFilter:
    """Which answers are wanted; as it stands in the address. An empty one wants all."""

    status: str = ""
    least: float = 0.0
    most: float = 1.0
    model: str = ""
    words: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> StreamFilter:
        """Reads an address; what cannot be read wants all."""
        status = query.get("status", "")
        return cls(
            status=status if status in ("answered", "no_answer") else "",
            least=_share(query.get("least", ""), 0.0),
            most=_share(query.get("most", ""), 1.0),
            model=query.get("model", "")[:256],
            words=query.get("words", "")[:256].strip(),
        )

    def wants(self, row: AnswerRow, question: str) -> bool:
        """Whether this answer is wanted."""
        return (
            self.status in ("", row.status)
            and self.least <= row.confidence <= self.most
            and self.model in ("", row.model)
            and (not self.words or self._has_words(f"{question} {row.document_id} {row.collection or ''}".casefold()))
        )

    def _has_words(self, text: str) -> bool:
        return all(word in text for word in self.words.casefold().split())


@router.get("/")
def show_stream(request: Request) -> Response:
    """Shows the page."""
    return _render(request, "stream.html")


@router.get("/stream")
def show_rows(request: Request) -> Response:
    """Shows the part of the page that changes."""
    return _render(request, "stream_rows.html")


def _render(request: Request, template: str) -> Response:
    parts = parts_of(request)
    wanted = StreamFilter.read(request.query_params)
    shown = _count(request.query_params.get("shown", ""))
    answers, total = parts.view.matching(wanted.wants, shown)
    now_ms = parts.clock.now_ms()
    others = {name: text for name, text in request.query_params.items() if name != "shown"}
    return render(
        request,
        template,
        wanted=wanted,
        answers=answers,
        total=total,
        kept=len(parts.view.answers),
        models=sorted({row.model for row in parts.view.answers.all()}),
        group=parts.groups.state(),
        consumers=parts.health.states()[:_MOST_CONSUMERS],
        last_minute=parts.view.answered_since(now_ms - _MINUTE_MS),
        letters=len(parts.view.letters),
        query=urlencode(others | {"shown": str(shown)}),
        more=urlencode(others | {"shown": str(shown + _PAGE)}) if shown < min(total, _MOST_SHOWN) else None,
        newest_ms=max((answer.row.answered_ms for answer in answers), default=None),
    )


def _share(text: str, otherwise: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return otherwise
    return min(max(number, 0.0), 1.0) if number == number else otherwise  # noqa: PLR0124  NaN is no share


def _count(text: str) -> int:
    return min(max(int(text), 1), _MOST_SHOWN) if text.isascii() and text.isdecimal() and len(text) < 6 else _PAGE  # noqa: PLR2004  digits
