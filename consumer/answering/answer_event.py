"""Makes the answer event out of what the model read for a question."""

from __future__ import annotations

from datetime import datetime

from spanstream.models.artifact import Manifest
from spanstream.models.reader import Answer, Quote
from spanstream.schemas import events
from spanstream.schemas.events import ModelInfo, Question, Span, WindowsRead


def answer_event(
    question: Question, document_sha256: str, reading: Answer, manifest: Manifest, answered_at: datetime
) -> events.Answer:
    """Makes the answer to a question; its own least confidence wins over the model's threshold.

    Args:
        question: what was asked.
        document_sha256: SHA-256 of the text that was read.
        reading: what the model found.
        manifest: the model.
        answered_at: the time of the answer, UTC.
    """
    threshold = reading.threshold if question.min_confidence is None else question.min_confidence
    candidate = span_of(reading.candidate)
    is_answered = candidate is not None and reading.confidence >= threshold
    return events.Answer(
        question_id=question.question_id,
        document_id=question.document_id,
        document_sha256=document_sha256,
        status="answered" if is_answered else "no_answer",
        answer=candidate if is_answered else None,
        candidate=candidate,
        confidence=reading.confidence,
        null_score_diff=reading.null_score_diff,
        windows=WindowsRead(total=reading.windows_total, read=reading.windows_read),
        model=ModelInfo(
            name=manifest.name,
            version=manifest.version,
            precision=reading.precision,
            calibration=manifest.calibration.name,
        ),
        metadata=question.metadata,
        answered_at=answered_at,
    )


def span_of(quote: Quote | None) -> Span | None:
    """Makes the span of what the model quoted; None where there is no quote."""
    if quote is None:
        return None
    return Span(
        text=quote.text,
        char_start=quote.char_start,
        char_end=quote.char_end,
        utf16_start=quote.utf16_start,
        utf16_end=quote.utf16_end,
    )
