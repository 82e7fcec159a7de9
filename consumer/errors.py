"""The shell's errors, named by what happens next.

    SpanstreamError   what is wrong and, where it is known, a hint: what to do
    ├── Retryable     the same call may succeed later: try again, nothing was done
    ├── Fenced        this member or producer is no longer the owner: give the records back, wait for a rebalance
    ├── Stop          nothing here can mend it: exit 1 with this one line
    ├── MissingRight  (a Stop) the user lacks a right on Kafka, which the hint names
    ├── TooLarge      (a Stop) a topic takes no record of this size: publish a smaller one in its place, or stop
    └── CircuitOpen   (a Stop) a whole stretch of records failed: the topic or the model is wrong, not the records

What is wrong with a single record is not an exception of the shell: `spanstream.schemas.errors.InvalidRecord` and the
errors of `spanstream.models.errors` become dead letters where they are caught.
"""

from __future__ import annotations


class SpanstreamError(Exception):
    """Any error that the program raises on purpose; its text is one line for a person.

    Attributes:
        detail: what is wrong.
        hint: what to do; empty where there is nothing to add. The text has it behind a semicolon.
    """

    def __init__(self, detail: str, *, hint: str = "") -> None:
        super().__init__(f"{detail}; {hint}" if hint else detail)
        self.detail = detail
        self.hint = hint


class Retryable(SpanstreamError):
    """The same call may succeed later; nothing was done."""


class Fenced(SpanstreamError):
    """Another member owns the partitions, or another producer the transaction; nothing was published."""


class Stop(SpanstreamError):
    """The program cannot go on."""


class MissingRight(Stop):
    """This user may not do what is asked; the hint says which right to grant."""


class TooLarge(Stop):
    """A topic takes no record of this size; none of the records was published.

    Attributes:
        record: the record, the very object that was to be published.
    """

    def __init__(self, detail: str, *, hint: str = "", record: object) -> None:
        super().__init__(detail, hint=hint)
        self.record = record


class CircuitOpen(Stop):
    """Too large a share of the latest records failed."""
