"""Hands out answers to be labelled, one at a time, and publishes what is said of them.

They are drawn as `spanstream label next` draws them, in an order that is made of the questions' ids: some uniformly,
and these say how often all answers are right; the others spread over what is asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from spanstream.consumer.clock import Clock, to_datetime
from spanstream.consumer.desk.feedback_publisher import FeedbackPublisher
from spanstream.consumer.desk.view.live_view import BoundedRows, LiveView
from spanstream.consumer.desk.view.rows import AnswerRow, RecordPlace
from spanstream.consumer.desk.view.whole_records import SourceText, WholeRecords
from spanstream.consumer.feedback.judged_answers import answer_metadata
from spanstream.models.labelling.choosing import RANDOM_SHARE, Candidate, Drawn, draw
from spanstream.schemas.answer_parts import Span
from spanstream.schemas.events import Question
from spanstream.schemas.feedback import WITH_SPAN, Feedback, Verdict

# Seconds that an answer is somebody's own.
_HELD_SECONDS: Final = 600.0
_MOST_PEOPLE: Final = 1_000
_MOST_REMEMBERED: Final = 10_000
_MOST_NAME_CHARS: Final = 64
# Answers whose text is gone that are passed over at a time.
_MOST_TRIED: Final = 10


@dataclass(slots=True)
class Labeller:
    """What one session has done.

    Attributes:
        by: how the person wants to be called in the feedback; empty: not at all.
        skipped: what is not to be shown again.
        done: what was labelled, in order.
    """

    by: str = ""
    skipped: BoundedRows[RecordPlace, bool] = field(default_factory=lambda: BoundedRows(_MOST_REMEMBERED))
    done: list[RecordPlace] = field(default_factory=list)

    def sign(self, name: str) -> None:
        """Takes the name that a form brought, which may be empty."""
        self.by = name.strip()[:_MOST_NAME_CHARS]


@dataclass(frozen=True, slots=True)
class LabelItem:
    """An answer to be labelled, its question and its text."""

    row: AnswerRow
    question: Question
    source: SourceText


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An answer that a session has before it since then, and how it was drawn."""

    session: str
    since: float
    drawn: Drawn


class Labelling:
    """Keeps what the sessions have done, in memory; it may be called from many threads.

    Args:
        view: the answers, and the feedback that there is.
        records: reads questions and texts.
        feedback: publishes what is said.
        clock: gives the time of the feedback.

    Raises:
        Retryable: by the methods: Kafka did not answer in time.
        Stop: by the methods: Kafka refuses.
        InvalidRecord: by `say`: the feedback is larger than it may be.
    """

    def __init__(self, view: LiveView, records: WholeRecords, feedback: FeedbackPublisher, clock: Clock) -> None:
        self._view = view
        self._records = records
        self._feedback = feedback
        self._clock = clock
        self._people: BoundedRows[str, Labeller] = BoundedRows(_MOST_PEOPLE)
        self._held: BoundedRows[RecordPlace, HeldItem] = BoundedRows(_MOST_REMEMBERED)

    def labeller(self, session: str) -> Labeller:
        """Returns what a session has done."""
        labeller = self._people.get(session)
        if labeller is None:
            labeller = Labeller()
            self._people.put(session, labeller)
        return labeller

    @property
    def left(self) -> int:
        """How many answers have no feedback yet."""
        return sum(self._view.feedback.get(row.question_id) is None for row in self._view.latest_answers())

    def next_item(self, session: str) -> LabelItem | None:
        """Chooses what a session is to label next; None where nothing is left that can be shown."""
        labeller = self.labeller(session)
        rows = {row.question_id: row for row in self._view.latest_answers()}
        asked = {question.question_id: question.group for question in self._view.questions.all()}
        candidates = [Candidate(name, asked.get(name, "")) for name in rows]
        passed = {name for name, row in rows.items() if not self._is_free(row, session, labeller)}
        random_share = float(self._is_uniform_next())
        for _ in range(_MOST_TRIED):
            for drawn in draw(candidates, passed, 1, random_share):
                place = rows[drawn.question_id].place
                item = self.item(place)
                if item is not None:
                    self._held.put(place, HeldItem(session, self._clock.monotonic(), drawn))
                    return item
                labeller.skipped.put(place, row=True)
                passed.add(drawn.question_id)
        return None

    def item(self, place: RecordPlace) -> LabelItem | None:
        """Returns the answer at a place; None where its text has changed or is gone."""
        row = self._view.answers.get(place)
        question = self._records.question(row.question_id) if row is not None else None
        source = self._records.source_of(row) if row is not None else None
        if row is None or question is None or source is None or source.sha256 != row.document_sha256:
            return None
        return LabelItem(row, question, source)

    def say(self, session: str, item: LabelItem, verdict: Verdict, span: tuple[int, int] | None) -> Feedback:
        """Publishes what somebody says of an answer.

        Args:
            session: of the person.
            item: the answer.
            verdict: what is said.
            span: where the right piece is, with the verdicts that have one; it is in whole words.
        """
        labeller = self.labeller(session)
        quoted = None
        if verdict in WITH_SPAN and span is not None:
            quoted = Span(text=item.source.text[slice(*span)], char_start=span[0], char_end=span[1])
        feedback = Feedback(
            question_id=item.question.question_id,
            document_id=item.row.document_id,  # of a collection, the one that is quoted
            context=item.question.context,
            document_sha256=item.source.sha256,
            question=item.question.question,
            verdict=verdict,
            span=quoted,
            by=labeller.by or None,
            given_at=to_datetime(self._clock.now_ms()),
            metadata=self._sampling(item.row.place, session) | _noted(item),
        )
        self._feedback.publish(feedback)
        labeller.done = [*(place for place in labeller.done if place != item.row.place), item.row.place]
        return feedback

    def _is_free(self, row: AnswerRow, session: str, labeller: Labeller) -> bool:
        if self._view.feedback.get(row.question_id) is not None or labeller.skipped.get(row.place):
            return False
        held = self._held.get(row.place)
        is_old = held is not None and self._clock.monotonic() - held.since > _HELD_SECONDS
        return held is None or held.session == session or is_old

    def _is_uniform_next(self) -> bool:
        drawn = Counter(row.sampling for row in self._view.feedback.all() if row.sampling is not None)
        return drawn["random"] <= RANDOM_SHARE * drawn.total()

    def _sampling(self, place: RecordPlace, session: str) -> dict[str, str]:
        """Returns how an answer was drawn, for the label's metadata; nothing where somebody looked it up."""
        held = self._held.get(place)
        if held is None or held.session != session:
            return {}
        return held.drawn.metadata


def _noted(item: LabelItem) -> dict[str, str]:
    """Returns which answer was looked at, for the label's metadata."""
    row = item.row
    given = item.source.text[row.char_start : row.char_end] if row.status == "answered" else None
    return answer_metadata(given, row.confidence, row.calibration, to_datetime(row.answered_ms))
