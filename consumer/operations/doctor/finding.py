"""Runs checks. A check makes a finding, which is one line; it is left out where what it depends on has failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from spanstream.consumer.errors import Retryable, SpanstreamError
from spanstream.consumer.redaction import redacted
from spanstream.models.errors import ModelError
from spanstream.schemas.errors import one_line

_T = TypeVar("_T")
_LINE_CHARS = 600


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # the consumer works, but not as it could
    FAILED = "failed"  # the consumer does not work
    SKIPPED = "skipped"  # not looked at, because of another finding


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report, for a person.

    Attributes:
        level: how bad it is.
        subject: the thing.
        detail: how it is.
        advice: what to do; empty where nothing is to be done.
    """

    level: Level
    subject: str
    detail: str
    advice: str = ""


def ok(subject: str, detail: str) -> Finding:
    """Makes a finding: all is well."""
    return Finding(Level.OK, subject, one_line(detail, _LINE_CHARS))


def warning(subject: str, detail: str, advice: str) -> Finding:
    """Makes a finding: it works, but not as it could."""
    return Finding(Level.WARNING, subject, one_line(detail, _LINE_CHARS), advice)


def failed(subject: str, detail: str, advice: str) -> Finding:
    """Makes a finding: the consumer does not work like this."""
    return Finding(Level.FAILED, subject, one_line(detail, _LINE_CHARS), advice)


def skipped(subject: str, detail: str) -> Finding:
    """Makes a finding: not looked at."""
    return Finding(Level.SKIPPED, subject, detail)


@dataclass(frozen=True, slots=True)
class Check:
    """One look at one thing.

    Attributes:
        subject: the thing.
        look: makes the finding. A `Retryable` that it raises says that what it depends on does not answer any more.
        advice: what to do when `look` raises, and the error has no hint of its own.
        depends_on: the subject without which this one cannot be looked at.
        seconds: when to stop waiting for `look`; None: it is sure to end.
    """

    subject: str
    look: Callable[[], Finding]
    advice: str
    depends_on: str | None = None
    seconds: float | None = None


def examine(checks: Sequence[Check], secrets: Collection[str] = ()) -> Iterator[Finding]:
    """Returns the findings as they come; checks that depend on what failed make one line together, at the end.

    What did not answer once is not asked again, so that a dead Kafka costs one timeout.

    Args:
        checks: each behind the one that it depends on.
        secrets: never shown, whoever repeats them.
    """
    gone: dict[str, str] = {}  # subject -> the finding behind it
    left_out: dict[str, list[str]] = {}
    for check in checks:
        if check.depends_on in gone:
            reason = gone[check.subject] = gone[check.depends_on]
            left_out.setdefault(reason, []).append(check.subject)
            continue
        finding, answered = _look(check)
        if finding.level is Level.FAILED:
            gone[check.subject] = check.subject
        if not answered and check.depends_on is not None:
            gone[check.depends_on] = check.subject
        yield replace(finding, detail=redacted(finding.detail, secrets))
    for reason, subjects in left_out.items():
        yield skipped(", ".join(subjects), f"{reason} first")


def _look(check: Check) -> tuple[Finding, bool]:
    """Returns the finding, and whether whatever was asked has answered."""
    try:
        return (check.look() if check.seconds is None else in_time(check.seconds, check.look)), True
    except SpanstreamError as error:
        return failed(check.subject, error.detail, error.hint or check.advice), not isinstance(error, Retryable)
    except ModelError as error:
        return failed(check.subject, str(error), check.advice), True


def in_time(seconds: float, look: Callable[[], _T]) -> _T:
    """Returns what `look` gives, within a time limit: some waits, such as a name lookup, have none of their own.

    Raises:
        Retryable: it takes longer; it goes on in a thread that does not keep the process alive.
    """
    results: list[_T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(look())
        except Exception as error:  # noqa: BLE001  the calling thread raises it again
            errors.append(error)

    thread = threading.Thread(target=run, name="doctor", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise Retryable(f"no answer in {seconds:g} s")
    return results[0]
