"""The application: its pages, and what it says where something is wrong."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.web import document, label, letters, quality, stream, triage, triage_field
from spanstream.consumer.desk.web.access import Access
from spanstream.consumer.desk.web.guard import (
    LOGIN,
    STATIC,
    Guard,
    LoginNeeded,
    admit,
    field_of,
    give_cookie,
    is_safe_address,
)
from spanstream.consumer.desk.web.rendering import FOLDER, render
from spanstream.consumer.errors import Retryable, SpanstreamError

router = APIRouter()

_WRONG_TOKEN_SECONDS: Final = 1.0
_TITLES: Final = {
    HTTPStatus.NOT_FOUND: "It is not here",
    HTTPStatus.FORBIDDEN: "Not from here",
    HTTPStatus.CONFLICT: "That cannot be done",
    HTTPStatus.SERVICE_UNAVAILABLE: "Kafka does not answer",
}


_PAGES: Final = (
    router,
    stream.router,
    document.router,
    letters.router,
    triage.router,
    triage_field.router,
    label.router,
    quality.router,
)


def create_app(parts: DeskParts, access: Access) -> FastAPI:
    """Returns the application. Every page stands behind the guard, and what is no page is static."""
    app = FastAPI(
        title="spanstream desk",
        dependencies=[Depends(admit)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.parts = parts
    app.state.access = access
    for page in _PAGES:
        app.include_router(page)
    app.mount(STATIC, StaticFiles(directory=FOLDER / "static"))
    app.add_exception_handler(LoginNeeded, _to_login)
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(SpanstreamError, _problem)
    app.add_middleware(Guard, access=access)
    return app


@router.get(LOGIN)
def login_page(request: Request) -> Response:
    """Asks for the token."""
    return render(request, "login.html", next=request.query_params.get("next", "/"), problem=None)


@router.post(LOGIN)
async def login(request: Request) -> Response:
    """Admits who knows the token; a wrong one costs a second."""
    access: Access = request.app.state.access
    address = field_of(request, "next")
    if not access.admits(field_of(request, "token").strip()):
        await asyncio.sleep(_WRONG_TOKEN_SECONDS)
        problem = "This is not the token."
        return render(request, "login.html", HTTPStatus.UNAUTHORIZED, next=address, problem=problem)
    give_cookie(request, access.new_session(is_admitted=True))
    return RedirectResponse(address if is_safe_address(address) else "/", HTTPStatus.SEE_OTHER)


@router.post("/logout")
def logout(request: Request) -> Response:
    """Gives the browser a session that is not admitted."""
    access: Access = request.app.state.access
    give_cookie(request, access.new_session(is_admitted=access.token is None))
    return RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)


async def _to_login(request: Request, error: Exception) -> Response:
    """Leads a browser to the login, and tells a program what is missing."""
    assert isinstance(error, LoginNeeded)  # noqa: S101  it is registered for these
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(error.address, HTTPStatus.SEE_OTHER)
    challenge = {"WWW-Authenticate": "Bearer"}
    return PlainTextResponse("the token is missing or another one\n", HTTPStatus.UNAUTHORIZED, challenge)


async def _problem(request: Request, error: Exception) -> Response:
    """Says on a page what is wrong: with the address or the form, with what was asked for, or that Kafka is away."""
    if isinstance(error, HTTPException):
        status, detail = HTTPStatus(error.status_code), error.detail
    else:
        is_away = isinstance(error, Retryable)
        status, detail = HTTPStatus.SERVICE_UNAVAILABLE if is_away else HTTPStatus.CONFLICT, str(error)
    return render(request, "problem.html", status, title=_TITLES.get(status, status.phrase), detail=detail)
