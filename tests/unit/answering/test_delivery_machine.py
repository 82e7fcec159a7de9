"""Whatever happens to the members, every question comes out exactly once: the loop under random histories."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import ChunkSettings, DocumentSettings
from spanstream.models.text.tokenization import sha256_of
from tests.support.memory.group_machine import GroupMachine, members
from tests.support.memory.memory_stream import GROUP, NAME, TOPICS, MemoryStream, StreamMember, name_of, quick_retries
from tests.support.passages.collection_stream import CollectionStream

DOCUMENTS = [f"d{number}" for number in range(5)]
ASKED = ["where from ?", "at what time ?", "poison ?"]
IN = (TOPICS.questions, TOPICS.retries)


class Delivery(GroupMachine[StreamMember]):
    stream: MemoryStream
    group = GROUP

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        # Versions of each document in the order they were published; None: deleted, or a record that is no document.
        self.versions: dict[str, list[str | None]] = defaultdict(list)
        # Of each question about a document: which document, and how many versions there were when it was asked.
        self.asked: dict[str, tuple[str, int]] = {}
        self.bad_documents: set[str] = set()

    @initialize(group_protocol=st.sampled_from(["classic", "consumer"]))
    def begin(self, group_protocol: str) -> None:
        self.stream = self.new_stream(group_protocol)
        self.join()

    def new_stream(self, group_protocol: str) -> MemoryStream:
        return MemoryStream(group_protocol=group_protocol)

    def name(self) -> str:
        self.sent += 1
        return f"n{self.sent}"

    # What producers do.

    @rule(document_id=st.sampled_from(DOCUMENTS), asked=st.sampled_from(ASKED), number=st.integers(1, 5))
    def ask(self, document_id: str, asked: str, number: int) -> None:
        for _ in range(number):
            name = self.name()
            self.asked[name] = (document_id, len(self.versions[document_id]))
            self.stream.question(name, document_id, asked)

    @rule()
    def ask_with_context(self) -> None:
        event = {"question_id": self.name(), "question": "why ?", "context": "because the train leaves."}
        value = json.dumps(event).encode()
        self.stream.send(Outgoing(TOPICS.questions, None, value, ((NAME, event["question_id"].encode()),)))

    @rule(topic=st.sampled_from(IN), key=st.sampled_from(DOCUMENTS))
    def send_garbage(self, topic: str, key: str) -> None:
        self.stream.garbage(self.name(), key, topic)

    @rule(document_id=st.sampled_from(DOCUMENTS), deleted=st.booleans())
    def publish_document(self, document_id: str, deleted: bool) -> None:
        number = len(self.versions[document_id])
        text = None if deleted and number else f"{document_id} version {number}: the train leaves at {number}:05."
        self.versions[document_id].append(text)
        self.stream.document(document_id, text)

    @rule(document_id=st.sampled_from([*DOCUMENTS, None]))
    def publish_bad_document(self, document_id: str | None) -> None:
        name = self.name()
        self.bad_documents.add(name)
        if document_id is not None:
            self.versions[document_id].append(None)
        key = None if document_id is None else document_id.encode()
        self.stream.send(Outgoing(TOPICS.documents, key, b"{}", ((NAME, name.encode()),)))

    @rule()
    def compact(self) -> None:
        kept = {name_of(record) for record in self.open_records(TOPICS.documents)}
        if self.bad_documents & kept:  # what is compacted away before anybody read it is nobody's to report
            return
        for member in self.stream.members:  # a tombstone stays for a day, and nobody is a day behind
            member.service._parts.documents.poll()
        self.stream.broker.compact(TOPICS.documents)

    # What members do.

    @rule(number=members)
    def infer(self, number: int) -> None:
        self.member(number).pool.work()

    @precondition(lambda self: len(self.stream.members) < 3)
    @rule()
    def join(self) -> None:
        self.stream.start(
            at_once=False,
            retries=quick_retries(),
            chunk=ChunkSettings(max_questions=3, max_windows=4, backlog_records=10),
            documents=DocumentSettings(memory_bytes=1500, catch_up_seconds=3.0),
            drain_seconds=1.0,
        )

    # What the broker and the clock do.

    @rule(operation=st.sampled_from(["committed", "end_offsets", "read_at"]))
    def refuse_a_question(self, operation: Any) -> None:
        self.stream.broker.fail_next(operation, Retryable("as the test wants it"))

    @rule(seconds=st.sampled_from([0.3, 2.5, 70.0]))
    def pass_time(self, seconds: float) -> None:
        self.stream.clock.sleep(seconds)

    # What holds whatever happens.

    def open_records(self, topic: str) -> list[Record]:
        committed = self.stream.broker.committed("spanstream")
        return [
            record
            for record in self.stream.broker.records(topic)
            if record.offset >= committed.get(record.partition, 0)
        ]

    @invariant()
    def every_question_is_either_to_be_read_or_done(self) -> None:
        stands = Counter(name_of(record) for topic in IN for record in self.open_records(topic))
        questions = {f"n{number}" for number in range(1, self.sent + 1)} - self.bad_documents
        outcomes = self.stream.outcomes()
        wrong = {name: (stands[name], outcomes[name]) for name in questions if stands[name] + outcomes[name] != 1}
        assert not wrong, f"(to be read, done): {wrong}"

    @invariant()
    def every_bad_document_is_either_to_be_read_or_dead_lettered(self) -> None:
        stands = Counter(name_of(record) for record in self.open_records(TOPICS.documents))
        outcomes = self.stream.outcomes()
        wrong = {n: (stands[n], outcomes[n]) for n in self.bad_documents if stands[n] + outcomes[n] != 1}
        assert not wrong, f"(to be read, dead-lettered): {wrong}"

    def teardown(self) -> None:
        if not hasattr(self, "stream"):
            return
        self.end_refusals()
        names = {f"n{number}" for number in range(1, self.sent + 1)}
        self.stream.settle(names)
        assert set(self.stream.outcomes()) == names
        self.answers_quote_a_version_that_is_new_enough()
        self.answers_come_in_the_order_of_the_questions()
        for member in list(self.stream.members):
            self.stream.close(member)
        self.every_question_is_either_to_be_read_or_done()
        self.every_bad_document_is_either_to_be_read_or_dead_lettered()
        self.nothing_committed_is_taken_back()

    def answers_quote_a_version_that_is_new_enough(self) -> None:
        for answer in self.stream.answers():
            if answer.question_id not in self.asked:
                continue
            document_id, published = self.asked[answer.question_id]
            fit = [text for text in self.versions[document_id][max(published - 1, 0) :] if text is not None]
            texts = {sha256_of(text): text for text in fit}
            assert answer.document_sha256 in texts
            if answer.answer is not None:
                text = texts[answer.document_sha256]
                assert text[answer.answer.char_start : answer.answer.char_end] == answer.answer.text

    def answers_come_in_the_order_of_the_questions(self) -> None:
        retried = {name_of(record) for record in self.stream.broker.records(TOPICS.retries)}
        places = {name_of(record): record for record in self.stream.broker.records(TOPICS.questions)}
        latest: dict[Partition, int] = defaultdict(int)
        for answer in self.stream.answers():
            if answer.question_id in retried or places[answer.question_id].key is None:
                continue
            record = places[answer.question_id]
            assert record.offset >= latest[record.partition]
            latest[record.partition] = record.offset


class CollectedStream(CollectionStream):
    """A stream whose documents are all in one collection."""

    def document(self, document_id: str, text: str | None, **fields: Any) -> None:
        if text is None:
            super().document(document_id, text, **fields)
        else:
            self.put(document_id, text)


class CollectionDelivery(Delivery):
    """The same with questions about all documents at once, and an index that is brought up to date now and then."""

    def __init__(self) -> None:
        super().__init__()
        # Of each question about the collection: how many versions each document had when it was asked.
        self.asked_of_all: dict[str, dict[str, int]] = {}

    def new_stream(self, group_protocol: str) -> CollectionStream:
        self.collected = CollectedStream(group_protocol=group_protocol)
        return self.collected

    @rule(asked=st.sampled_from(ASKED), number=st.integers(1, 4))
    def ask_all(self, asked: str, number: int) -> None:
        for _ in range(number):
            name = self.name()
            self.asked_of_all[name] = {document_id: len(self.versions[document_id]) for document_id in DOCUMENTS}
            self.collected.ask(name, asked, max_answers=3)

    @rule()
    def index_now(self) -> None:
        self.collected.index_now()

    def answers_quote_a_version_that_is_new_enough(self) -> None:
        super().answers_quote_a_version_that_is_new_enough()
        for answer in self.stream.answers():
            published = self.asked_of_all.get(answer.question_id)
            if published is None or answer.candidate is None:
                continue
            quotes = [(answer.document_id, answer.document_sha256, answer.candidate)]
            for other in answer.alternatives:
                document_id = other.document_id or answer.document_id
                quotes.append((document_id, other.document_sha256 or answer.document_sha256, other.span))
            for document_id, sha256, span in quotes:
                fit = self.versions[document_id or ""][max(published[document_id or ""] - 1, 0) :]
                texts = {sha256_of(text): text for text in fit if text is not None}
                assert sha256 in texts
                assert texts[sha256][span.char_start : span.char_end] == span.text

    def answers_come_in_the_order_of_the_questions(self) -> None:
        """Each question about a collection has a key of its own: their order says nothing."""


for machine, examples in ((Delivery, 250), (CollectionDelivery, 150)):
    machine.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
TestDelivery = Delivery.TestCase
TestCollectionDelivery = CollectionDelivery.TestCase
