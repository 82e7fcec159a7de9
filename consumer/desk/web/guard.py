"""Stands before every page: the Host header, the session, the forms, and the headers of every response."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanstream.consumer.desk.web.access import Access, BrowserSession

COOKIE: Final = "spanstream_desk"
LOGIN: Final = "/login"
STATIC: Final = "/static"
CSRF_FIELD: Final = "csrf"

MOST_FORM_BYTES: Final = 256 * 1024
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers hide where a form was
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

Form = dict[str, list[str]]


class LoginNeeded(Exception):
    """Nobody is to see this page without the token."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.address = f"{LOGIN}?next={quote(path)}"


class Guard:
    """Refuses a Host that is not ours, and puts the security headers on every response."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on to the application."""
        cached = scope["path"].startswith(f"{STATIC}/")

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers["Cache-Control"] = "no-cache" if cached else "no-store"
                if (cookie := scope["state"].get("new_cookie")) is not None:
                    headers.append("Set-Cookie", cookie)
            await send(message)

        scope.setdefault("state", {})
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        app: ASGIApp = self._app
        if not self._access.is_ours(host):
            text = "The desk is not known by this name: add it to SPANSTREAM_DESK__NAMES\n"
            app = PlainTextResponse(text, HTTPStatus.MISDIRECTED_REQUEST)
        await app(scope, receive, answering)


async def admit(request: Request) -> None:
    """Finds the session of a request, and reads its form. It runs before every page.

    Raises:
        LoginNeeded: there is no admitted session, and it is not the login.
        HTTPException: the form did not come from one of our pages (403), or is too long (413).
    """
    access: Access = request.app.state.access
    session = session_of(request)
    if session.is_new:
        give_cookie(request, session)
    request.state.form = {}
    if not session.is_admitted and request.url.path != LOGIN:
        raise LoginNeeded(_address_in(request))
    if request.method == "POST":
        request.state.form = await _form(request)
        if not (_is_same_origin(request) and access.is_from_our_form(session, field_of(request, CSRF_FIELD))):
            raise HTTPException(HTTPStatus.FORBIDDEN, "This form is out of date: load its page again.")


def session_of(request: Request) -> BrowserSession:
    """Returns who asks."""
    known: BrowserSession | None = getattr(request.state, "session", None)
    if known is None:
        access: Access = request.app.state.access
        known = access.session(request.cookies.get(_cookie_name(request)), request.headers.get("authorization"))
        request.state.session = known
    return known


def give_cookie(request: Request, session: BrowserSession) -> None:
    """Makes the response give the browser this session; it ends with the browser."""
    access: Access = request.app.state.access
    cookie = f"{_cookie_name(request)}={access.cookie(session)}; Path=/; HttpOnly; SameSite=Strict"
    request.state.new_cookie = cookie


def field_of(request: Request, name: str) -> str:
    """Returns the last value of a field of the form; empty where there is none."""
    form: Form = request.state.form
    return form.get(name, [""])[-1]


def needs_writing(request: Request) -> None:
    """Refuses what publishes where the desk is read-only. Raises `HTTPException` (403)."""
    if not request.app.state.parts.is_writing:
        raise HTTPException(HTTPStatus.FORBIDDEN, "This desk is read-only: start it with --write.")


def is_safe_address(address: str) -> bool:
    """Whether an address leads to one of our own pages, and nowhere else."""
    parts = urlsplit(address)
    return address.startswith("/") and address[1:2] not in ("/", "\\") and not parts.scheme and not parts.netloc


def _cookie_name(request: Request) -> str:
    """Returns the cookie's name: cookies know no ports, so each has its own."""
    return f"{COOKIE}_{request.url.port or 80}"


async def _form(request: Request) -> Form:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too long.")
    return parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=1_000)


def _is_same_origin(request: Request) -> bool:
    """Whether the browser says that the form was on a page of ours; a program says nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


def _address_in(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
