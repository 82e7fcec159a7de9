"""Defines why a record is refused: the closed set of reasons, and the only error of this package.

Exception
└── InvalidRecord   these bytes will never be a valid event: the record becomes a dead letter
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

DETAIL_CHARS: Final = 300
"""A detail is never longer than this many code points: it travels in a header and stands in a log line."""

# Line and paragraph separators break a line too; lone surrogates cannot be written as UTF-8.
_NOT_ON_ONE_LINE: Final = re.compile("[\\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Reason(StrEnum):
    """Why a record became a dead letter; the set is closed in version 1."""

    UNDECODABLE = "undecodable"
    """The bytes are not UTF-8 or not JSON."""
    INVALID_EVENT = "invalid_event"
    """JSON, but not the event: a wrong type, an unknown or missing field, a wrong key."""
    TOO_LARGE = "too_large"
    """Past one of the limits."""
    DOCUMENT_MISSING = "document_missing"
    """The document of the question did not arrive in the time the retries gave it."""
    DOCUMENT_CHANGED = "document_changed"
    """The question asked for a version of the document that is not the present one."""
    SPAN_MISMATCH = "span_mismatch"
    """The predicted tokens and the text at the span's place are not the same."""
    INFERENCE_FAILED = "inference_failed"
    """The model, or another step after decoding, failed on this very record."""


def one_line(text: str, limit: int = DETAIL_CHARS) -> str:
    """Returns the text on one line that UTF-8 can hold, cut with an ellipsis at `limit` code points. Idempotent."""
    line = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _NOT_ON_ONE_LINE.sub(" ", text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


class InvalidRecord(Exception):
    """A record that is no valid event and never will be.

    `detail` is one line of at most `DETAIL_CHARS` code points. It names fields, lengths and places, and never holds
    the text of a question or a document.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = one_line(detail)
        super().__init__(reason, self.detail)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
