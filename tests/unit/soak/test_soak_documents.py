"""The soak knows which version of a document each of its questions may be answered from."""

from __future__ import annotations

import json
import random
from collections import Counter

from spanstream.schemas.errors import Reason
from tests.soak.documents import DocumentHistory
from tests.soak.faults import FAULTS, fault_plan


def draw(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  no secret


def history(portions: int = 12) -> DocumentHistory:
    made = DocumentHistory(seed=3)
    for _ in range(portions):
        made.portion(100)
    return made


def test_the_same_seed_asks_the_same() -> None:
    assert history().asked == history().asked
    assert list(history().expected()) == list(history().expected())


def test_a_question_may_see_the_version_that_stood_when_it_was_asked_and_every_later_one() -> None:
    made = DocumentHistory(seed=3)
    portions = [made.portion(200) for _ in range(6)]
    expected = {one.name: one for one in made.expected()}
    texts: dict[str, list[str]] = {}
    for portion in portions:
        for document_id, text in portion.before:
            if text is not None:
                texts.setdefault(document_id, []).append(text)
        for asked in portion.asked:
            if not asked.pinned and asked.reason is None and asked.about in texts:
                latest = texts[asked.about][-1]
                assert made.texts[expected[asked.name].versions[0]] == latest
    assert any(len(one.versions) > 1 for one in expected.values())


def test_a_question_that_asks_for_a_version_gets_it_or_a_dead_letter_once_it_is_replaced() -> None:
    made = history()
    pinned = {asked.name: asked for asked in made.asked if asked.pinned}
    expected = {one.name: one for one in made.expected() if one.name in pinned}
    for name, one in expected.items():
        assert one.versions == (json.loads(pinned[name].value)["document_sha256"],)
    reasons = Counter(one.reasons for one in expected.values())
    assert reasons.keys() == {frozenset(), frozenset({str(Reason.DOCUMENT_CHANGED)})}


def test_what_cannot_be_answered_has_a_reason_and_no_version() -> None:
    hopeless = [one for one in history().expected() if not one.versions]
    reasons = {str(Reason.INVALID_EVENT), str(Reason.DOCUMENT_MISSING)}
    assert {reason for one in hopeless for reason in one.reasons} == reasons


def test_plain_questions_can_all_be_answered() -> None:
    made = DocumentHistory(seed=4)
    made.portion(300, plain=True)
    assert all(one.versions and not one.reasons for one in made.expected())


def test_every_fault_comes_as_often_as_any_other_in_an_order_of_the_seed() -> None:
    plan = fault_plan(3 * len(FAULTS), draw(1))
    assert Counter(plan) == dict.fromkeys(FAULTS, 3)
    assert plan == fault_plan(3 * len(FAULTS), draw(1))
    assert plan != fault_plan(3 * len(FAULTS), draw(2))
    assert len(fault_plan(2, draw(1))) == 2
