"""Makes the label of a feedback, checked against the text that it is about; the only place that says what holds."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from spanstream.models.labelling.quotes import problem_of_span
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.feedback import Feedback


class CurrentText(Protocol):
    """A document's text as it stands, and its version."""

    @property
    def text(self) -> str:
        """The whole text."""

    @property
    def sha256(self) -> str:
        """Of its UTF-8 bytes."""


FindText = Callable[[str], CurrentText | None]
"""Finds a document by its id; raises `InvalidRecord` where its latest record is no document."""


def make_label(feedback: Feedback, find: FindText) -> Feedback:
    """Returns the feedback with everything filled in, once it is found to hold.

    Args:
        feedback: as it came.
        find: finds its document.

    Raises:
        InvalidRecord: `document_missing`; `document_changed`, it is about another version; `span_mismatch`, the span is
            not a piece of the text in whole words. The detail holds no text.
    """
    text, version = _text_of(feedback, find)
    if feedback.document_sha256 not in {None, version}:
        raise InvalidRecord(Reason.DOCUMENT_CHANGED, "the document is not the version that was looked at")
    span = None if feedback.span is None else _quoted(text, feedback.span)
    return feedback.identified().model_copy(update={"document_sha256": version, "span": span})


def _text_of(feedback: Feedback, find: FindText) -> tuple[str, str]:
    """Returns the text that a feedback is about, and its hash."""
    if feedback.context is not None:
        return feedback.context, sha256(feedback.context.encode()).hexdigest()
    try:
        document = find(feedback.document_id or "")
    except InvalidRecord as error:
        detail = f"the document's latest record is no document ({error.reason}: {error.detail})"
        raise InvalidRecord(Reason.DOCUMENT_MISSING, detail) from None
    if document is None:
        raise InvalidRecord(Reason.DOCUMENT_MISSING, "the documents topic does not hold it")
    return document.text, document.sha256


def _quoted(text: str, span: Span) -> Span:
    """Returns the span without places in other units; raises `InvalidRecord` where it is no piece in whole words."""
    start, end = span.char_start, span.char_end
    if text[start:end] != span.text:
        raise InvalidRecord(Reason.SPAN_MISMATCH, f"the text at {start}:{end} is not the span's")
    if problem := problem_of_span(text, start, end):
        raise InvalidRecord(Reason.SPAN_MISMATCH, problem)
    return Span(text=span.text, char_start=start, char_end=end)
