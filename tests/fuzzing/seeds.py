"""Makes whole records of every kind, all of them different: what mutations begin with."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from spanstream.consumer.broker.partitioner import partition_of
from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.consumer.replay.ledger import LedgerEntries
from spanstream.consumer.replay.letters.formats import STREAMS_PREFIX
from spanstream.consumer.replay.letters.letter import LetterState
from spanstream.schemas.dead_letters import DeadLetter, Reason, Retry, Stage, to_headers
from spanstream.schemas.foreign_headers import CONNECT_PREFIX, SPRING_PREFIX
from tests.fuzzing.scene import BODY, DEAD_LEDGER, DOCUMENT, RUN, SHA256, SUBJECT, TOPIC_ID, TOPICS, FuzzScene
from tests.fuzzing.texts import message, odd_text

_MODEL: Final = {"name": "m", "version": "1", "precision": "int8", "calibration": "c"}
_TIMES: Final = (
    "2026-02-03T10:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "2026-02-03T10:00:00+14:00",
)
_UTC_TIMES: Final = ("2026-02-03T10:00:00.123Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z")


def seed_record(draw: random.Random, scene: FuzzScene, kind: str) -> Record:
    """Makes a whole record of a kind."""
    topic, key, value, headers = KINDS[kind](draw, scene)
    timestamp_ms = draw.randint(1_700_000_000_000, 1_800_000_000_000)
    number = draw.randrange(scene.partitions) if key is None else partition_of(key, scene.partitions)
    return Record(Partition(topic, number), draw.randrange(1_000), key, value, headers, timestamp_ms)


Parts = tuple[str, bytes | None, bytes | None, Headers]


def _encoded(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def _metadata(draw: random.Random) -> dict[str, str]:
    return {f"m{number}": odd_text(draw) for number in range(draw.randrange(3))}


def _id(draw: random.Random) -> str:
    return draw.choice(("t-1", "q-77", "a b", "ü/1", "x" * 200, "1"))


def document(draw: random.Random, scene: FuzzScene) -> Parts:
    del scene
    document_id = _id(draw)
    event = {"document_id": document_id, "text": message(draw), "title": odd_text(draw), "metadata": _metadata(draw)}
    event |= draw.choice(({}, {"collections": []}, {"collections": ["kb", "kb-de"]}))
    return TOPICS.documents, document_id.encode(), _encoded(event), ()


def question(draw: random.Random, scene: FuzzScene) -> Parts:
    del scene
    event: dict[str, Any] = {"question_id": _id(draw), "question": "Which error? " + odd_text(draw)}
    event |= {"min_confidence": draw.choice((0, 0.5, 1)), "metadata": _metadata(draw)}
    event |= draw.choice(({}, {"max_answers": 1}, {"max_answers": 20}))
    about_collection = {"collection": "kb", "filter": _metadata(draw), "answer_again": draw.random() < 0.5}
    event |= draw.choice(
        (
            {"document_id": "d"},
            {"context": message(draw)},
            {"document_id": "d", "document_sha256": SHA256},
            about_collection,
        )
    )
    return TOPICS.questions, b"d", _encoded(event), ()


def retry(draw: random.Random, scene: FuzzScene) -> Parts:
    _, key, value, _ = question(draw, scene)
    waiting = Retry(
        attempt=draw.randint(1, 9), due_ms=draw.randrange(2**40), reason=draw.choice(list(Reason)),
        detail=odd_text(draw),
        topic=TOPICS.questions, partition=0, offset=draw.randrange(2**40), timestamp_ms=draw.choice((None, 1)),
    )  # fmt: skip
    return TOPICS.retries, key, value, waiting.to_headers((("own", b"1"),))


def ticket(draw: random.Random, scene: FuzzScene) -> Parts:
    del scene
    ticket_id = _id(draw)
    event = {
        "ticket_id": ticket_id, "subject": draw.choice(("Re: Export", "", odd_text(draw), "Export fails")),
        "body": message(draw),
        "created_at": draw.choice(_TIMES), "channel": "email", "customer": odd_text(draw),
        "attributes": {"plan": "gold", "content_type": draw.choice(("text/html", "text/plain", odd_text(draw)))},
    }  # fmt: skip
    if draw.random() < 0.2:
        event |= {"ticket_id": (ticket_id := f"known-{draw.randrange(4)}"), "subject": SUBJECT, "body": BODY}
    for name in draw.sample(("created_at", "channel", "customer", "attributes"), draw.randrange(4)):
        del event[name]
    return TOPICS.tickets, ticket_id.encode(), _encoded(event), ()


def answer(draw: random.Random, scene: FuzzScene) -> Parts:
    asked = draw.choice(scene.questions)
    text = draw.choice((*scene.answers, message(draw)))
    span = {"text": text, "char_start": 3, "char_end": 3 + len(text)} if text else None
    is_answered = span is not None and draw.random() < 0.8
    event = {
        "question_id": asked.question_id, "document_id": asked.document_id, "document_sha256": SHA256,
        "status": "answered" if is_answered else "no_answer", "answer": span if is_answered else None,
        "candidate": span,
        "confidence": draw.choice((0, 0.3, 0.99)), "null_score_diff": None if span is None else draw.choice((-7.5, 0,
        3)),
        "windows": {"total": 3, "read": draw.randrange(4)}, "model": _MODEL, "metadata": asked.metadata,
        "answered_at": "2026-02-03T10:00:00.123Z",
    }  # fmt: skip
    return TOPICS.answers, (asked.document_id or "").encode(), _encoded(event), ()


def feedback(draw: random.Random, scene: FuzzScene) -> Parts:
    """Mostly about the document that stands, as it stands; sometimes about a text of its own, or another version."""
    del scene
    text = draw.choice((DOCUMENT.text, DOCUMENT.text, message(draw)))
    event: dict[str, Any] = {"question": "Which error? " + odd_text(draw), "given_at": draw.choice(_UTC_TIMES)}
    event |= draw.choice(({"question_id": _id(draw)}, {"field": {"ticket_id": "t-1", "name": "error"}}))
    event |= draw.choice(
        (
            {"document_id": "d", "document_sha256": DOCUMENT.sha256},
            {"document_id": "d", "document_sha256": SHA256},
            {"context": text},
        )
    )
    start, end = draw.choice(((0, 5), (6, len(DOCUMENT.text) - 1), (0, len(text)), (2, 7)))
    span = {"text": text[start:end], "char_start": start, "char_end": end}
    is_quote = end <= len(text) and draw.random() < 0.8
    event |= {"verdict": "corrected", "span": span} if is_quote else {"verdict": "no_answer"}
    event |= {"by": odd_text(draw), "source": draw.choice(("person", "suggested", None)), "metadata": _metadata(draw)}
    return TOPICS.feedback, b"d", _encoded(event), ()


def triage(draw: random.Random, scene: FuzzScene) -> Parts:
    record = draw.choice(scene.triages)
    return TOPICS.triage, json.loads(record)["ticket_id"].encode(), record, ()


def state(draw: random.Random, scene: FuzzScene) -> Parts:
    key, value = draw.choice(scene.states)
    if draw.random() < 0.1:
        key, _ = draw.choice(scene.states)
    return TOPICS.triage_state, key, value, ()


def ledger(draw: random.Random, scene: FuzzScene) -> Parts:
    del scene
    entries = LedgerEntries(DEAD_LEDGER, TOPIC_ID, RUN)
    place = Record(Partition(TOPICS.dead_letters, draw.randrange(3)), draw.randrange(99), None, None)
    entry = draw.choice(
        (
            entries.began({Partition(TOPICS.dead_letters, 0): draw.randrange(2**40)}, "2026-02-03T10:00:00Z"),
            entries.settled(place, draw.choice([LetterState.REPLAYED, LetterState.PARKED])),
            entries.attempts(SHA256, [RUN, "run-2"]),
        )
    )
    return DEAD_LEDGER, entry.key, entry.value, ()


def our_letter(draw: random.Random, scene: FuzzScene) -> Parts:
    """A dead letter of any of our records; often one of a triage question, which its ticket waits for."""
    topic, key, value, headers = draw.choice((question, document, ticket, retry, asked_question, asked_question))(
        draw, scene
    )
    candidate: dict[str, Any] = {
        "text": odd_text(draw),
        "char_start": draw.choice((0, -1, 9)),
        "char_end": draw.choice((3, None, 1.5)),
    }
    letter = DeadLetter(
        reason=draw.choice(list(Reason)), detail=odd_text(draw), stage=draw.choice(list(Stage)), topic=topic,
        partition=0,
        offset=draw.randrange(2**40), timestamp_ms=draw.choice((None, 0, 2**63 - 1)), attempt=draw.randint(1,
        2**31 - 1),
        failed_at=datetime(2026, 2, 3, tzinfo=UTC) + timedelta(seconds=draw.randrange(10**6)),
        candidate=draw.choice((None, candidate)),
    )  # fmt: skip
    return TOPICS.dead_letters, key, value, to_headers(letter, (*headers, ("own", odd_text(draw).encode())))


def asked_question(draw: random.Random, scene: FuzzScene) -> Parts:
    asked = draw.choice(scene.questions)
    return TOPICS.questions, (asked.document_id or "").encode(), asked.model_dump_json(exclude_none=True).encode(), ()


def foreign_letter(draw: random.Random, scene: FuzzScene) -> Parts:
    """A dead letter of Connect, Streams or Spring."""
    _, key, value, _ = draw.choice((question, document))(draw, scene)
    topic = draw.choice((b"orders", b"orders", b"nowhere", b"__consumer_offsets", TOPICS.documents.encode()))
    place = {"topic": topic, "partition": b"%d" % draw.randrange(9), "offset": b"%d" % draw.randrange(2**40)}
    connect = {"exception.class.name": b"a.B", "exception.message": odd_text(draw).encode(), "stage": b"TRANSFORMATION"}
    streams = {"exception": b"a.B", "message": odd_text(draw).encode()}
    spring = {
        "exception-fqcn": b"a.B", "exception-message": odd_text(draw).encode(), "original-topic": topic,
        "original-partition": (3).to_bytes(4, "big"), "original-offset": draw.randrange(2**40).to_bytes(8, "big"),
        "original-timestamp": draw.randrange(2**60).to_bytes(8, "big"), "original-consumer-group": b"g",
    }  # fmt: skip
    prefix, names = draw.choice(
        ((CONNECT_PREFIX, connect | place), (STREAMS_PREFIX, streams | place), (SPRING_PREFIX, spring))
    )
    headers = tuple((prefix + name, value) for name, value in names.items())
    return TOPICS.dead_letters, key, value, (("own", b"1"), *headers)


KINDS: Final[Mapping[str, Callable[[random.Random, FuzzScene], Parts]]] = {
    "document": document,
    "question": question,
    "retry": retry,
    "ticket": ticket,
    "answer": answer,
    "feedback": feedback,
    "triage": triage,
    "state": state,
    "ledger": ledger,
    "our letter": our_letter,
    "foreign letter": foreign_letter,
}
"""What makes a record of each kind: its topic, key, value and headers."""
