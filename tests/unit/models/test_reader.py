from __future__ import annotations

import multiprocessing
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.artifact import Artifact
from spanstream.models.errors import (
    ForkedReader,
    InferenceFailed,
    InvalidSpan,
    InvalidText,
    QuestionTooLong,
    SpanMismatch,
)
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.runner import ScoredWindow
from spanstream.models.reader import Answer, Reader
from spanstream.models.spans.quotes import Quote
from spanstream.models.text.retrieval import BlockIndex
from spanstream.models.text.tokenization import TokenizedDocument
from tests.support.model.damage import all_shifts
from tests.support.model.fake_reader import MANIFEST, MAX_LENGTH, LetterSession, fake_reader
from tests.support.model.texts import TEXTS
from tests.support.model.trained_tokenizers import trained

TEXT = "The train leaves at 10:42 from platform 7, and the next train leaves at 11:42."
QUESTIONS = ["when does the train leave?", "from platform?", "the next train?"]
LONG = " ".join(f"train {number} leaves at {number}:05 from platform {number}." for number in range(60))


def _is_verbatim(answer: Answer, text: str) -> bool:
    quote = answer.candidate
    return quote is not None and quote.text == text[quote.char_start : quote.char_end] != ""


def test_every_question_has_an_answer_that_is_a_piece_of_the_document() -> None:
    answers = fake_reader().read(TEXT, QUESTIONS)
    assert [answer.question for answer in answers] == QUESTIONS
    for answer in answers:
        assert _is_verbatim(answer, TEXT)
        assert 0 <= answer.confidence <= 1
        assert answer.precision == "int8"
        assert answer.windows_read == answer.windows_total > 0


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_any_text_can_be_read(text: str) -> None:
    (answer,) = fake_reader().read(text, ["when?"])
    assert (answer.candidate is None) == (answer.null_score_diff is None)
    if answer.candidate is None:
        assert (answer.confidence, answer.text) == (0.0, None)
    else:
        assert _is_verbatim(answer, text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab \u00e9\u20ac😀𝔸"), min_size=1, max_size=60) | TEXTS)
def test_on_request_a_quote_says_its_place_in_utf_16_units_too(text: str) -> None:
    (plain,), (answer,) = (fake_reader(utf16_offsets=wanted).read(text, ["when?"]) for wanted in (False, True))
    quote = answer.candidate
    if quote is None:
        assert plain.candidate is None
        return
    assert quote.utf16_start is not None
    assert quote.utf16_end is not None
    cut = text.encode("utf-16-le")[2 * quote.utf16_start : 2 * quote.utf16_end]
    assert cut.decode("utf-16-le") == quote.text
    assert plain.candidate == Quote(quote.text, quote.char_start, quote.char_end)


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u200b", "\x00\ufeff", "\u3000", "\x1b[1;31m\x1b[0m"])
def test_a_blank_document_has_no_candidate_and_is_not_read(text: str) -> None:
    session = LetterSession()
    (answer,) = fake_reader(session).read(text, ["when?"])
    assert (answer.candidate, answer.quote, answer.text, answer.null_score_diff) == (None, None, None, None)
    assert (answer.confidence, answer.windows_read, answer.windows_total) == (0.0, 0, 0)
    assert answer.precision == "int8"
    assert session.batches == 0


@pytest.mark.parametrize("char", "\u2800\u3164\u115f\u1160\uffa0")
def test_a_document_of_letters_that_nobody_sees_is_blank(char: str) -> None:
    (answer,) = fake_reader().read(f"{char}{char} {char}\n", ["when?"])
    assert (answer.candidate, answer.windows_read) == (None, 0)


def test_no_answer_begins_or_ends_with_what_nobody_sees() -> None:
    reader = fake_reader()
    for text in ("\u3164 train \u2800", "\u2800\u2800train\u3164", "the \u3164 train \u3164 leaves"):
        (answer,) = reader.read(text, ["when?"])
        assert answer.candidate is not None
        assert answer.candidate.text.strip("\u2800\u3164") == answer.candidate.text


@pytest.mark.parametrize(
    ("before", "after"),
    [("\x1b[1;31m", "\x1b[0m"), ("\x9b31m", "\x9b0m"), ("\x1b]8;;http://a.b/c\x07", "\x1b]8;;\x1b\\")],
)
def test_no_answer_carries_a_terminals_colours_or_links(before: str, after: str) -> None:
    text = f"{before}FXP-4107{after}"
    (answer,) = fake_reader().read(text, ["which error?"])
    assert _is_verbatim(answer, text)
    assert answer.candidate is not None
    assert answer.candidate.text in "FXP-4107"


def test_colours_around_a_word_change_no_answer() -> None:
    coloured = TEXT.replace("10:42", "\x1b[1;31m10:42\x1b[0m")
    plain = TEXT.replace("10:42", " " * 7 + "10:42" + " " * 4)
    answers = zip(fake_reader().read(coloured, QUESTIONS), fake_reader().read(plain, QUESTIONS), strict=True)
    for one, other in answers:
        assert one.candidate is not None
        assert other.candidate is not None
        assert (one.candidate.char_start, one.confidence) == (other.candidate.char_start, other.confidence)


def test_one_question_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="should be a list"):
        fake_reader().read(TEXT, "when?")


def test_half_a_character_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidText, match="a lone surrogate at character 4"):
        fake_reader().read("half\ud83d", ["when?"])
    with pytest.raises(InvalidText, match="a lone surrogate at character 0"):
        fake_reader().read(TEXT, ["\udc00"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_reader_that_was_loaded_before_a_fork_says_so() -> None:
    reader = fake_reader()
    reader.read(TEXT, QUESTIONS)  # its threads run
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()

    def read_in_child() -> None:
        try:
            reader.read(TEXT, QUESTIONS)
        except ForkedReader as error:
            said.put(str(error))

    child = context.Process(target=read_in_child, daemon=True)
    child.start()
    child.join(120)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert "load one in each process" in said.get()


def test_a_document_of_one_endless_word_has_no_candidate() -> None:
    (answer,) = fake_reader().read("ab" * 40, ["when?"])
    assert (answer.candidate, answer.confidence) == (None, 0.0)
    assert answer.windows_read == answer.windows_total > 0


def test_no_questions_are_no_answers() -> None:
    assert fake_reader().read(TEXT, []) == []


def test_a_candidate_below_the_threshold_is_no_answer() -> None:
    reader = fake_reader()
    (answer,) = reader.read(TEXT, QUESTIONS[:1])
    for threshold, given_ in ((0.0, True), (answer.confidence, True), (1.0, False)):
        careful = Reader(reader.artifact, reader.backends, threshold=threshold)
        (same,) = careful.read(TEXT, QUESTIONS[:1])
        assert same.candidate == answer.candidate
        assert same.threshold == threshold
        assert (same.quote is not None) == given_
        assert same.text == (same.candidate.text if given_ and same.candidate else None)


def test_a_long_document_is_read_in_its_best_windows_only() -> None:
    reader, everything = fake_reader(max_windows=3), fake_reader(max_windows=10_000)
    (answer,), (whole,) = (each_reader.read(LONG, ["train 41 platform 41?"]) for each_reader in (reader, everything))
    assert answer.windows_read == 3
    assert answer.windows_total == whole.windows_total == whole.windows_read > 10
    (plan,) = reader.plan(LONG, reader.tokenize(LONG), ["train 41 platform 41?"])
    read = [
        plan.text[plan.document.starts[window.token_start] : plan.document.ends[window.token_end - 1]]
        for window in plan.windows
    ]
    assert any("41:05" in text for text in read)


def test_the_index_of_a_long_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class _Counted(BlockIndex):
        def __init__(self, document: object) -> None:
            made.append(document)
            super().__init__(document)  # type: ignore[arg-type]  # it is what the reader gives

    monkeypatch.setattr("spanstream.models.reader.BlockIndex", _Counted)
    reader = fake_reader(max_windows=3)
    document = reader.tokenize(LONG)
    for question in QUESTIONS:
        reader.plan(LONG, document, [question])
    assert made == [document]


def test_the_index_of_a_text_that_is_forgotten_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def counting(document: TokenizedDocument) -> BlockIndex:
        made.append(document.text_sha256)
        return BlockIndex(document)

    monkeypatch.setattr("spanstream.models.reader.BlockIndex", counting)
    reader = fake_reader(max_windows=2)
    document = reader.tokenize(LONG)
    reader.plan(LONG, document, ["when?"])
    reader.forget("another text's")
    reader.plan(LONG, document, ["when?"])
    assert len(made) == 1
    reader.forget(document.text_sha256)
    reader.plan(LONG, document, ["when?"])
    assert len(made) == 2


def test_a_question_that_leaves_no_room_is_too_long() -> None:
    with pytest.raises(QuestionTooLong):
        fake_reader().read(LONG, ["train " * MAX_LENGTH])


def test_answers_do_not_depend_on_what_is_read_beside_them() -> None:
    texts = [LONG, TEXT, "platform 7.", "", LONG[:200]]
    reader = fake_reader()
    plans = [plan for text in texts for plan in reader.plan(text, reader.tokenize(text), QUESTIONS)]
    together = reader.score(plans)
    for text in texts:
        assert [reader.conclude(plan, together) for plan in plans if plan.text == text] == reader.read(text, QUESTIONS)


@given(st.permutations(QUESTIONS))
@settings(max_examples=6, deadline=None)
def test_answers_do_not_depend_on_the_order_of_questions(questions: list[str]) -> None:
    reader = fake_reader()
    expected = dict(zip(QUESTIONS, reader.read(TEXT, QUESTIONS), strict=True))
    assert reader.read(TEXT, questions) == [expected[question] for question in questions]


def test_a_failing_window_fails_its_question_and_no_other() -> None:
    reader = fake_reader()
    plans = reader.plan(TEXT, reader.tokenize(TEXT), ["the next train?", "the poison?", "from platform?"])
    outcomes = reader.score(plans)
    assert _is_verbatim(reader.conclude(plans[0], outcomes), TEXT)
    assert _is_verbatim(reader.conclude(plans[2], outcomes), TEXT)
    with pytest.raises(InferenceFailed):
        reader.conclude(plans[1], outcomes)


def test_a_damaged_tokenization_is_never_quoted_from() -> None:
    reader = fake_reader()
    document = reader.tokenize(TEXT)
    for damaged in all_shifts(document):
        plans = reader.plan(TEXT, damaged, QUESTIONS)
        outcomes = reader.score(plans)
        for plan in plans:
            with pytest.raises(SpanMismatch):
                reader.conclude(plan, outcomes)


def test_the_tokens_of_another_text_are_never_quoted_from() -> None:
    reader = fake_reader()
    plans = reader.plan(TEXT, reader.tokenize(TEXT + "!"), QUESTIONS)
    outcomes = reader.score(plans)
    for plan in plans:
        with pytest.raises(InvalidSpan):
            reader.conclude(plan, outcomes)


def test_an_answer_tells_the_precision_that_found_it() -> None:
    reader = fake_reader()
    gpu = Backend("letters on a GPU", "fp16", LetterSession(), parallel_runs=1, max_batch_tokens=512)
    backends = Backends(reader.backends.cpu, gpu, spill_seconds=1.0)
    assert backends.cpu is not None
    backends.ran(backends.cpu, 1, 100.0)  # so slow that everything spills
    spilling = Reader(reader.artifact, backends)
    assert [answer.precision for answer in spilling.read(TEXT, QUESTIONS)] == ["fp16"] * 3


def test_of_mixed_precisions_the_candidates_is_told() -> None:
    reader = fake_reader()
    precisions = set()
    for plan in reader.plan(LONG, reader.tokenize(LONG), [f"train {number}?" for number in range(5)]):
        outcomes = dict(reader.score([plan]))
        candidate = reader.conclude(plan, outcomes).candidate
        assert candidate is not None
        for place, (window, outcome) in enumerate(outcomes.items()):
            assert isinstance(outcome, ScoredWindow)
            outcomes[window] = ScoredWindow(outcome.span, f"window {place}")
        precision = reader.conclude(plan, outcomes).precision
        (scored,) = (
            outcome
            for outcome in outcomes.values()
            if isinstance(outcome, ScoredWindow) and outcome.precision == precision
        )
        assert scored.span.span is not None
        assert plan.document.starts[scored.span.span.first] == candidate.char_start
        precisions.add(precision)
    assert len(precisions) > 1


@pytest.mark.parametrize("kind", ["byte-level", "unigram-nfkc"])
def test_a_blank_document_is_not_read_where_the_tokenizer_has_tokens_for_it(kind: str) -> None:
    letters = fake_reader()
    artifact = Artifact(letters.artifact.folder, MANIFEST, trained(kind), letters.artifact.golden)
    reader = Reader(artifact, letters.backends)
    assert reader.tokenize("\u200b \n").size > 0
    (answer,) = reader.read("\u200b \n", ["when?"])
    assert (answer.candidate, answer.windows_total) == (None, 0)
