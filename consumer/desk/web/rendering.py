"""Makes pages out of templates. Everything from outside is escaped, and shown so that nothing in it is hidden."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from spanstream.consumer.clock import calendar_time
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.web.access import Access
from spanstream.consumer.desk.web.guard import session_of
from spanstream.consumer.terminal.sanitizing import sanitized, sanitized_line, shortened

FOLDER: Final = Path(__file__).parent
_LINE_CHARS: Final = 240
_TOLD_CHARS: Final = 1_000
COLOURS: Final = 6
"""Colours of questions; the style sheet has them as q1, q2, ..."""

PAGES: Final = (
    ("/", "Stream"),
    ("/letters", "Dead letters"),
    ("/triage", "Triage"),
    ("/label", "Label"),
    ("/quality", "Quality"),
)


def render(request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:  # noqa: ANN401  a template takes any value
    """Returns a page."""
    access: Access = request.app.state.access
    parts: DeskParts = request.app.state.parts
    session = session_of(request)
    values |= {
        "pages": PAGES if session.is_admitted else (),
        "path": request.url.path,
        "csrf": access.csrf_token(session),
        "is_writing": parts.is_writing,
        "follower": parts.follower,
        "can_log_out": access.token is not None and session.is_admitted,
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(values), status)


def parts_of(request: Request) -> DeskParts:
    """Returns the desk's parts."""
    parts: DeskParts = request.app.state.parts
    return parts


def line(text: str | bytes | None) -> str:
    """Returns text for one line of a page, cut where it is long; bytes as far as they are UTF-8."""
    shown = text.decode(errors="backslashreplace") if isinstance(text, bytes) else text or ""
    return shortened(sanitized_line(shown[: _LINE_CHARS * 2]), _LINE_CHARS)


def told(text: str) -> str:
    """Returns what went wrong, whose end says what to do."""
    return shortened(sanitized_line(text), _TOLD_CHARS)


def when(milliseconds: int | None) -> str:
    """Returns a time in UTC, to the second; empty where there is none."""
    time = calendar_time(milliseconds)
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def colour(number: int) -> str:
    """Returns the class of a question's colour; the number counts from 1."""
    return f"q{(number - 1) % COLOURS + 1}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": sanitized, "line": line, "told": told, "when": when, "colour": colour}
    return environment


_ENVIRONMENT: Final = _environment()
