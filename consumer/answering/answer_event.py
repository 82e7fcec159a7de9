"""Makes the answer event out of what the model read for a question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from spanstream.consumer.passages.fusion import RankedPassage
from spanstream.models.artifact import Manifest
from spanstream.models.collection import CollectionAnswer
from spanstream.models.reader import Answer
from spanstream.models.spans.quotes import AlternativeQuote, Quote
from spanstream.schemas import answer_parts, events
from spanstream.schemas.answer_parts import ModelInfo, Place, RetrievedPassage, Span, WindowsRead
from spanstream.schemas.events import Question

DocumentVersion = tuple[str, str]
"""A document's id, and the SHA-256 of its text."""


def answer_event(  # noqa: PLR0913  what an answer says
    question: Question,
    document_sha256: str | None,
    reading: Answer,
    manifest: Manifest,
    answered_at: datetime,
    *,
    document_id: str | None = None,
) -> events.Answer:
    """Makes the answer to a question; its own least confidence wins over the model's threshold.

    Args:
        question: what was asked.
        document_sha256: SHA-256 of the text that was read; None where nothing of a collection gave a candidate.
        reading: what the model found.
        manifest: the model.
        answered_at: the time of the answer, UTC.
        document_id: the document of the collection that gave the candidate; by default the one that was asked about.
    """
    threshold = reading.threshold if question.min_confidence is None else question.min_confidence
    candidate = span_of(reading.candidate)
    is_answered = candidate is not None and reading.confidence >= threshold
    return events.Answer(
        question_id=question.question_id,
        document_id=question.document_id or document_id,
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
        collection=question.collection,
    )


def collection_answer_event(  # noqa: PLR0913, PLR0917  what an answer says
    question: Question,
    reading: CollectionAnswer,
    versions: Sequence[DocumentVersion],
    passages: Sequence[RankedPassage],
    manifest: Manifest,
    answered_at: datetime,
) -> events.Answer:
    """Makes the answer to a question about a collection.

    Args:
        question: what was asked.
        reading: what the model found.
        versions: of the documents that were read, in the order of the reading.
        passages: what was retrieved, the best first.
        manifest: the model.
        answered_at: the time of the answer, UTC.
    """
    document_id, sha256 = (None, None) if reading.document is None else versions[reading.document]
    alternatives = []
    for one in reading.alternatives:
        named = (None, None) if one.document == reading.document else versions[one.document]
        alternatives.append(_alternative_of(one.alternative, *named))
    event = answer_event(question, sha256, reading.reading, manifest, answered_at, document_id=document_id)
    return event.model_copy(
        update={"alternatives": alternatives, "retrieved": [_retrieved(passage) for passage in passages]}
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


def _alternative_of(
    alternative: AlternativeQuote, document_id: str | None = None, document_sha256: str | None = None
) -> answer_parts.Alternative:
    return answer_parts.Alternative(
        span=_span_of(alternative.quote),
        further_places=[_place_of(quote) for quote in alternative.further],
        confidence=alternative.confidence,
        null_score_diff=alternative.null_score_diff,
        window=alternative.window,
        document_id=document_id,
        document_sha256=document_sha256,
    )


def _retrieved(passage: RankedPassage) -> RetrievedPassage:
    place = passage.place
    return RetrievedPassage(
        document_id=place.document_id, char_start=place.char_start, char_end=place.char_end, score=passage.score
    )
