"""Makes of an answer event what the panels show."""

from __future__ import annotations

from spanstream.consumer.terminal.views import AnswerView, SpanView
from spanstream.schemas.events import Answer, Span


def answer_view(question: str, answer: Answer) -> AnswerView:
    """Returns the view of an answer to `question`, which the event does not hold."""
    windows = answer.windows
    return AnswerView(
        question, _span(answer.answer), _span(answer.candidate), answer.confidence, windows.read, windows.total
    )


def _span(span: Span | None) -> SpanView | None:
    return None if span is None else SpanView(span.text, span.char_start, span.char_end)
