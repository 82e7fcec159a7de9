"""Questions about a collection: what is quoted stands in the latest version of a document, whatever the index says."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.passages.index import SearchScope
from spanstream.consumer.passages.memory_index import MemoryPassageIndex
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import DocumentSettings, IndexSettings
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.dead_letters import Reason, Retry
from spanstream.schemas.events import Answer
from tests.support.memory.memory_stream import TOPICS, quick_retries
from tests.support.memory.turns import ONE, ZERO
from tests.support.passages.collection_stream import IN_MEMORY, CollectionStream

TRAIN = "The train leaves at 07:05 from platform 3."
BUS = "The bus to the airport departs every hour from the main gate."
PATIENT = quick_retries(max_attempts=50)


@pytest.fixture
def stream() -> CollectionStream:
    """Returns a stream with a document of the collection in each partition."""
    stream = CollectionStream()
    stream.put(ZERO, TRAIN, place="station")
    stream.put(ONE, BUS, place="airport")
    stream.index_now()
    return stream


def retries(stream: CollectionStream) -> list[Retry]:
    read = [Retry.from_headers(record.headers) for record in stream.broker.records(TOPICS.retries)]
    return [retry for retry in read if retry is not None]


def quoted(answer: Answer, texts: dict[str, str]) -> list[str]:
    """Returns all that an answer quotes, checked against the texts."""
    assert answer.candidate is not None
    quotes = [(answer.document_id, answer.document_sha256, answer.candidate)]
    for other in answer.alternatives:
        document_id = other.document_id or answer.document_id
        quotes.append((document_id, other.document_sha256 or answer.document_sha256, other.span))
    for document_id, sha256, span in quotes:
        text = texts[document_id or ""]
        assert sha256 == sha256_of(text)
        assert text[span.char_start : span.char_end] == span.text
    return [span.text for *_, span in quotes]


def test_a_question_about_a_collection_is_answered_out_of_one_of_its_documents(stream: CollectionStream) -> None:
    stream.start()
    stream.ask("a", "when does the train leave ?", min_confidence=0.0)
    stream.settle("a")
    (answer,) = stream.answers()
    assert (answer.status, answer.collection) == ("answered", "kb")
    assert quoted(answer, {ZERO: TRAIN, ONE: BUS})
    assert {passage.document_id for passage in answer.retrieved} == {ZERO, ONE}
    scores = [passage.score for passage in answer.retrieved]
    assert scores == sorted(scores, reverse=True)
    assert answer.windows.read == 2


def test_alternatives_come_from_other_documents_too(stream: CollectionStream) -> None:
    stream.start()
    stream.ask("a", max_answers=8)
    stream.settle("a")
    (answer,) = stream.answers()
    assert len(quoted(answer, {ZERO: TRAIN, ONE: BUS})) == 8
    assert {other.document_id for other in answer.alternatives} == {None, ({ZERO, ONE} - {answer.document_id}).pop()}


def test_only_documents_with_the_metadata_asked_for_are_searched(stream: CollectionStream) -> None:
    stream.start()
    stream.ask("a", filter={"place": "airport"})
    stream.ask("none", filter={"place": "harbour"})
    stream.settle(["a", "none"])
    answers = {answer.question_id: answer for answer in stream.answers()}
    assert {passage.document_id for passage in answers["a"].retrieved} == {ONE}
    assert answers["a"].document_id == ONE


def test_where_nothing_is_near_there_is_no_answer_at_once(stream: CollectionStream) -> None:
    member = stream.start()
    stream.ask("a", collection="empty")
    stream.settle("a")
    (answer,) = stream.answers()
    assert (answer.status, answer.candidate, answer.document_id, answer.document_sha256) == ("no_answer",) + (None,) * 3
    assert (answer.confidence, answer.retrieved, answer.collection) == (0.0, [], "empty")
    assert (answer.windows.total, answer.windows.read) == (0, 0)
    assert member.metric("windows_total") == 0
    assert member.metric("retrievals_total", outcome="nothing") == 1


def test_a_passage_of_an_older_version_is_never_read_and_the_question_waits_for_the_index(
    stream: CollectionStream,
) -> None:
    stream.start(retries=PATIENT)
    later = "The train leaves at 09:30 from platform 8."
    stream.put(ZERO, later, place="station")
    stream.ask("a")
    stream.until(lambda: bool(retries(stream)))
    assert stream.answers() == []
    (retry,) = retries(stream)
    assert retry.reason is Reason.DOCUMENT_CHANGED
    assert "the passage index is behind" in retry.detail
    stream.index_now()
    stream.settle("a")
    (answer,) = stream.answers()
    assert quoted(answer, {ZERO: later, ONE: BUS})


def test_a_deleted_document_is_never_quoted_and_the_question_waits_for_the_index(stream: CollectionStream) -> None:
    stream.start(retries=PATIENT)
    stream.document(ZERO, None)
    stream.ask("a")
    stream.until(lambda: bool(retries(stream)))
    assert (stream.answers(), retries(stream)[0].reason) == ([], Reason.DOCUMENT_CHANGED)
    stream.index_now()
    stream.settle("a")
    (answer,) = stream.answers()
    assert answer.document_id == ONE


def test_a_document_that_left_the_collection_is_not_read_although_its_text_is_the_same(
    stream: CollectionStream,
) -> None:
    stream.start(retries=PATIENT)
    stream.put(ZERO, TRAIN, "other", place="station")
    stream.ask("a")
    stream.until(lambda: bool(retries(stream)))
    assert (stream.answers(), retries(stream)[0].reason) == ([], Reason.DOCUMENT_CHANGED)
    stream.index_now()
    stream.settle("a")
    assert {passage.document_id for passage in stream.answers()[0].retrieved} == {ONE}


def test_an_index_that_stays_behind_ends_in_a_dead_letter(stream: CollectionStream) -> None:
    stream.start(retries=quick_retries(max_attempts=2))
    stream.document(ZERO, None)
    stream.ask("a")
    stream.settle("a")
    assert stream.dead_letters()["a"].reason is Reason.DOCUMENT_CHANGED


def test_without_an_index_the_dead_letter_names_the_setting(stream: CollectionStream) -> None:
    stream.start(index=IndexSettings(), retriever=None, retries=quick_retries(max_attempts=2))
    stream.ask("a")
    stream.question("b", ZERO)
    stream.settle(["a", "b"])
    letter = stream.dead_letters()["a"]
    assert letter.reason is Reason.DOCUMENT_MISSING
    assert "SPANSTREAM_INDEX__URI" in letter.detail


class AwayRetriever(Retriever):
    """An engine that does not answer while it is away."""

    is_away = True
    asked = 0

    def retrieve(self, question: str, vector: Any, scope: SearchScope) -> Any:
        self.asked += 1
        if self.is_away:
            raise Retryable("the engine did not answer")
        return super().retrieve(question, vector, scope)


def test_while_the_engine_is_away_other_questions_go_on_and_it_is_asked_once_a_chunk(stream: CollectionStream) -> None:
    retriever = AwayRetriever(stream.indexes, stream.encoder, IN_MEMORY, stream.clock)
    stream.ask("a")
    stream.ask("b")
    stream.question("c", ZERO)
    stream.start(retriever=retriever, retries=PATIENT)
    stream.settle("c")
    stream.until(lambda: len(retries(stream)) >= 2)
    assert {answer.question_id for answer in stream.answers()} == {"c"}
    assert retriever.asked < len(retries(stream))
    assert retries(stream)[0].detail == "the engine did not answer"
    retriever.is_away = False
    stream.settle(["a", "b"])
    assert stream.outcomes() == dict.fromkeys("abc", 1)


class RefusingIndex(MemoryPassageIndex):
    """An index that is damaged."""

    def nearest(self, *_: object, **__: object) -> Any:
        raise Stop("the passage index is damaged", hint="rebuild it")


def test_while_the_index_is_damaged_other_questions_go_on_and_a_rebuild_needs_no_restart(
    stream: CollectionStream,
) -> None:
    good = stream.index
    stream.indexes._generations["g1"] = RefusingIndex(good.description)
    for name in ("a", "b"):
        stream.ask(name)
    stream.question("c", ZERO)
    with capture_logs() as logs:
        member = stream.start(retries=PATIENT)
        stream.settle("c")
        stream.until(lambda: len(retries(stream)) >= 6)
    assert {answer.question_id for answer in stream.answers()} == {"c"}
    assert {(one.reason, one.detail) for one in retries(stream)} == {
        (Reason.DOCUMENT_MISSING, "the passage index is damaged; rebuild it")
    }
    assert member.metric("retrievals_total", outcome="unavailable") >= 6
    assert [line["log_level"] for line in logs if line["event"] == "index_refuses"] == ["error"]
    stream.indexes._generations["g2"] = good  # type: ignore[assignment]
    stream.indexes.switch("g2")
    stream.settle(["a", "b"])
    assert stream.outcomes() == dict.fromkeys("abc", 1)


def test_an_index_that_stays_damaged_ends_in_a_dead_letter_that_says_why(stream: CollectionStream) -> None:
    stream.indexes._generations["g1"] = RefusingIndex(stream.index.description)
    stream.start(retries=quick_retries(max_attempts=2))
    stream.ask("a")
    stream.settle("a")
    letter = stream.dead_letters()["a"]
    assert (letter.reason, "is damaged" in letter.detail) == (Reason.DOCUMENT_MISSING, True)


def test_a_chunk_of_both_kinds_embeds_its_questions_at_once_and_poison_stays_alone(stream: CollectionStream) -> None:
    stream.question("c", ZERO)
    stream.question("d", ZERO, "poison ?")
    stream.ask("a")
    stream.ask("b", "crash ?")
    member = stream.start()
    stream.settle("abcd")
    assert stream.outcomes() == dict.fromkeys("abcd", 1)
    assert {name: letter.reason for name, letter in stream.dead_letters().items()} == dict.fromkeys(
        "bd", Reason.INFERENCE_FAILED
    )
    assert member.metric("retrievals_total", outcome="found") == 2


def test_a_question_that_cannot_be_embedded_fails_alone(
    stream: CollectionStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = stream.encoder.embed

    def failing(texts: Any) -> Any:
        if any("odd" in text for text in texts):
            raise ValueError("the question's text")
        return embed(texts)

    monkeypatch.setattr(stream.encoder, "embed", failing)
    for name, question in (("a", "when ?"), ("b", "odd ?"), ("c", "where ?")):
        stream.ask(name, question)
    stream.start()
    stream.settle("abc")
    assert set(stream.dead_letters()) == {"b"}


def test_two_members_read_each_others_documents_and_see_their_changes(stream: CollectionStream) -> None:
    stream.start(retries=PATIENT)
    stream.start(retries=PATIENT)
    stream.until(lambda: not any(member.health.waiting_for for member in stream.members))
    texts = {ZERO: TRAIN, ONE: BUS}
    for number in range(8):
        texts[ZERO] = f"The train leaves at 07:{number:02d} from platform {number}."
        stream.put(ZERO, texts[ZERO], place="station")
        stream.ask(f"q{number}", max_answers=5)
        if number % 2:
            stream.index_now()
            stream.settle([f"q{number}"])
            assert quoted(next(a for a in stream.answers() if a.question_id == f"q{number}"), texts)
    stream.settle(f"q{number}" for number in range(8))
    assert set(stream.outcomes().values()) == {1}


def test_a_question_waits_for_the_documents_of_all_partitions(stream: CollectionStream) -> None:
    member = stream.start(documents=DocumentSettings(catch_up_seconds=3.0), retries=PATIENT)
    stream.until(lambda: not member.health.waiting_for)
    documents: Any = member.service._parts.documents
    behind = documents.behind
    documents.behind = lambda ends: behind(ends) | {next(p for p in ends if p.number == 1)} if ends else frozenset()
    stream.question("c", ZERO)
    stream.ask("a")
    started = stream.clock.now
    stream.settle("c")
    assert stream.clock.now - started >= 3.0
    stream.until(lambda: bool(retries(stream)))
    assert retries(stream)[0].reason is Reason.DOCUMENT_MISSING
    assert {answer.question_id for answer in stream.answers()} == {"c"}
    del documents.behind
    stream.settle("a")


def test_what_is_asked_of_collections_is_no_part_of_the_drift_figures(stream: CollectionStream) -> None:
    member = stream.start()
    taken: list[Any] = []
    watch: Any = member.service._parts.reporter._watch
    watch.take = taken.extend
    stream.ask("a")
    stream.question("b", ZERO)
    stream.settle("ab")
    assert len(taken) == 1
