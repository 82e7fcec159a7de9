"""What `explain` says of an answer is what the reader did; a session that the test scripts points at its words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.explaining.explain import explain
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits
from spanstream.models.reader import Reader
from tests.support.model.damage import resealed, shifted
from tests.support.model.fake_reader import TOKENIZER, LetterSession, fake_reader
from tests.support.model.small_tokenizer import small_tokenizer

TEXT = "the train leaves at 9 from platform 4"
WORDS = ("the", "train", "leaves", "at", "9", "from", "platform.", "[", ".", "é", "\u200b", "4-7")
FAR = "the train leaves. " * 60  # several windows


class PointingSession(LetterSession):
    """Gives these tokens, spelled as in the vocabulary, these logits; [CLS] has `null`, all others -9."""

    def __init__(self, null: float, **pointed: float) -> None:
        super().__init__()
        self._null, self._pointed = null, {TOKENIZER.token_id(token): logit for token, logit in pointed.items()}

    def run(self, batch: Batch) -> Logits:
        logits = np.full(batch.input_ids.shape, -9.0, dtype=np.float32)
        logits[:, 0] = self._null
        for token, logit in self._pointed.items():
            logits[(batch.input_ids == token) & (batch.token_type_ids == 1)] = logit
        return Logits(logits, logits.copy())


def pointing(null: float = 0.0, *, max_windows: int = 32, threshold: float = 0.5, **pointed: float) -> Reader:
    reader = fake_reader(PointingSession(null, **pointed))
    return Reader(reader.artifact, reader.backends, max_windows=max_windows, threshold=threshold)


@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_it_ranks_the_answers_that_the_reader_gives(words: list[str]) -> None:
    reader, text = fake_reader(), " ".join(words)
    (answer,) = reader.read(text, ["which train?"], max_answers=5)
    ranked = explain(reader, text, "which train?", max_answers=5).ranked
    assert explain(reader, text, "which train?").ranked == ()
    assert [(one.rank, one.text) for one in ranked] == list(
        enumerate([quote.text for quote in (answer.candidate, *(one.quote for one in answer.alternatives)) if quote], 1)
    )
    for one, other in zip(ranked[1:], answer.alternatives, strict=True):
        places = (other.quote.char_start, tuple(quote.char_start for quote in other.further))
        assert (one.char_start, one.further) == places
        assert (one.window, one.null_score_diff, one.confidence) == (other.window, other.null_score_diff, None)


@pytest.mark.parametrize(
    ("threshold", "verdict", "became"), [(0.0, "answered", "given"), (1.0, "no_answer", "below_threshold")]
)
def test_a_questions_own_least_confidence_decides_in_the_place_of_the_readers(
    threshold: float, verdict: str, became: str
) -> None:
    said = explain(pointing(null=4.6, platform=5), TEXT, "which?", expected="platform", threshold=threshold)
    assert (said.verdict, said.threshold, said.expected[0].verdict) == (verdict, threshold, became)


@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_it_says_what_the_reader_answers(words: list[str]) -> None:
    reader, text = fake_reader(max_windows=3), " ".join(words)
    (answer,) = reader.read(text, ["which train?"])
    said = explain(reader, text, "which train?")
    assert (said.confidence, said.null_score_diff, said.threshold) == (
        answer.confidence,
        answer.null_score_diff,
        answer.threshold,
    )
    assert (said.verdict == "answered") == (answer.text is not None)
    assert (answer.candidate is None) == (said.candidate is None)
    if answer.candidate is None or said.candidate is None:
        return
    assert said.candidate.text == answer.candidate.text
    assert said.candidate.start_logit + said.candidate.end_logit == pytest.approx(said.candidate.score)
    log_odds = said.bias + sum(feature.share for feature in said.features)
    assert said.confidence == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert sum(window.is_read for window in said.windows) == answer.windows_read
    assert len(said.windows) == answer.windows_total
    assert [token.number for token in said.neighbourhood if token.in_span] == list(
        range(said.candidate.first_token, said.candidate.last_token + 1)
    )
    assert all(check.problem is None for check in said.validation)
    assert len(said.validation) == 5


@pytest.mark.parametrize(
    ("reader", "text", "expected", "verdict"),
    [
        (pointing(platform=5), TEXT, "platform", "given"),
        (pointing(null=4.6, threshold=0.9, platform=5), TEXT, "platform", "below_threshold"),
        (pointing(null=7, platform=5), TEXT, "platform", "lost_to_null"),
        (pointing(platform=5, train=4), TEXT, "train", "lost_to_span"),
        (pointing(platform=5), TEXT, "plat", "not_whole_words"),
        (pointing(platform=5), TEXT + " abcdefghij", "abcdefghij", "too_long"),
        (pointing(max_windows=1, train=5), FAR + " at platform", "platform", "window_not_read"),
        (pointing(platform=5), TEXT + " \ue000", "\ue000", "no_token"),
    ],
)
def test_it_says_what_became_of_the_expected_answer(reader: Reader, text: str, expected: str, verdict: str) -> None:
    said = explain(reader, text, "the train?", expected=expected)
    assert verdict in {place.verdict for place in said.expected}
    place = next(place for place in said.expected if place.verdict == verdict)
    assert text[place.char_start : place.char_end] == expected
    assert said.expected_problem is None


def test_every_place_of_the_expected_answer_is_told() -> None:
    said = explain(pointing(train=5), "train train at train", "?", expected="train")
    assert [place.char_start for place in said.expected] == [0, 6, 15]
    assert [place.verdict for place in said.expected] == ["given", "lost_to_span", "lost_to_span"]


@pytest.mark.parametrize(
    ("expected", "problem"),
    [("Train", "in other letters"), ("train  leaves", "other white space"), ("a plane", "does not stand in the text")],
)
def test_what_does_not_stand_in_the_text_is_told_apart(expected: str, problem: str) -> None:
    said = explain(pointing(train=5), TEXT, "?", expected=expected)
    assert said.expected == ()
    assert problem in (said.expected_problem or "")


def test_of_a_long_document_it_says_which_windows_bm25_chose_and_by_which_words() -> None:
    said = explain(pointing(max_windows=2, platform=5), FAR + "from platform 4", "platform 4?")
    read = [window for window in said.windows if window.is_read]
    assert len(read) == 2 < len(said.windows)
    assert max(said.windows, key=lambda window: window.bm25 or 0.0).is_read
    assert {"platform", "4"} <= {piece for window in read for piece in window.shared}


def test_a_blank_document_has_nothing_to_explain() -> None:
    said = explain(fake_reader(), " \n", "?", expected="x")
    assert (said.candidate, said.windows, said.confidence, said.verdict) == (None, (), 0.0, "no_answer")


@pytest.mark.parametrize(("by", "in_tokens"), [(3, False), (-2, False), (1, True), (-2, True)])
def test_shifted_offsets_are_named_with_how_far(by: int, *, in_tokens: bool) -> None:
    reader = pointing(platform=5)
    kept = resealed(shifted(reader.tokenize(TEXT), by, "both", in_tokens=in_tokens))
    said = explain(reader, TEXT, "?", document=kept)
    assert said.verdict == "dead letter"
    assert said.damage is not None
    assert ("characters" in said.damage, "tokens" in said.damage) == (not in_tokens, in_tokens)
    assert f"{by:+d}" in said.damage
    assert said.validation[-1].problem is not None


def test_another_tokenizer_and_another_text_are_named() -> None:
    reader = pointing(platform=5)
    foreign = explain(reader, TEXT, "?", document=small_tokenizer("other").tokenize_document(TEXT))
    assert "another tokenizer" in (foreign.damage or "")
    older = explain(reader, TEXT, "?", document=reader.tokenize(TEXT + " now"))
    assert "another text" in (older.damage or "")
    assert {foreign.verdict, older.verdict} == {"dead letter"}


def test_sound_tokens_that_were_kept_are_not_blamed() -> None:
    reader = pointing(platform=5)
    said = explain(reader, TEXT, "?", document=reader.tokenize(TEXT))
    assert (said.damage, said.verdict) == (None, "answered")
