"""Makes of an answer event what the panels show."""

from __future__ import annotations

from spanstream.consumer.terminal.views import AlternativeView, AnswerView, SpanView
from spanstream.schemas.answer_parts import Alternative, Place, Span
from spanstream.schemas.events import Answer


def answer_view(question: str, answer: Answer) -> AnswerView:
    """Returns the view of an answer to `question`, which the event does not hold."""
    windows = answer.windows
    return AnswerView(
        question,
        _span(answer.answer),
        _span(answer.candidate),
        answer.confidence,
        windows.read,
        windows.total,
        _starts(answer.further_places),
        tuple(map(_alternative, answer.alternatives)),
    )


def _alternative(other: Alternative) -> AlternativeView:
    span = SpanView(other.span.text, other.span.char_start, other.span.char_end)
    return AlternativeView(span, _starts(other.further_places), other.confidence)


def _starts(places: list[Place]) -> tuple[int, ...]:
    return tuple(place.char_start for place in places)


def _span(span: Span | None) -> SpanView | None:
    return None if span is None else SpanView(span.text, span.char_start, span.char_end)
