"""Plain values that the demo shows: no events, no Kafka, no model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpanView:
    """`text[char_start:char_end]` of the ticket: code points, end exclusive."""

    text: str
    char_start: int
    char_end: int


@dataclass(frozen=True, slots=True)
class AlternativeView:
    """Another answer, and the starts of the other places of its text; its confidence may be unknown."""

    span: SpanView
    further: tuple[int, ...]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One question and what came back.

    `answer` is None when the question was declined; `candidate` is then the span it was not sure of, if there was any.
    `confidence` is the calibrated probability (0..1) that the candidate is right. `further` are the starts of the other
    places of the candidate's text.
    """

    question: str
    answer: SpanView | None
    candidate: SpanView | None
    confidence: float
    windows_read: int = 1
    windows_total: int = 1
    further: tuple[int, ...] = ()
    alternatives: tuple[AlternativeView, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its questions, in the order they were asked."""

    document_id: str
    title: str
    text: str
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A record that was set aside: the reason, and where it came from (`offset` is Kafka's)."""

    reason: str
    detail: str
    stage: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The totals of a run.

    `seconds` is the time from the first question taken to the last answer published; `first_answer_seconds` the time
    from the start of the program to the first answer. `memory_hits` counts documents whose tokens were still in
    memory, `tokenizations` those that had to be tokenized.
    """

    questions: int
    answered: int
    declined: int
    dead_lettered: int
    seconds: float
    first_answer_seconds: float
    windows_read: int
    memory_hits: int
    tokenizations: int
    model_name: str
    model_version: str
    precision: str

    @property
    def questions_per_second(self) -> float:
        """Questions answered or declined for each second of the run; 0 when it took no time."""
        return (self.answered + self.declined) / self.seconds if self.seconds > 0 else 0.0
