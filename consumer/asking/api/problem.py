"""Says why a request is refused: problem details (RFC 9457), with the reasons that dead letters have, and HTTP's own.

InvalidRecord, ModelError ──> refusal_of ──> RequestRefused ──> problem ──> application/problem+json
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal

from pydantic import BaseModel, Field

from spanstream.models.errors import DocumentChanged, InferenceFailed, QuestionTooLong, SpanMismatch
from spanstream.schemas.errors import InvalidRecord, Reason, one_line

PROBLEM: Final = "application/problem+json"
COME_BACK: Final = {"Retry-After": "1"}
"""The header, in seconds, of a refusal that says nothing about the request itself."""

_STATUSES: Final = {
    Reason.UNDECODABLE: HTTPStatus.BAD_REQUEST,
    Reason.INVALID_EVENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class ProblemDetails(BaseModel):
    """Why a request has no answers."""

    type: Literal["about:blank"] = Field(
        "about:blank", description="There is no page about it: reason says which it is."
    )
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One line for a person; it never holds a text.")
    reason: str = Field(description="One word for a program, such as too_large.")


class RequestRefused(Exception):
    """A request that gets no answers.

    Attributes:
        status: the HTTP status.
        reason: one word; the outcome that is counted.
        detail: one line for a person, without any text of the request.
        headers: more headers of the response.
    """

    def __init__(self, status: HTTPStatus, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.headers = dict(headers or {})

    @property
    def problem(self) -> bytes:
        """The body of the response."""
        problem = ProblemDetails(title=self.status.phrase, status=self.status, detail=self.detail, reason=self.reason)
        return problem.model_dump_json().encode()


def refusal_of(error: Exception) -> RequestRefused:
    """Returns what is told about an error of decoding or reading; what nobody foresaw is told by its kind alone."""
    match error:
        case InvalidRecord():
            return RequestRefused(_STATUSES[error.reason], error.reason, error.detail)
        case QuestionTooLong():
            return RequestRefused(_STATUSES[Reason.TOO_LARGE], Reason.TOO_LARGE, one_line(str(error)))
        case InferenceFailed() | SpanMismatch() | DocumentChanged():
            return RequestRefused(HTTPStatus.INTERNAL_SERVER_ERROR, _model_reason(error), one_line(str(error)))
        case _:
            detail = f"reading raised {type(error).__name__}"
            return RequestRefused(HTTPStatus.INTERNAL_SERVER_ERROR, Reason.INFERENCE_FAILED, detail)


def _model_reason(error: InferenceFailed | SpanMismatch | DocumentChanged) -> Reason:
    match error:
        case SpanMismatch():
            return Reason.SPAN_MISMATCH
        case DocumentChanged():
            return Reason.DOCUMENT_CHANGED
        case _:
            return Reason.INFERENCE_FAILED
