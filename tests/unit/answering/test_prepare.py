"""From records to windows: which questions are planned, which have an outcome at once, how much goes into a chunk."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from spanstream.consumer.answering.outcomes import Outcomes, RecordOutcome
from spanstream.consumer.answering.planned import PreparedChunk
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.question_record import QuestionRecord, read_retry_headers
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.errors import Retryable
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import RetrySettings
from spanstream.models.collection import CollectionReader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument, sha256_of
from spanstream.schemas.dead_letters import Reason, Retry, Stage, from_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from tests.support.events.asked import TOPICS, asked, retried
from tests.support.memory.fake_time import FakeClock
from tests.support.memory.stub_documents import StubDocuments
from tests.support.memory.translators import Away
from tests.support.model.fake_reader import MANIFEST, TOKENIZER, fake_reader

TEXT = "The train leaves at 07:05 from platform 3."


class PrepareRig:
    def __init__(
        self,
        *,
        max_windows: int = 100,
        max_bytes: int = 1 << 20,
        limits: Limits | None = None,
        formats: EventFormats | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.documents = StubDocuments(self.clock, {(0, "d"): TEXT})
        self.tokenized: list[str] = []
        self.reader = fake_reader()
        documents: Any = self.documents
        outcomes = Outcomes(TOPICS, RetrySettings(max_attempts=3), MANIFEST, source="s", clock=self.clock)
        self.preparer = Preparer(
            self.reader,
            documents,
            CollectionResolver(
                None, documents, CollectionReader(self.reader), outcomes, metrics=Metrics().retrieval, clock=self.clock
            ),
            TokenCache(self._tokenize, token_codec, fingerprint=TOKENIZER.fingerprint),
            outcomes,
            formats=formats or EventFormats(limits or Limits()),
            max_windows=max_windows,
            max_bytes=max_bytes,
            clock=self.clock,
        )

    def _tokenize(self, text: str) -> TokenizedDocument:
        self.tokenized.append(text)
        if "unbearable" in text:
            raise RuntimeError(text)
        return self.reader.tokenize(text)

    def outcome(self, record: QuestionRecord, **options: Any) -> RecordOutcome:
        """Returns what a record leads to that is not planned."""
        prepared, left = self.preparer.prepare([record], **options)
        assert (prepared.records, prepared.planned, left) == ((record,), (), [])
        return prepared.outcomes[0]

    def dead_letter(self, record: QuestionRecord) -> tuple[Reason, Stage]:
        letter = from_headers(self.outcome(record).outgoing.headers)
        return letter.reason, letter.stage

    def retry(self, record: QuestionRecord, **options: Any) -> Retry:
        outcome = self.outcome(record, **options)
        assert outcome.outcome == "retried"
        retry = Retry.from_headers(outcome.outgoing.headers)
        assert retry is not None
        return retry


@pytest.fixture
def rig() -> PrepareRig:
    return PrepareRig()


def names(prepared: PreparedChunk) -> list[str]:
    return [planned.question.question_id for planned in prepared.planned]


def test_a_question_about_a_document_is_planned_with_its_windows(rig: PrepareRig) -> None:
    prepared, left = rig.preparer.prepare([asked()])
    assert left == []
    assert prepared.outcomes == ()
    (planned,) = prepared.planned
    assert planned.plans[0].text == TEXT
    assert planned.plans[0].document.text_sha256 == sha256_of(TEXT)
    assert prepared.windows == len(planned.plans[0].windows) > 0


def test_a_question_with_a_context_needs_no_document(rig: PrepareRig) -> None:
    prepared, _ = rig.preparer.prepare([asked("q", None, context="because of the train.")])
    assert prepared.planned[0].plans[0].text == "because of the train."


def test_a_plan_knows_how_many_answers_its_question_asks_for(rig: PrepareRig) -> None:
    text = "because of the train."
    records = [asked("q", None, context=text), asked("r", None, context=text, max_answers=7)]
    prepared, _ = rig.preparer.prepare(records)
    assert [planned.plans[0].max_answers for planned in prepared.planned] == [1, 7]


def test_a_question_on_which_the_program_fails_is_a_dead_letter_and_its_neighbours_are_planned(
    rig: PrepareRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.documents.texts[0, "poison"] = ZeroDivisionError("the text")
    plan = rig.reader.plan

    def failing_plan(text: str, *args: Any, **options: Any) -> Any:
        if text == "unplannable":
            raise ZeroDivisionError(text)
        return plan(text, *args, **options)

    monkeypatch.setattr(type(rig.reader), "plan", lambda _, *args, **options: failing_plan(*args, **options))
    records = [asked("a"), asked("b", "poison"), asked("c", None, context="unplannable"), asked("d")]
    prepared, left = rig.preparer.prepare(records)
    assert (names(prepared), left) == (["a", "d"], [])
    letters = [from_headers(outcome.outgoing.headers) for outcome in prepared.outcomes]
    assert [(letter.reason, letter.detail) for letter in letters] == [
        (Reason.INFERENCE_FAILED, "resolving raised ZeroDivisionError"),
        (Reason.INFERENCE_FAILED, "planning raised ZeroDivisionError"),
    ]


def test_a_text_is_tokenized_once_for_all_its_questions(rig: PrepareRig) -> None:
    rig.preparer.prepare([asked("a"), asked("b"), asked("c", None, context=TEXT)])
    assert rig.tokenized == [TEXT]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(asked(), value=b"\xff"), Reason.UNDECODABLE),
        (replace(asked(), value=None), Reason.UNDECODABLE),
        (replace(asked(), key=b"other"), Reason.INVALID_EVENT),
        (replace(asked(), key=None), Reason.INVALID_EVENT),
        (asked(surprise=1), Reason.INVALID_EVENT),
        (asked(headers=(("retry.attempt", b"soon"),)), Reason.INVALID_EVENT),
        (asked(headers=(("retry.attempt", b"\xff"),)), Reason.UNDECODABLE),
        (asked(question="x" * 3000), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_question_is_a_dead_letter_of_decoding(
    rig: PrepareRig, record: QuestionRecord, reason: Reason
) -> None:
    assert rig.dead_letter(record) == (reason, Stage.DECODE)


def test_a_question_that_leaves_no_room_for_the_document_is_too_large(rig: PrepareRig) -> None:
    assert rig.dead_letter(asked(question="why " * 40)) == (Reason.TOO_LARGE, Stage.PREPARE)


def test_a_document_that_is_not_there_is_waited_for(rig: PrepareRig) -> None:
    retry = rig.retry(asked(document_id="e"))
    assert (retry.reason, retry.attempt) == (Reason.DOCUMENT_MISSING, 1)
    assert rig.dead_letter(retried(0, document_id="e", attempt=2)) == (Reason.DOCUMENT_MISSING, Stage.RESOLVE)


@pytest.mark.parametrize(
    "error", [Retryable("not this member's"), InvalidRecord(Reason.INVALID_EVENT, "text: Field required")]
)
def test_a_document_that_cannot_be_read_now_is_waited_for(rig: PrepareRig, error: Exception) -> None:
    rig.documents.texts[0, "d"] = error
    assert rig.retry(asked()).reason is Reason.DOCUMENT_MISSING


def test_another_version_of_the_document_than_asked_for_is_waited_for(rig: PrepareRig) -> None:
    assert rig.retry(asked(document_sha256="0" * 64)).reason is Reason.DOCUMENT_CHANGED
    prepared, _ = rig.preparer.prepare([asked(document_sha256=sha256_of(TEXT))])
    assert len(prepared.planned) == 1


def test_a_context_that_is_not_what_was_asked_for_never_will_be(rig: PrepareRig) -> None:
    record = asked("q", None, context="c", document_sha256="0" * 64)
    assert rig.dead_letter(record) == (Reason.DOCUMENT_CHANGED, Stage.RESOLVE)


def test_questions_whose_documents_are_behind_are_retried_and_the_others_go_on(rig: PrepareRig) -> None:
    rig.documents.texts[1, "d"] = TEXT
    with_context = asked("c", None, at=(0, 1), context="the train")
    garbage = replace(asked(at=(0, 2)), value=b"{")
    records = [asked("a", at=(0, 0)), asked("b", at=(1, 0)), with_context, garbage]
    prepared, left = rig.preparer.prepare(records, frozenset({0}))
    assert names(prepared) == ["b", "c"]
    assert [outcome.outcome for outcome in prepared.outcomes] == ["retried", "dead_letter"]
    assert left == []
    assert "in time" in rig.retry(asked(), behind=frozenset({0})).detail


def test_a_chunk_takes_no_further_question_once_it_has_its_windows_and_order_is_kept() -> None:
    rig = PrepareRig(max_windows=3)
    records = [asked(f"q{number}", at=(0, number)) for number in range(5)]
    assert rig.preparer.prepare(records[:1])[0].windows == 1
    records.insert(1, replace(asked(at=(0, 9)), value=b"{"))
    prepared, left = rig.preparer.prepare(records)
    assert prepared.records == tuple(records[:4])
    assert left == records[4:]
    assert names(prepared) == ["q0", "q1", "q2"]
    assert len(prepared.outcomes) == 1


def test_a_single_question_goes_even_when_it_alone_has_more_windows_than_a_chunk() -> None:
    rig = PrepareRig(max_windows=1)
    rig.documents.texts[0, "d"] = TEXT * 20
    prepared, left = rig.preparer.prepare([asked("a"), asked("b")])
    assert names(prepared) == ["a"]
    assert len(left) == 1
    assert prepared.windows > 1


@pytest.mark.parametrize("inline", [False, True])
def test_a_chunk_of_long_texts_is_cut_by_their_bytes_before_they_are_tokenized(*, inline: bool) -> None:
    rig = PrepareRig(max_bytes=4_000_000)
    texts = [f"{TEXT} {number} " * 2_000 for number in range(64)]
    rig.documents.texts = {(0, f"d{number}"): text for number, text in enumerate(texts)}
    records = [
        asked(f"q{number}", None, context=text) if inline else asked(f"q{number}", f"d{number}")
        for number, text in enumerate(texts)
    ]
    prepared, left = rig.preparer.prepare(records)
    held = sum(
        sys.getsizeof(planned.plans[0].text) + planned.plans[0].document.nbytes + planned.record.size
        for planned in prepared.planned
    )
    assert held < 4_000_000
    assert len(rig.tokenized) == len(prepared.planned) == 3
    assert left == records[3:]


def test_questions_about_one_long_text_stay_together() -> None:
    rig = PrepareRig(max_bytes=8_000)
    rig.documents.texts[0, "d"] = TEXT * 8
    assert len(rig.preparer.prepare([asked(f"q{number}") for number in range(5)])[0].planned) == 5


def test_a_chunk_of_large_records_is_cut_by_their_bytes_whatever_is_in_them() -> None:
    rig = PrepareRig(max_bytes=1_000_000)
    records = [asked(f"q{number}", headers=(("h", b"x" * 400_000),)) for number in range(5)]
    prepared, left = rig.preparer.prepare(records)
    assert (len(prepared.planned), len(left)) == (3, 2)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(replace(asked("q", None, context="c"), key=b"k" * 2_000_000), id="key"),
        pytest.param(asked(headers=(("h", b"x" * 5_000_000),)), id="header"),
        pytest.param(asked(headers=(("h", b""),) * 500_000), id="headers"),
    ],
)
def test_a_key_or_headers_past_the_limits_are_too_large(rig: PrepareRig, record: QuestionRecord) -> None:
    assert rig.dead_letter(record) == (Reason.TOO_LARGE, Stage.DECODE)


def test_a_question_within_the_limit_is_within_it_at_every_try() -> None:
    limit = asked("q", "missing").size
    rig = PrepareRig(limits=Limits(record_bytes=limit))
    first = rig.outcome(asked("q", "missing"))
    again = first.outgoing
    second = Record(Partition(again.topic, 0), 0, again.key, again.value, again.headers)
    assert rig.outcome(read_retry_headers(second)).outcome == "retried"


def test_lookups_that_take_long_end_the_chunk_and_not_the_membership(rig: PrepareRig) -> None:
    rig.documents.seconds = 3.0
    records = [asked(f"q{number}") for number in range(5)]
    prepared, left = rig.preparer.prepare(records)
    assert names(prepared) == ["q0", "q1"]
    assert left == records[2:]


def test_a_lookup_that_takes_longer_than_a_chunk_may_still_settles_one_record(rig: PrepareRig) -> None:
    rig.documents.seconds = 60.0
    prepared, left = rig.preparer.prepare([asked("a"), asked("b")])
    assert names(prepared) == ["a"]
    assert len(left) == 1


def test_a_text_that_breaks_the_tokenizer_is_a_dead_letter_and_its_neighbours_are_planned(rig: PrepareRig) -> None:
    rig.documents.texts[0, "e"] = "this is unbearable"
    bad = asked("bad", "e")
    prepared, _ = rig.preparer.prepare([asked("a"), bad, asked("b")])
    assert names(prepared) == ["a", "b"]
    letter = from_headers(prepared.outcomes[0].outgoing.headers)
    assert (letter.reason, letter.stage) == (Reason.INFERENCE_FAILED, Stage.PREPARE)
    assert "unbearable" not in letter.detail


def test_every_record_comes_out_once_planned_or_settled(rig: PrepareRig) -> None:
    records = [asked("a"), asked("b", "missing"), replace(asked("c"), value=b""), asked("d"), asked("e", "nowhere")]
    prepared, left = rig.preparer.prepare(records)
    assert len(prepared.planned) + len(prepared.outcomes) == len(prepared.records) == 5
    assert left == []


def test_a_chunk_ends_before_a_record_that_cannot_be_read_yet() -> None:
    away = Away(names={b"unread"})
    rig = PrepareRig(formats=EventFormats(Limits(), questions=[away]))
    records = [asked("first"), asked("unread"), asked("last")]
    prepared, left = rig.preparer.prepare(records)
    assert (names(prepared), prepared.outcomes, left) == (["first"], (), records[1:])
    with pytest.raises(TranslatorUnavailable):
        rig.preparer.prepare(left)
    away.names.clear()
    assert names(rig.preparer.prepare(left)[0]) == ["unread", "last"]


def test_a_document_that_cannot_be_read_yet_is_no_try_of_its_question(rig: PrepareRig) -> None:
    rig.documents.texts[0, "d"] = TranslatorUnavailable("the registry does not answer")
    with pytest.raises(TranslatorUnavailable):
        rig.preparer.prepare([asked()])
