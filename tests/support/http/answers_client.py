"""A client of `POST /v1/answers`: one request a connection, whole bodies or pieces of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.kafka.program import PATIENCE

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def problem(self) -> tuple[int, str]:
        """Status and reason of a refusal, which is checked to be one."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.body
        assert problem.keys() == {"type", "title", "status", "detail", "reason"}
        assert (problem["type"], problem["status"]) == ("about:blank", self.status)
        return self.status, problem["reason"]


def send(
    port: int,
    body: bytes | Iterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "/v1/answers",
) -> Reply:
    """Sends a request and returns the reply; a body in pieces is sent chunked, without its length."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        # What is refused before it is read to its end cannot be sent to its end: the reply is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, JSON | dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): text for name, text in response.getheaders()}, response.read())
    finally:
        connection.close()


def ask(port: int, text: str, *questions: str, headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
    """Asks questions about a text; `fields` are more of the request's."""
    return send(port, json.dumps({"text": text, "questions": questions, **fields}).encode(), headers)


def begin(port: int, head: str, body: bytes = b"") -> socket.socket:
    """Opens a connection, sends the head's lines and a part of a body, and leaves it at that."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.sendall("".join(f"{line}\r\n" for line in [*head.splitlines(), ""]).encode() + body)
    return connection
