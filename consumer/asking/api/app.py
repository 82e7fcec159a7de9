"""The HTTP application: `POST /v1/answers` and its description, `/openapi.json`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import structlog
from fastapi import Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from spanstream.consumer.asking.api.body import ClosingUnread, read_body
from spanstream.consumer.asking.api.desk import Desk, client_has_gone, is_stopping
from spanstream.consumer.asking.api.problem import PROBLEM, ProblemDetails, RequestRefused, refusal_of
from spanstream.consumer.clock import Clock, Deadline
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.metrics import RequestMetrics
from spanstream.consumer.settings import Settings
from spanstream.models.errors import QuestionTooLong
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.events import Answer
from spanstream.schemas.requests import AnswersRequest

_log = structlog.get_logger(__name__)

PATH: Final = "/v1/answers"
_JSON: Final = "application/json"
_DESCRIPTION: Final = "Answers out of documents: verbatim pieces with their places and a calibrated confidence."
_BEARER: Final = HTTPBearer(auto_error=False, description="Where a token is set.")
# Its spans would hold a URL's query, into which a client may have put a text.
_UNTOLD: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
_REFUSALS: Final = {
    HTTPStatus.BAD_REQUEST: "undecodable: the body is not JSON in UTF-8.",
    HTTPStatus.UNAUTHORIZED: "unauthorized: the token is missing or another one.",
    HTTPStatus.REQUEST_TIMEOUT: "body_timeout: the body did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large: the body, the text, an id or a question is past its limit.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported: the body is not declared as JSON, or is compressed.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_event: a field is wrong, missing or unknown.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "inference_failed, span_mismatch or document_changed: the model failed on it.",
    HTTPStatus.SERVICE_UNAVAILABLE: "busy or stopping: ask again after so many seconds (Retry-After).",
    HTTPStatus.GATEWAY_TIMEOUT: "deadline: there was no time to answer all questions.",
}


class AnswersResponse(BaseModel):
    """What is answered."""

    answers: list[Answer] = Field(description="One answer for each question, in their order; the stream's own events.")


class AnswersEndpoint:
    """Answers the requests to `/v1/answers`.

    Args:
        desk: gives requests their turn.
        settings: the token, the time that a request has, and how long a body may be.
        metrics: count the requests.
        clock: measures them.
    """

    def __init__(self, desk: Desk, settings: Settings, metrics: RequestMetrics, clock: Clock) -> None:
        self._desk = desk
        token = settings.answers_api.token
        # No header holds the line's end that many a file of a Secret has.
        self._token = None if token is None else token.get_secret_value().strip().encode()
        self._timeout_seconds = settings.answers_api.timeout_seconds
        self._most_bytes = settings.limits.record_bytes
        self._metrics = metrics
        self._clock = clock

    async def respond(self, request: Request, token: str | None) -> Response:
        """Returns the answers, or the problem; counts it."""
        started = self._clock.monotonic()
        try:
            response = Response(await self._answers(request, token), media_type=_JSON)
            outcome = "answered"
        except (RequestRefused, InvalidRecord, QuestionTooLong) as error:
            response, outcome = _refusal(error)
        except ClientDisconnect:
            response, outcome = _refusal(client_has_gone())
        except asyncio.CancelledError:
            # By the server, once `drain_seconds` are over; it cancels for no other reason, and ends.
            response, outcome = _refusal(is_stopping())
        except Exception as error:  # noqa: BLE001  the model's, or any other, whose message may hold a text
            _log.error("request_failed", **exception_facts(error))
            response, outcome = _refusal(error)
        self._metrics.requests.labels(outcome).inc()
        self._metrics.seconds.observe(self._clock.monotonic() - started)
        return response

    async def _answers(self, request: Request, token: str | None) -> bytes:
        deadline = Deadline(self._clock, self._timeout_seconds)
        self._check_token(token)
        _check_type(request.headers)
        with self._desk.place():
            try:
                async with asyncio.timeout(deadline.seconds_left):
                    body = await read_body(request, self._most_bytes)
            except TimeoutError:
                detail = "the body did not arrive in time"
                raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT, "body_timeout", detail) from None
            return await self._desk.answer(body, deadline, lambda: _departure(request))

    def _check_token(self, token: str | None) -> None:
        if self._token is None:
            return
        if token is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise RequestRefused(HTTPStatus.UNAUTHORIZED, "unauthorized", "there is no bearer token", challenge)
        if not secrets.compare_digest(token.encode("latin-1"), self._token):  # the bytes that came
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise RequestRefused(HTTPStatus.UNAUTHORIZED, "unauthorized", "the bearer token is another one", challenge)


def create_app() -> FastAPI:
    """Returns the application; it answers once `app.state.endpoint` is set.

    FastAPI's pages for people are left out: they load scripts from another host.
    """
    app = FastAPI(
        title="spanstream",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_UNTOLD,
    )

    @app.post(
        PATH,
        operation_id="answer",
        summary="Answer questions about a text",
        response_description="answered: what the text says, or that it does not.",
        response_model=AnswersResponse,
        responses={
            int(status): {"description": text, **_content(PROBLEM, ProblemDetails)}
            for status, text in _REFUSALS.items()
        },
        openapi_extra={"requestBody": {"required": True, **_content(_JSON, AnswersRequest)}},
    )
    async def answers(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Response:
        endpoint: AnswersEndpoint = request.app.state.endpoint
        return await endpoint.respond(request, credentials.credentials if credentials else None)

    app.add_exception_handler(HTTPException, _not_routed)
    app.add_middleware(ClosingUnread)
    # The body is read and checked here, as a record is, and not by FastAPI: it does not know these two.
    for model in (AnswersRequest, ProblemDetails):
        app.openapi()["components"]["schemas"][model.__name__] = model.model_json_schema()
    return app


def _content(media_type: str, model: type[BaseModel]) -> dict[str, Any]:
    return {"content": {media_type: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}}


def _refusal(error: Exception) -> tuple[Response, str]:
    """Returns the problem, and the outcome to be counted."""
    refused = error if isinstance(error, RequestRefused) else refusal_of(error)
    response = Response(refused.problem, refused.status, refused.headers, media_type=PROBLEM)
    return response, refused.reason


async def _not_routed(request: Request, error: Exception) -> Response:
    """Answers a request to another path, or with another method; OPTIONS says which methods there are."""
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for these
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] += ", OPTIONS"
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    status = HTTPStatus(error.status_code)
    reason = status.name.lower()
    return _refusal(RequestRefused(status, reason, f"see POST {PATH} and GET /openapi.json", headers))[0]


def _check_type(headers: Mapping[str, str]) -> None:
    """Refuses what is not declared as JSON: a page of another site can make a browser send such a body unasked."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        detail = f"the body should have the Content-Type {_JSON}"
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported", detail, {"Accept": _JSON})
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        accepted = {"Accept-Encoding": "identity"}
        raise RequestRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported", "the body should not be compressed", accepted
        )


async def _departure(request: Request) -> None:
    """Waits until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
