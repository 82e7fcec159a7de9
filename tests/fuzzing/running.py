"""Sends generated records through running consumers on a real broker, and counts the outcomes of each.

Questions, retries, documents and tickets that were mutated go to a consumer and a triage member as they are shipped,
among answers and dead letters that nobody asked for. Whether a record can be read is decided here by the same
decoders, so each has to have the one outcome that follows.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from spanstream.consumer.answering.question_record import read_retry_headers
from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS, Outgoing, Record
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.errors import TooLarge
from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.operations.topics import feedback_topic_specs
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.schemas.codec import (
    check_bounds,
    check_key,
    decode_answer,
    decode_document,
    decode_feedback,
    decode_question,
    decode_ticket,
    decode_triage,
    encode,
)
from spanstream.schemas.dead_letters import Reason, own_headers
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from tests.fuzzing.run import generated
from tests.fuzzing.scene import DOCUMENT, TOPICS, FuzzScene
from tests.soak.patience import patiently
from tests.support.kafka.program import until
from tests.support.kafka.stream import name_of, named
from tests.support.kafka.triage_stream import TriageStream

_ASKED: Final = ("question", "retry")
_STRAY: Final = ("answer", "our letter", "foreign letter")
KINDS: Final = (*_ASKED, "document", "ticket", "feedback", *_STRAY)
"""What a running consumer, triage or feedback member reads; the rest is written by themselves, or read by replay."""

# A ticket asks several questions; more tickets than these would be a test of the model.
_TICKETS: Final = 0.02
_PORTION: Final = 2_000
_LIMITS: Final = Limits()
_SETTINGS: Final = {
    "CIRCUIT__MAX_SHARE": "1",
    "RETRIES__DELAY_SECONDS": "0.5",
    "RETRIES__MAX_ATTEMPTS": "2",
    "LOG__LEVEL": "error",
}
# Without anything moving; all of it may take hours.
_PATIENCE_SECONDS: Final = 600.0


@dataclass
class RunningSummary:
    """What became of the records: how many of each (kind, outcome), and what was not as it has to be."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass
class _Sent:
    """One record that went in; `event_id` of what can be read: the id of its question or ticket.

    `asks_collection`: there is no index, so it has to become a dead letter.
    """

    name: str
    kind: str
    is_null: bool
    event_id: str | None
    asks_collection: bool


def fuzz_running(
    seed: int, records: int, bootstrap: str, folder: Path, on_records: Callable[[int], object] = lambda _: None
) -> RunningSummary:
    """Runs so many records of a seed through a consumer, a triage member and a feedback member.

    Args:
        seed: what the records are drawn from.
        records: how many.
        bootstrap: the broker.
        folder: the programs' logs go there.
        on_records: called with the number of records that were sent, again and again.
    """
    stream = TriageStream(bootstrap, folder, 4, dict(_SETTINGS))
    stream.create_topics()
    admin = TopicAdmin(stream.config)
    admin.create(feedback_topic_specs(stream.topics, partitions=stream.partitions))
    of_feedback = stream.start("feedback", "run", FEEDBACK__GROUP_ID=f"{stream.name}.feedback")
    programs = [stream.start(), stream.start_triage(), of_feedback]
    summary, sent = RunningSummary(), []
    try:
        stream.publish([Outgoing(stream.topics.documents, b"d", encode(DOCUMENT))])
        drawn = itertools.islice(_drawn(seed, stream), records)
        while portion := list(itertools.islice(drawn, _PORTION)):
            sent += _publish(stream, portion, summary)
            _await_consumed(stream, admin)
            summary.wrong += [f"a program ended: {p.log[-1000:]}" for p in programs if not p.is_running]
            on_records(len(portion))
        _await_tickets(stream, {one.event_id for one in sent if one.kind == "ticket" and one.event_id})
        summary.wrong += [f"exit code {code}" for program in programs if (code := program.stop()) != TERMINATED]
    finally:
        stream.close()
    _settle(stream, sent, summary)
    return summary


def _drawn(seed: int, stream: TriageStream) -> Iterator[tuple[_Sent, Outgoing]]:
    """Draws records for the stream's own topics, each with its name as its last header."""
    scene = FuzzScene()
    topics = {old: getattr(stream.topics, role) for role, old in TOPICS.model_dump().items()}
    keep_ticket = itertools.cycle([True] + [False] * round(1 / (_TICKETS * len(KINDS)) - 1))
    for number in itertools.count():
        kind, record, _ = generated(scene, seed, number)
        if kind not in KINDS or (kind == "ticket" and not next(keep_ticket)):
            continue
        if kind == "document" and record.key is None:  # a broker refuses it for a compacted topic
            continue
        headers = () if record.headers == UNREADABLE_HEADERS else record.headers
        outgoing = named(f"{kind}:{number}", topics[record.partition.topic], record.key, record.value)
        outgoing = Outgoing(outgoing.topic, outgoing.key, outgoing.value, (*headers, *outgoing.headers))
        read = Record(record.partition, 0, outgoing.key, outgoing.value, outgoing.headers)
        event_id = _event_id(kind, read)
        asks_collection = kind in _ASKED and event_id is not None and _asks_collection(read)
        yield _Sent(f"{kind}:{number}", kind, outgoing.value is None, event_id, asks_collection), outgoing


