"""Inference of a chunk: one record's poison is its own, and never its neighbours'."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.planned import PlannedQuestion, PreparedChunk
from spanstream.consumer.cache.memory_store import MemoryStore
from spanstream.consumer.cache.token_cache import CacheCounts, TokenCache
from spanstream.consumer.settings import RetrySettings
from spanstream.models.collection import CollectionReader
from spanstream.models.reader import Reader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.codec import decode_answer, decode_question
from spanstream.schemas.dead_letters import DeadLetter, Reason, Stage, from_headers
from spanstream.schemas.limits import Limits
from tests.support.events.asked import TOPICS, asked
from tests.support.memory.fake_time import FakeClock
from tests.support.model.damage import resealed
from tests.support.model.fake_reader import MANIFEST, TOKENIZER, LetterSession, fake_reader

OUTCOMES = Outcomes(TOPICS, RetrySettings(), MANIFEST, source="s", clock=FakeClock())
Cache = TokenCache[TokenizedDocument]
TEXT = "The train leaves at 07:05 from platform 3."


def planned(reader: Reader, name: str, question: str, text: str = TEXT, max_answers: int = 1) -> PlannedQuestion:
    record = asked(name, None, context=text, question=question, max_answers=max_answers)
    plan = reader.plan(text, reader.tokenize(text), [question], max_answers=max_answers)[0]
    return PlannedQuestion(record, decode_question(record.value or b"", Limits()), plan)


def cache_of(tokenize: Callable[[str], TokenizedDocument], store: MemoryStore | None = None) -> Cache:
    return TokenCache(tokenize, token_codec, fingerprint=TOKENIZER.fingerprint, store=store, clock=lambda: 0.0)


def answer(
    reader: Reader,
    *chunk: PlannedQuestion,
    outcomes: tuple[RecordOutcome, ...] = (),
    cache: Cache | None = None,
) -> list[RecordOutcome]:
    prepared = PreparedChunk(tuple(question.record for question in chunk), tuple(chunk), outcomes)
    return Answerer(reader, CollectionReader(reader), OUTCOMES, cache or cache_of(reader.tokenize)).answer(prepared)


def letter(outcome: RecordOutcome) -> DeadLetter:
    assert outcome.outgoing.topic == TOPICS.dead_letters
    return from_headers(outcome.outgoing.headers)


def test_every_question_is_answered_in_order_with_a_piece_of_its_text() -> None:
    reader = fake_reader()
    outcomes = answer(reader, planned(reader, "a", "where from ?"), planned(reader, "b", "at what time ?"))
    answers = [decode_answer(outcome.outgoing.value or b"") for outcome in outcomes]
    assert [read.question_id for read in answers] == ["a", "b"]
    for event in answers:
        assert event.candidate is not None
        assert TEXT[event.candidate.char_start : event.candidate.char_end] == event.candidate.text


def test_a_question_for_several_answers_gets_them_and_all_else_of_its_answer_is_what_it_was() -> None:
    reader = fake_reader()
    one, several = answer(reader, planned(reader, "a", "when ?"), planned(reader, "a", "when ?", max_answers=3))
    event = json.loads(several.outgoing.value or b"")
    alternatives = [decode_answer(several.outgoing.value or b"").candidate, *event.pop("alternatives")]
    event.pop("further_places", None)
    assert event == json.loads(one.outgoing.value or b"")
    assert len(alternatives) == 3
    for alternative in alternatives[1:]:
        assert set(alternative) - {"further_places"} == {"span", "confidence", "null_score_diff", "window"}
        assert TEXT[alternative["span"]["char_start"] : alternative["span"]["char_end"]] == alternative["span"]["text"]


def test_what_was_settled_before_comes_out_as_it_is() -> None:
    reader = fake_reader()
    before = OUTCOMES.dead_letter(asked("x"), Reason.UNDECODABLE, "no", Stage.DECODE)
    outcomes = answer(reader, planned(reader, "a", "where from ?"), outcomes=(before,))
    assert outcomes[0] is before
    assert len(outcomes) == 2


def test_a_chunk_without_questions_runs_nothing() -> None:
    session = LetterSession()
    assert answer(fake_reader(session)) == []
    assert session.batches == 0


def test_a_window_that_the_session_refuses_is_one_dead_letter() -> None:
    reader = fake_reader()
    outcomes = answer(
        reader, planned(reader, "a", "why ?"), planned(reader, "b", "poison ?"), planned(reader, "c", "?")
    )
    assert [outcome.reason for outcome in outcomes] == [None, Reason.INFERENCE_FAILED, None]
    assert letter(outcomes[1]).stage is Stage.INFER


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_an_exception_is_bisected_down_to_the_records_that_raise_it(crashes: list[bool]) -> None:
    reader = fake_reader()
    chunk = [planned(reader, f"q{place}", "crash ?" if crash else "why ?") for place, crash in enumerate(crashes)]
    outcomes = answer(reader, *chunk)
    assert [outcome.reason is Reason.INFERENCE_FAILED for outcome in outcomes] == crashes
    alone = [answer(reader, question)[0].outgoing.value for question in chunk]
    assert [outcome.outgoing.value for outcome in outcomes] == alone


def test_what_an_exception_says_is_told_to_nobody() -> None:
    reader = fake_reader()
    with structlog.testing.capture_logs() as logs:
        (outcome,) = answer(reader, planned(reader, "a", "crash ?"))
    assert letter(outcome).detail == "reading raised ZeroDivisionError"
    (line,) = logs
    assert (line["event"], line["error"], "exc_info" in line) == ("reading_failed", "ZeroDivisionError", False)
    assert "fake_reader.py:" in line["at"]
    assert "told" not in str(line)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(TEXT.upper() + "!", Reason.DOCUMENT_CHANGED), (TEXT, Reason.SPAN_MISMATCH)],
)
def test_a_span_that_fails_validation_is_a_dead_letter_with_its_candidate(text: str, reason: Reason) -> None:
    reader = fake_reader()
    whole = planned(reader, "a", "where from ?")
    document = whole.plan.document
    if reason is Reason.SPAN_MISMATCH:
        document = replace(document, ends=document.ends - 1)
    windows = tuple(replace(window, document=document) for window in whole.plan.windows)
    damaged = replace(whole, plan=replace(whole.plan, text=text, document=document, windows=windows))
    (outcome,) = answer(reader, damaged, cache=cache_of(lambda _: document))  # tokenized anew it is the same
    assert outcome.reason is reason
    assert letter(outcome).stage is Stage.VALIDATE
    assert letter(outcome).candidate is not None


def shifted(document: TokenizedDocument) -> TokenizedDocument:
    return replace(document, starts=np.roll(document.starts, 1), ends=np.roll(document.ends, 1))


def poisoned(document: TokenizedDocument) -> TokenizedDocument:
    return replace(document, ids=np.full_like(document.ids, TOKENIZER.token_id("poison")))


def crashing(document: TokenizedDocument) -> TokenizedDocument:
    return replace(document, ids=np.full_like(document.ids, TOKENIZER.token_id("crash")))


@pytest.mark.parametrize("forge", [shifted, poisoned, crashing])
def test_a_forged_entry_of_the_store_costs_no_answer_and_is_healed(
    forge: Callable[[TokenizedDocument], TokenizedDocument],
) -> None:
    reader, store, sha256 = fake_reader(), MemoryStore(), sha256_of(TEXT)
    right = reader.tokenize(TEXT)
    key = f"spanstream:tokens:{TOKENIZER.fingerprint}:{sha256}"
    store.set_many({key: token_codec.encode(resealed(forge(right)))})
    cache = cache_of(reader.tokenize, store)
    forged = cache.get_many({sha256: TEXT})[sha256]
    assert cache.counts == CacheCounts(hits_store=1)
    questions = [planned(reader, "a", "where from ?"), planned(reader, "b", "when ?", max_answers=5)]
    expected = [outcome.outgoing.value for outcome in answer(reader, *questions)]

    def about_forged(question: PlannedQuestion) -> PlannedQuestion:
        [plan] = reader.plan(TEXT, forged, [question.question.question], max_answers=question.plan.max_answers)
        return replace(question, plan=plan)

    with structlog.testing.capture_logs() as logs:
        outcomes = answer(reader, *map(about_forged, questions), cache=cache)
    assert [outcome.outgoing.value for outcome in outcomes] == expected
    assert {line["event"] for line in logs} == {"wrong_tokens_renewed"}
    assert store.get_many([key]) == {key: token_codec.encode(right)}
    assert (cache.counts.misses, cache.counts.bad_entries) == (1, 1)
    other = cache_of(reader.tokenize, store)
    assert token_codec.encode(other.get_many({sha256: TEXT})[sha256]) == token_codec.encode(right)
    assert other.counts == CacheCounts(hits_store=1)


def test_a_question_that_fails_with_the_right_tokens_too_is_a_dead_letter_at_once() -> None:
    reader = fake_reader()
    cache = cache_of(reader.tokenize)
    outcomes = answer(reader, planned(reader, "a", "poison ?"), planned(reader, "b", "crash ?"), cache=cache)
    assert [outcome.reason for outcome in outcomes] == [Reason.INFERENCE_FAILED] * 2
    assert cache.counts.bad_entries == 0
