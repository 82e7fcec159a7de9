"""Tests what confidence and threshold promised with the labels of answers that were drawn uniformly.

[JudgedAnswer] -> those of the newest calibration -> their uniform share -> watch, in the order of the labels
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from spanstream.models.labelling.choosing import uniform_share
from spanstream.models.labelling.watching import Watched, watch

_NAMED = frozenset({"guarantee", "precision"})


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """An answer that a person has labelled.

    Attributes:
        question_id: of its question.
        answered_at: when it was given.
        calibration: the name of the one that its confidence is from.
        confidence: 0 to 1, that it is right.
        sampling: how the question was drawn; None: it was not.
        given_at: when it was labelled.
        is_wrong: None: the question was declined, or the person could not tell.
    """

    question_id: str
    answered_at: datetime
    calibration: str
    confidence: float
    sampling: str | None
    given_at: datetime
    is_wrong: bool | None


@dataclass(frozen=True, slots=True)
class Promises:
    """What the labels say of two promises.

    Attributes:
        confidence: of so many answers as their confidences leave, no more are wrong.
        allowed: of the answers given, no more than a share is wrong; None where no share was named.
    """

    confidence: Watched
    allowed: Watched | None

    @property
    def named(self) -> dict[str, Watched]:
        """Those that were made, by name."""
        both = {"confidence": self.confidence, "allowed": self.allowed}
        return {name: watched for name, watched in both.items() if watched is not None}


def watch_promises(answers: Iterable[JudgedAnswer], allowed: float | None) -> Promises:
    """Tests the promises of the calibration that gave the newest of the answers.

    Args:
        answers: in any order, each once.
        allowed: the share of the answers given that may be wrong, 0 to 1; None: nothing was promised.
    """
    judged = list(_of_interest(list(answers)))
    return Promises(
        watch((is_wrong, 1 - confidence) for is_wrong, confidence in judged),
        None if allowed is None else watch((is_wrong, allowed) for is_wrong, _ in judged),
    )


def promised_percent(threshold: float | str) -> int | None:
    """Returns the percentage of right answers that a threshold's name promises; None: it promises none."""
    name, _, percent = str(threshold).rpartition("-")
    return int(percent) if name in _NAMED and percent.isdecimal() else None


def allowed_share(percent: int | None) -> float | None:
    """Returns the share of wrong answers that a percentage of right ones leaves; None without one."""
    return None if percent is None else 1 - percent / 100


def _of_interest(answers: list[JudgedAnswer]) -> Iterator[tuple[bool, float]]:
    """Yields whether each answer of the newest calibration's uniform share is wrong, and its confidence."""
    newest = max(answers, key=attrgetter("answered_at"), default=None)
    of_newest = [one for one in answers if newest is not None and one.calibration == newest.calibration]
    uniform, _ = uniform_share({one.question_id: one.sampling for one in of_newest})
    for one in sorted(of_newest, key=attrgetter("given_at", "question_id")):
        if one.is_wrong is not None and one.question_id in uniform:
            yield one.is_wrong, one.confidence
