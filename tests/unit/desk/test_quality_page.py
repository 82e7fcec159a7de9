"""The page of quality: what the feedback says of the answers, with its intervals, and when it says nothing yet."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from spanstream.consumer.desk.view.judging import LEAST, judge
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import ModelSettings
from spanstream.models.artifact import load_artifact
from spanstream.models.drift.comparison import LEAST_QUESTIONS
from spanstream.models.labelling.labels import SAMPLING
from spanstream.schemas.answer_parts import ModelInfo
from spanstream.schemas.events import Answer, Document
from spanstream.schemas.feedback import Feedback, Verdict
from tests.support.desk.desk_scene import BEGAN, MODEL, TOPICS, DeskScene, browser_of

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


def test_each_version_of_a_model_is_judged_by_its_own_answers() -> None:
    scene = judged_scene(LEAST, 0)
    newer = MODEL.model_copy(update={"version": "2.0.0"})
    for number in range(LEAST):  # what people said of the first model's answers tells of the second one's
        document = Document(document_id=f"ticket-{number}", text=TEXT)
        quote = "FXP-4107" if number < LEAST // 2 else "Tuesday"
        scene.answer(document, "Which error?", quote, question_id=f"q-{number + 1}", model=newer)
    with scene.open() as parts:
        after, before = judge(parts.view).models
        page = browser_of(parts).get("/quality").text
    assert (before.model, after.model) == ("minilm 1.4.0", "minilm 2.0.0")
    assert before.right is not None
    assert after.right is not None
    assert (before.right.value, after.right.value) == (1.0, 0.5)
    assert after.drawn == LEAST
    assert page.index("minilm 2.0.0") < page.index("minilm 1.4.0")


def test_too_few_judged_answers_of_a_model_make_no_share() -> None:
    with judged_scene(2, 1).open() as parts:
        [one] = judge(parts.view).models
        page = browser_of(parts).get("/quality").text
    assert (one.answers, one.given, one.judged, one.right) == (3, 3, 3, None)
    assert f"3 of the {LEAST} that it takes" in page


def shipped_model() -> ModelInfo:
    manifest = load_artifact(ModelSettings().path).manifest  # type: ignore[arg-type]  # the bundled one is a folder
    names = {"name": manifest.name, "version": manifest.version}
    return ModelInfo(**names, precision="int8", calibration=manifest.calibration.name)


def test_drift_is_compared_when_it_is_asked_for_and_stays_on_the_page() -> None:
    scene, model = DeskScene(), shipped_model()
    for number in range(LEAST_QUESTIONS):
        document = scene.document(f"{TEXT} It is case {number}.", document_id=f"ticket-{number}")
        scene.answer(document, "Which error?", "FXP-4107", model=model)
    with scene.open() as parts:
        browser = browser_of(parts)
        assert "figures have moved" not in browser.get("/quality").text
        page = browser.get("/quality?drift=1").text
        assert "figures have moved" in page
        assert "shorter documents" in page
        assert f"{LEAST_QUESTIONS} answers since 2026-02-01" in page
        assert "shorter documents" in browser.get("/quality").text


def test_too_few_answers_are_not_compared() -> None:
    scene = DeskScene()
    scene.answer(scene.document(TEXT), "Which error?", "FXP-4107")
    with scene.open() as parts:
        page = browser_of(parts).get("/quality?drift=1").text
    assert "too few" in page
    assert "Left out: 1 by another model" in page


def test_why_drift_cannot_be_compared_is_told_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with DeskScene().open() as parts:
        monkeypatch.setattr(parts.drift, "compare", Mock(side_effect=Stop("the artifact has no reference")))
        reply = browser_of(parts).get("/quality?drift=1")
    assert reply.status_code == 200
    assert "Not compared: <bdi>the artifact has no reference" in reply.text
