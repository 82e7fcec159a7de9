"""Which labelled answers test a promise: the uniform share of those that the newest calibration gave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spanstream.models.labelling.promises import JudgedAnswer, promised_percent, watch_promises

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def judged(number: int, *, is_wrong: bool | None = False, **changed: Any) -> JudgedAnswer:
    fields: dict[str, Any] = {
        "answered_at": NOW,
        "calibration": "c",
        "confidence": 0.9,
        "sampling": "random",
        "given_at": NOW + timedelta(seconds=number),
    }
    return JudgedAnswer(f"q-{number}", is_wrong=is_wrong, **fields | changed)


def test_what_an_earlier_calibration_got_wrong_does_not_count_against_the_new_one() -> None:
    old = [judged(number, is_wrong=True, given_at=NOW + timedelta(days=2)) for number in range(50)]
    new = [judged(100 + number, calibration="d", answered_at=NOW + timedelta(days=1)) for number in range(30)]
    assert watch_promises(old, None).confidence.is_broken
    promises = watch_promises(old + new, 0.1)
    assert (promises.confidence.given, promises.confidence.wrong) == (30, 0)
    assert set(promises.named) == {"confidence", "allowed"}


def test_declined_questions_and_those_that_nobody_drew_test_nothing() -> None:
    answers = [judged(1), judged(2, is_wrong=None)]
    assert watch_promises(answers, None).confidence.given == 1
    sent_in = [judged(number, is_wrong=True, sampling=None) for number in range(9)]
    assert watch_promises(sent_in, None).confidence.given == 0
    assert watch_promises([], None).confidence.given == 0


@pytest.mark.parametrize(
    ("threshold", "percent"),
    [("guarantee-90", 90), ("precision-80", 80), ("default", None), ("recall-90", None), (0.5, None)],
)
def test_a_threshold_promises_what_its_name_says(threshold: float | str, percent: int | None) -> None:
    assert promised_percent(threshold) == percent
