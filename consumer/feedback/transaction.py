"""One transaction while it is being built: what it publishes, and the labels it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spanstream.consumer.answering.outcomes import without_content
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.feedback.known_labels import KnownLabel, KnownLabels
from spanstream.schemas.dead_letters import Reason
from spanstream.schemas.feedback import Feedback


@dataclass(frozen=True, slots=True)
class FeedbackOutcome:
    """What a feedback, or a changed document, led to.

    Attributes:
        outcome: `labelled`, `repeated`, `superseded`, `dead_letter`, or `deleted` of a label, as the metrics name it.
        record: the feedback's; None: a document has changed.
        outgoing: what is published; None: nothing.
        label: that was made.
        reason: the dead letter's.
        place: (partition number, key) of the label that changes; None: none does.
    """

    outcome: str
    record: Record | None = None
    outgoing: Outgoing | None = None
    label: Feedback | None = None
    reason: Reason | None = None
    place: tuple[int, bytes] | None = None


class FeedbackTransaction:
    """Reads the known labels through its own changes; they do not change before the transaction is committed.

    Attributes:
        outcomes: what it does, in this order.
    """

    def __init__(self, labels: KnownLabels) -> None:
        self._labels = labels
        self._changes: dict[tuple[int, bytes], KnownLabel | None] = {}
        self.outcomes: list[FeedbackOutcome] = []

    @property
    def outgoing(self) -> list[Outgoing]:
        """The records to publish."""
        return [outcome.outgoing for outcome in self.outcomes if outcome.outgoing is not None]

    @property
    def changes(self) -> Mapping[tuple[int, bytes], KnownLabel | None]:
        """The labels that change, by (partition number, key); None: deleted."""
        return self._changes

    @property
    def reasons(self) -> list[Reason | None]:
        """For each feedback: the reason of its dead letter, or None; for the circuit."""
        return [outcome.reason for outcome in self.outcomes if outcome.record is not None]

    def label(self, number: int, key: bytes) -> KnownLabel | None:
        """Returns what is known of a label after the changes in here; None: there is none."""
        place = (number, key)
        return self._changes[place] if place in self._changes else self._labels.get(number, key)

    def add(self, outcome: FeedbackOutcome) -> None:
        """Adds what a feedback, or a changed document, led to."""
        self.outcomes.append(outcome)
        if outcome.place is not None:
            self._changes[outcome.place] = None if outcome.label is None else KnownLabel.of(outcome.label)

    def index_of(self, outgoing: object) -> int:
        """Returns the place among the outcomes of the one that publishes this very record."""
        return next(index for index, outcome in enumerate(self.outcomes) if outcome.outgoing is outgoing)

    def replace(self, index: int, outcome: FeedbackOutcome) -> None:
        """Puts another outcome in the place of one; the others stay as they are."""
        outcomes = [*self.outcomes[:index], outcome, *self.outcomes[index + 1 :]]
        self._changes, self.outcomes = {}, []
        for kept in outcomes:
            self.add(kept)


def smaller_letter(outcome: FeedbackOutcome) -> FeedbackOutcome | None:
    """Returns a dead letter without its content; None where it is none, or such a one already."""
    if outcome.outcome != "dead_letter" or outcome.outgoing is None:
        return None
    letter = without_content(outcome.outgoing)
    return None if letter is None else replace(outcome, outgoing=letter)
