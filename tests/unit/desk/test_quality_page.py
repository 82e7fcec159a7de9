"""The page of quality: what the feedback says of the answers, with its intervals, and when it says nothing yet."""

from __future__ import annotations

import pytest

from spanstream.consumer.desk.view.judging import LEAST, judge
from spanstream.models.labelling.labels import SAMPLING
from spanstream.schemas.events import Answer, Document
from spanstream.schemas.feedback import Feedback, Verdict
from tests.support.desk.desk_scene import BEGAN, TOPICS, DeskScene, browser_of

TEXT = "Since Tuesday the nightly export stops with error FXP-4107."


def tell(scene: DeskScene, document: Document, answer: Answer, verdict: Verdict, **fields: object) -> None:
    feedback = Feedback(
        question_id=answer.question_id,
        document_id=document.document_id,
        document_sha256=document.sha256,
        question="Which error?",
        verdict=verdict,
        span=fields.get("span", answer.candidate if verdict in ("accepted", "corrected") else None),  # type: ignore[arg-type]
        given_at=BEGAN,
        metadata={SAMPLING: str(fields.get("sampling", "chosen"))},
    )
    scene.send(TOPICS.feedback, document.document_id, feedback)


def judged_scene(right: int, wrong: int, *, sampling: str = "random") -> DeskScene:
    """Makes sure answers that are right, and as sure ones that are not."""
    scene = DeskScene()
    for number in range(right + wrong):
        document = scene.document(TEXT, document_id=f"ticket-{number}")
        answer = scene.answer(document, "Which error?", "FXP-4107", 0.9)
        tell(scene, document, answer, "accepted" if number < right else "no_answer", sampling=sampling)
    return scene


def test_accuracy_and_calibration_come_with_intervals() -> None:
    with judged_scene(18, 6).open() as parts:
        quality = judge(parts.view)
        page = browser_of(parts).get("/quality").text
    count, accuracy = quality.accuracy["drawn at random"]
    assert count == 24
    assert accuracy.value == pytest.approx(0.75)
    assert 0.5 < accuracy.low < 0.75 < accuracy.high < 0.95
    assert quality.calibration_error is not None
    assert quality.brier is not None
    assert quality.brier.value == pytest.approx(0.75 * 0.01 + 0.25 * 0.81)
    assert "0.750" in page
    assert sum(one.count for one in quality.bins) == 24
    assert "<circle" in page


def test_what_was_chosen_is_not_counted_as_drawn() -> None:
    with judged_scene(15, 6, sampling="chosen").open() as parts:
        quality = judge(parts.view)
    assert set(quality.accuracy) == {"all"}
    assert (quality.judged, quality.drawn) == (21, 0)


def test_with_little_feedback_no_figure_is_shown() -> None:
    with judged_scene(LEAST - 1, 0).open() as parts:
        assert judge(parts.view).accuracy == {}
        page = browser_of(parts).get("/quality").text
    assert "Too little feedback" in page
    assert f"{LEAST - 1} of the {LEAST}" in page


def test_a_correction_that_says_the_same_in_other_letters_counts_as_right() -> None:
    scene = DeskScene()
    document = scene.document("The error is FXP-4107, the FXP-4107. It is another one.")
    answer = scene.answer(document, "Which?", "FXP-4107")
    assert answer.candidate is not None
    same = answer.candidate.model_copy(update={"text": "the FXP-4107", "char_start": 23, "char_end": 35})
    tell(scene, document, answer, "corrected", span=same)
    with scene.open() as parts:
        quality = judge(parts.view)
    assert quality.judged == 1
    assert quality.verdicts["corrected"] == 1


def test_feedback_that_tells_nothing_of_the_candidate_is_left_out() -> None:
    scene = DeskScene()
    document = scene.document(TEXT)
    tell(scene, document, scene.answer(document, "Unsure?", "Tuesday"), "unsure")
    tell(scene, document, scene.answer(document, "Nothing?", None), "no_answer")
    old = scene.answer(document, "Old?", "Tuesday")
    tell(scene, scene.document("another text"), old, "no_answer")
    with scene.open() as parts:
        quality = judge(parts.view)
    assert quality.judged == 0
    assert quality.verdicts.total() == 3
