from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spanstream.models.artifact import Artifact, seal_of
from spanstream.models.errors import InvalidSpan
from spanstream.models.reader import Answer, Reader
from spanstream.models.spans.alternatives_calibration import AlternativesCalibration
from spanstream.models.spans.quotes import Quote
from tests.support.model.damage import all_shifts
from tests.support.model.fake_reader import MANIFEST, LetterSession, fake_reader
from tests.support.model.texts import TEXTS
from tests.support.model.word_cuts import cuts_word

TEXT = "The export stops with FXP-4107 since Tuesday. On Tuesday, FXP-4108 and FXP-4107 came back; FXP-4107 again."
LONG = " ".join(f"train {number} leaves at {number % 7}:05 from platform {number % 9}." for number in range(60))
QUESTION = "which train?"
REPEATED = st.lists(st.sampled_from(["train", "7", "platform 7", "x7", "at", "7.5", "\n", "zug"]), max_size=60).map(
    " ".join
)


def calibrated_reader(session: LetterSession | None = None) -> Reader:
    """Makes a reader whose artifact has weights for alternatives."""
    reader = fake_reader(session)
    weights = AlternativesCalibration(bias=-1.0, weights={"null_score_diff": -0.2, "log_probability": 0.1})
    calibration = MANIFEST.calibration.model_copy(update={"alternatives": weights})
    manifest = MANIFEST.model_copy(update={"calibration": calibration})
    artifact = Artifact(reader.artifact.folder, manifest, reader.artifact.tokenizer, reader.artifact.golden)
    return Reader(artifact, reader.backends)


def places(answer: Answer) -> list[Quote]:
    others = [quote for one in answer.alternatives for quote in (one.quote, *one.further)]
    return [*([answer.candidate] if answer.candidate else []), *answer.further, *others]


@settings(max_examples=100)
@given(REPEATED | TEXTS, st.integers(2, 20))
def test_all_places_of_all_answers_are_verbatim_whole_words_that_do_not_overlap(text: str, most: int) -> None:
    assume("\x1b" not in text and "\x9b" not in text)  # what is cut beside an escape sequence looks like half a word
    (answer,) = fake_reader().read(text, [QUESTION], max_answers=most)
    quotes = places(answer)
    for quote in quotes:
        assert quote.text == text[quote.char_start : quote.char_end] != ""
        assert not cuts_word(text, quote.char_start)
        assert not cuts_word(text, quote.char_end)
    in_order = sorted(quotes, key=lambda quote: quote.char_start)
    assert all(one.char_end <= other.char_start for one, other in pairwise(in_order))
    assert len(answer.alternatives) < most


@settings(max_examples=100)
@given(REPEATED | TEXTS)
def test_no_text_is_given_twice_and_the_best_come_first(text: str) -> None:
    (answer,) = fake_reader().read(text, [QUESTION], max_answers=20)
    texts = Counter(one.quote.text for one in answer.alternatives)
    texts.update([answer.candidate.text] if answer.candidate else [])
    assert set(texts.values()) <= {1}
    scores = [one.null_score_diff for one in answer.alternatives]
    assert scores == sorted(scores)
    assert answer.null_score_diff is None or answer.null_score_diff <= min(scores, default=answer.null_score_diff)
    assert all({quote.text for quote in one.further} <= {one.quote.text} for one in answer.alternatives)


@settings(max_examples=60)
@given(REPEATED | TEXTS)
def test_one_answer_is_what_it_was_before_there_were_several(text: str) -> None:
    (plain,), (one,), (several,) = (
        reader.read(text, [QUESTION], **options)
        for reader, options in (
            (fake_reader(), {}),
            (fake_reader(), {"max_answers": 1}),
            (calibrated_reader(), {"max_answers": 20}),
        )
    )
    assert plain == one
    assert (plain.further, plain.alternatives) == ((), ())
    assert replace(several, further=(), alternatives=()) == plain


def test_answers_are_the_same_alone_and_in_any_batch() -> None:
    reader = calibrated_reader()
    questions = [f"which train leaves at {hour}?" for hour in range(6)]
    together = reader.read(LONG, questions, max_answers=10)
    assert together == [calibrated_reader().read(LONG, [question], max_answers=10)[0] for question in questions]
    assert {one.window for answer in together for one in answer.alternatives} > {1, 2}
    assert max(one.window for answer in together for one in answer.alternatives) <= together[0].windows_total


def test_further_places_are_where_the_text_stands_in_all_of_the_document_read_or_not() -> None:
    text = "the train leaves at 7:05, train 7 is late. " * 60
    (answer,) = fake_reader(max_windows=2).read(text, [QUESTION], max_answers=3)
    assert answer.windows_read == 2 < answer.windows_total
    assert answer.candidate is not None
    for quote, further in [
        (answer.candidate, answer.further),
        *((one.quote, one.further) for one in answer.alternatives),
    ]:
        starts = [place.char_start for place in further]
        assert len(starts) > 50
        assert starts == sorted(starts)
        assert len({start % 43 for start in starts} | {quote.char_start % 43}) <= text[:43].count(quote.text)


def test_a_place_in_utf_16_units_is_told_of_alternatives_too() -> None:
    text = f"😀 {TEXT}"
    (answer,) = fake_reader(utf16_offsets=True).read(text, [QUESTION], max_answers=20)
    assert answer.alternatives
    for quote in places(answer):
        assert quote.utf16_start == quote.char_start + (quote.char_start > 0)


def test_without_weights_for_alternatives_their_confidence_is_not_told() -> None:
    (answer,) = fake_reader().read(LONG, [QUESTION], max_answers=5)
    assert [one.confidence for one in answer.alternatives] == [None] * 4


def test_an_alternative_is_never_surer_than_the_candidate() -> None:
    for answer in calibrated_reader().read(LONG, [f"train {number}?" for number in range(20)], max_answers=20):
        assert len(answer.alternatives) > 10
        assert all(
            one.confidence is not None and 0 < one.confidence <= answer.confidence for one in answer.alternatives
        )


def test_damaged_tokens_give_no_answer_and_no_alternative() -> None:
    reader = fake_reader()
    for damaged in all_shifts(reader.tokenize(TEXT)):
        plans = reader.plan(TEXT, damaged, [QUESTION], max_answers=20)
        outcomes = reader.score(plans)
        with pytest.raises(InvalidSpan):
            reader.conclude(plans[0], outcomes)


def test_an_artifact_from_before_there_were_alternatives_keeps_its_seal() -> None:
    assert "alternatives" not in MANIFEST.model_dump_json()
    assert seal_of(MANIFEST) != seal_of(calibrated_reader().artifact.manifest)
