"""Reads the body of a request, up to its limit and no further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanstream.schemas.errors import InvalidRecord, Reason


async def read_body(request: Request, limit: int) -> bytes:
    """Returns the whole body.

    Raises:
        InvalidRecord: `too_large`, it is longer than so many bytes; the rest of it is not read.
        ClientDisconnect: the client has gone.
    """
    declared = int(request.headers.get("content-length", 0))  # the server has checked that it is a number
    if declared > limit:
        raise InvalidRecord(Reason.TOO_LARGE, f"body: {declared} bytes, at most {limit} are allowed; not read")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise InvalidRecord(Reason.TOO_LARGE, f"body: more than the {limit} bytes that are allowed; not read")
    return bytes(body)


class ClosingUnread:
    """Closes the connection behind a response that was given before the request's body was read to its end.

    Otherwise the server would read the rest, however long, to find where the next request begins.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on to the application."""
        unread = _has_body(scope)

        async def reading() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body", False))
            return message

        async def answering(message: Message) -> None:
            if unread and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, reading, answering)


def _has_body(scope: Mapping[str, Any]) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
