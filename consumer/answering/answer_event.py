"""Makes the answer event out of what the model read for a question."""

from __future__ import annotations

from datetime import datetime

from spanstream.models.artifact import Manifest
from spanstream.models.reader import Answer
from spanstream.models.spans.quotes import AlternativeQuote, Quote
from spanstream.schemas import events
from spanstream.schemas.events import ModelInfo, Place, Question, Span, WindowsRead


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
        further_places=[_place_of(quote) for quote in reading.further],
        alternatives=[_alternative_of(alternative) for alternative in reading.alternatives],
    )


def span_of(quote: Quote | None) -> Span | None:
    """Makes the span of what the model quoted; None where there is no quote."""
    return None if quote is None else _span_of(quote)


def _span_of(quote: Quote) -> Span:
    return Span(
        text=quote.text,
        char_start=quote.char_start,
        char_end=quote.char_end,
        utf16_start=quote.utf16_start,
        utf16_end=quote.utf16_end,
    )


def _place_of(quote: Quote) -> Place:
    return Place(
        char_start=quote.char_start,
        char_end=quote.char_end,
        utf16_start=quote.utf16_start,
        utf16_end=quote.utf16_end,
    )


def _alternative_of(alternative: AlternativeQuote) -> events.Alternative:
    return events.Alternative(
        span=_span_of(alternative.quote),
        further_places=[_place_of(quote) for quote in alternative.further],
        confidence=alternative.confidence,
        null_score_diff=alternative.null_score_diff,
        window=alternative.window,
    )