def _event_id(kind: str, record: Record) -> str | None:
    """Reads a record as the program does; None: it has to become a dead letter."""
    if kind in _STRAY:
        return ""
    value = record.value or b""
    counted = replace(record, headers=own_headers(record.headers)) if kind in _ASKED else record
    try:
        check_bounds(record.key, counted.size, _LIMITS)
        if kind in _ASKED:
            if (read := read_retry_headers(record)).headers_error is not None:
                raise read.headers_error
            question = decode_question(value, _LIMITS)
            check_key(record.key, question.document_id)
            return question.question_id
        if kind == "ticket":
            ticket = decode_ticket(value, _LIMITS)
            check_key(record.key, ticket.ticket_id, "ticket_id")
            document_text(ticket, _LIMITS)
            return ticket.ticket_id
        if kind == "feedback":
            return _label_key(record)
        document = decode_document(value, _LIMITS)
        check_key(record.key, document.document_id)
    except InvalidRecord:
        return None
    return document.document_id


def _label_key(record: Record) -> str:
    """Returns the key of the label that a feedback becomes; raises `InvalidRecord` where it does not hold."""
    feedback = decode_feedback(record.value or b"", _LIMITS)
    check_key(record.key, feedback.document_id)
    if feedback.given_at > datetime.now(UTC) + timedelta(hours=1):
        raise InvalidRecord(Reason.INVALID_EVENT, "it was given in the future")
    return make_label(feedback, {DOCUMENT.document_id: DOCUMENT}.get).label_key


def _asks_collection(record: Record) -> bool:
    return decode_question(record.value or b"", _LIMITS).collection is not None


def _publish(stream: TriageStream, portion: list[tuple[_Sent, Outgoing]], summary: RunningSummary) -> list[_Sent]:
    """Publishes records; one that the topic does not take was refused at the door, and that is its outcome."""
    try:
        stream.publish([outgoing for _, outgoing in portion])
        return [one for one, _ in portion]
    except TooLarge:
        if len(portion) == 1:
            summary.outcomes[portion[0][0].kind, "refused by the broker"] += 1
            return []
    half = len(portion) // 2
    return _publish(stream, portion[:half], summary) + _publish(stream, portion[half:], summary)


def _await_consumed(stream: TriageStream, admin: TopicAdmin) -> None:
    topics = stream.topics
    # The triage members follow their state without committing it.
    of_triage = (topics.tickets, topics.answers, topics.dead_letters)
    groups = {
        stream.name: topics.consumed,
        f"{stream.name}.triage": of_triage,
        f"{stream.name}.feedback": (topics.feedback,),
    }

    def is_consumed() -> bool:
        return not any(
            any(patiently(lambda g=group, t=names: admin.lag(g, t)).values())  # type: ignore[misc]  # mypy on a lambda's default
            for group, names in groups.items()
        )

    until(is_consumed, "everything consumed", _PATIENCE_SECONDS, every=0.2)


def _await_tickets(stream: TriageStream, ticket_ids: set[str]) -> None:
    with stream.watch_triage() as records:
        records.await_tickets(len(ticket_ids), _PATIENCE_SECONDS)


def _settle(stream: TriageStream, sent: list[_Sent], summary: RunningSummary) -> None:
    """Compares all that came out with all that went in."""
    letters: dict[str, list[str]] = defaultdict(list)
    for record in stream.read(stream.topics.dead_letters):
        if (name := name_of(record)).split(":")[0] not in _STRAY:
            letters[name].append((record.header("dlq.reason") or b"").decode())
    triaged = {decode_triage(record.value or b"").ticket_id for record in stream.read(stream.topics.triage)}
    answers = Counter(
        decode_answer(record.value or b"").question_id
        for record in stream.read(stream.topics.answers)
        if not name_of(record)
    )
    # The triage members' own questions have no name.
    questions = [record for record in stream.read(stream.topics.questions) if not name_of(record)]
    expected = Counter(decode_question(record.value or b"", _LIMITS).question_id for record in questions)
    for one in sent:
        came = letters.pop(one.name, [])
        if len(came) > 1 or (not came and one.event_id is None and not one.is_null):
            summary.wrong.append(f"{one.name}: dead letters {came}")
        if came and one.event_id is not None and one.kind not in _ASKED:
            summary.wrong.append(f"{one.name}: can be read, and is the dead letter {came}")
        if one.asks_collection and came != [Reason.DOCUMENT_MISSING]:
            summary.wrong.append(f"{one.name}: about a collection without an index, and dead letters {came}")
        if one.kind == "ticket" and one.event_id and one.event_id not in triaged:
            summary.wrong.append(f"{one.name}: no record of the ticket {one.event_id}")
        if one.kind in _ASKED and one.event_id is not None and not came:
            expected[one.event_id] += 1
        summary.outcomes[one.kind, came[0] if came else "taken" if one.event_id is not None else "a tombstone"] += 1
    own = letters.pop("", [])
    summary.wrong += [f"{name}: dead letters {came}, and it was not sent" for name, came in letters.items()]
    differences = {name: (expected[name], answers[name]) for name in expected | answers}
    missing = sum(wanted - there for wanted, there in differences.values() if wanted > there)
    if missing != len(own):  # a question of a triage member may be a dead letter too
        summary.wrong.append(f"{missing} answers missing, and {len(own)} dead letters without a name")
    summary.wrong += [
        f"question {name}: {there} answers of {wanted}"
        for name, (wanted, there) in differences.items()
        if there > wanted
    ]
