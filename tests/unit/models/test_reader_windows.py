"""A reader of windows of sentences keeps every promise that one of sliding windows keeps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.artifact import Artifact
from spanstream.models.defaults import WindowMode
from spanstream.models.errors import QuestionTooLong
from spanstream.models.explaining.explain import explain
from spanstream.models.reader import Reader
from spanstream.models.text.sentence_windows import SentenceMap
from spanstream.models.text.tokenization import TokenizedDocument
from tests.support.model.fake_reader import MANIFEST, MAX_LENGTH, fake_reader
from tests.support.model.texts import TEXTS

SHORT = "The train leaves at 10:42 from platform 7."
LONG = " ".join(f"Train {number} goes at {number}:05." for number in range(60))
QUESTIONS = ["when does the train leave?", "from platform?", "the next train?"]
LONG_TEXTS = st.lists(st.sampled_from([SHORT + " ", "- late\n", "word " * 40]) | TEXTS, min_size=3, max_size=12)


def _texts_of(reader: Reader, text: str, question: str) -> list[str]:
    (plan,) = reader.plan(text, reader.tokenize(text), [question])
    starts, ends = plan.document.starts, plan.document.ends
    return [text[starts[window.token_start] : ends[window.token_end - 1]] for window in plan.windows]


def test_windows_are_of_whole_sentences_if_that_is_asked_for_and_slide_if_not() -> None:
    for text in _texts_of(fake_reader(windows="sentences"), LONG, QUESTIONS[0]):
        assert text.startswith("Train ")
        assert text.endswith(".")
    assert not all(text.startswith("Train ") for text in _texts_of(fake_reader(), LONG, QUESTIONS[0]))


def test_the_artifact_says_how_documents_are_cut_unless_something_else_is_asked_for() -> None:
    plain = fake_reader()
    manifest = MANIFEST.model_copy(update={"windows": "sentences"})
    artifact = Artifact(plain.artifact.folder, manifest, plain.artifact.tokenizer, plain.artifact.golden)
    of_sentences = _texts_of(fake_reader(windows="sentences"), LONG, QUESTIONS[0])
    assert _texts_of(Reader(artifact, plain.backends), LONG, QUESTIONS[0]) == of_sentences
    sliding = Reader(artifact, plain.backends, windows="sliding")
    assert _texts_of(sliding, LONG, QUESTIONS[0]) == _texts_of(plain, LONG, QUESTIONS[0]) != of_sentences


def test_readers_of_sentences_cut_alike_only_with_the_same_longest_answer() -> None:
    plain = fake_reader()
    manifest = MANIFEST.model_copy(update={"max_answer_tokens": MANIFEST.max_answer_tokens // 2})
    artifact = Artifact(plain.artifact.folder, manifest, plain.artifact.tokenizer, plain.artifact.golden)
    shorter = Reader(artifact, plain.backends, windows="sentences")
    assert not shorter.plans_as(fake_reader(windows="sentences"))
    assert Reader(artifact, plain.backends).plans_as(plain)  # sliding windows share as much whatever the answers are


def test_a_text_that_fits_into_one_window_is_read_as_ever_and_no_sentence_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> SentenceMap:
        raise AssertionError

    monkeypatch.setattr("spanstream.models.reader.SentenceMap", never)
    assert fake_reader(windows="sentences").read(SHORT, QUESTIONS) == fake_reader().read(SHORT, QUESTIONS)


def test_sentences_are_found_once_for_all_questions_and_again_when_the_text_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counting(document: TokenizedDocument, text: str) -> SentenceMap:
        made.append(document.text_sha256)
        return SentenceMap(document, text)

    monkeypatch.setattr("spanstream.models.reader.SentenceMap", counting)
    reader = fake_reader(windows="sentences", max_windows=2)
    document = reader.tokenize(LONG)
    for question in QUESTIONS:
        reader.plan(LONG, document, [question])
    assert len(made) == 1
    reader.forget(document.text_sha256)
    reader.plan(LONG, document, QUESTIONS)
    assert len(made) == 2


def test_bm25_picks_among_windows_of_sentences() -> None:
    few, all_of_them = (fake_reader(windows="sentences", max_windows=most) for most in (2, 1000))
    read, every = (_texts_of(reader, LONG, "train 31 goes at 31?") for reader in (few, all_of_them))
    assert len(read) == 2 < len(every)
    assert set(read) < set(every)
    assert any("31:05" in text for text in read)


@pytest.mark.parametrize("mode", ["sentences", "sliding"])
def test_an_alternative_lies_in_the_window_that_it_names(mode: WindowMode) -> None:
    reader = fake_reader(windows=mode, max_windows=1000)
    text = " ".join(f"Train {number} {'goes ' * (number % 9)}at {number}:05." for number in range(60))
    document = reader.tokenize(text)
    for question in QUESTIONS:
        [plan] = reader.plan(text, document, [question])
        assert [window.number for window in plan.windows] == list(range(1, plan.total_windows + 1))
        [answer] = reader.read(text, [question], max_answers=20)
        assert answer.alternatives
        for other in answer.alternatives:
            window = plan.windows[other.window - 1]
            assert document.starts[window.token_start] <= other.quote.char_start
            assert other.quote.char_end <= document.ends[window.token_end - 1]


def test_a_question_that_leaves_no_room_is_too_long() -> None:
    with pytest.raises(QuestionTooLong):
        fake_reader(windows="sentences").read(LONG, ["train " * MAX_LENGTH])


@settings(max_examples=40, deadline=None)
@given(LONG_TEXTS.map("".join))
def test_answers_are_verbatim_the_same_every_time_and_in_any_batch_and_explained(text: str) -> None:
    reader = fake_reader(windows="sentences", max_windows=4)
    together = reader.read(text, QUESTIONS)
    for question, answer in zip(QUESTIONS, together, strict=True):
        assert [answer] == fake_reader(windows="sentences", max_windows=4).read(text, [question])
        if (quote := answer.candidate) is not None:
            assert quote.text == text[quote.char_start : quote.char_end] != ""
        said = explain(reader, text, question)
        assert said.is_valid
        assert (said.confidence, len(said.windows)) == (answer.confidence, answer.windows_total)
        assert sum(window.is_read for window in said.windows) == answer.windows_read
