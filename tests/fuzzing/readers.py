"""Runs one record through everything that reads its topic, and says what became of it: exactly one outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Final

from rich.console import Console

from spanstream.consumer.answering.outcomes import dead_letter_of
from spanstream.consumer.answering.question_record import read_retry_headers
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.errors import Stop
from spanstream.consumer.feedback.checking import make_label
from spanstream.consumer.replay.display.letters import letter_json, letter_panel, letters_table
from spanstream.consumer.replay.ledger import Ledger
from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import LetterState, SeenLetter
from spanstream.consumer.replay.letters.summary import LetterSummary
from spanstream.consumer.replay.planning.planner import ReplayOutcome
from spanstream.consumer.triage.state.ticket_state import decode_state, is_ticket
from spanstream.consumer.triage.state.transaction import TriageTransaction
from spanstream.schemas.codec import (
    check_key,
    decode_document,
    decode_feedback,
    decode_label,
    decode_question,
    decode_triage,
    encode,
)
from spanstream.schemas.dead_letters import Stage, from_headers
from spanstream.schemas.errors import InvalidRecord
from tests.fuzzing.scene import DEAD_LEDGER, DOCUMENT, SELECTION, TOPIC_ID, TOPICS, FuzzScene, outgoing_record, planner

# Every so many dead letters one is drawn on a screen too, which is slow.
_DRAWN: Final = 8


def outcome_of(scene: FuzzScene, record: Record) -> str:
    """Returns the one outcome of a record.

    Raises:
        Exception: the program raised what it names nowhere, or what it made of the record contradicts itself.
    """
    return _READERS[record.partition.topic](scene, record)


def _document(scene: FuzzScene, record: Record) -> str:
    try:
        document = decode_document(record.value or b"", scene.limits)
        check_key(record.key, document.document_id)
    except InvalidRecord as error:
        return _refused(scene, record, error)
    assert decode_document(encode(document), scene.limits) == document
    return "valid"


def _question(scene: FuzzScene, record: Record) -> str:
    read = read_retry_headers(record)
    try:
        if read.headers_error is not None:
            raise read.headers_error
        question = decode_question(record.value or b"", scene.limits)
        check_key(record.key, question.document_id)
    except InvalidRecord as error:
        return _refused(scene, record, error)
    assert decode_question(encode(question), scene.limits) == question
    return "valid"


def _feedback(scene: FuzzScene, record: Record) -> str:
    """Makes a label of it, or its dead letter."""
    try:
        feedback = decode_feedback(record.value or b"", scene.limits)
        check_key(record.key, feedback.document_id)
        assert decode_feedback(encode(feedback), scene.limits) == feedback
        label = make_label(feedback, {DOCUMENT.document_id: DOCUMENT}.get)
    except InvalidRecord as error:
        return _refused(scene, record, error)
    assert decode_label(encode(label)) == label
    return "labelled"


def _refused(scene: FuzzScene, record: Record, error: InvalidRecord) -> str:
    """Makes the dead letter of a record, and reads it as replay does."""
    now_ms = scene.clock.now_ms()
    letter = dead_letter_of(record, error.reason, error.detail, Stage.DECODE, topic=TOPICS.dead_letters, now_ms=now_ms)
    _check_letter(scene, record, letter)
    return error.reason


def _check_letter(scene: FuzzScene, record: Record, letter: Outgoing) -> None:
    assert (letter.key, letter.value) == (record.key, record.value)
    said = from_headers(letter.headers)
    assert (said.topic, said.offset) == (record.partition.topic, record.offset)
    read = read_letter(outgoing_record(record, letter))
    assert (read.problem, read.reason, read.topic) == (None, said.reason, said.topic)
    _replay(scene, outgoing_record(record, letter))


def _ticket(scene: FuzzScene, record: Record) -> str:
    transaction = scene.transaction()
    scene.processor.apply_record(record, transaction)
    scene.processor.decide_tickets_with_news(transaction)
    outcomes = [name for (group, name), count in transaction.counts.items() if group == "tickets" for _ in range(count)]
    assert len(outcomes) == len(transaction.ticket_reasons) == 1, outcomes
    if outcomes == ["dead_letter"]:
        (letter,) = transaction.outgoing
        _check_letter(scene, record, letter)
        return str(transaction.ticket_reasons[0])
    _check_sent(scene, record, transaction)
    return outcomes[0]


def _check_sent(scene: FuzzScene, record: Record, transaction: TriageTransaction) -> None:
    """Checks that what was published can be read by those it is for, and what is kept by the next owner."""
    for sent in (outgoing_record(record, outgoing) for outgoing in transaction.outgoing):
        if sent.partition.topic == TOPICS.documents and sent.value is not None:
            check_key(sent.key, decode_document(sent.value, scene.limits).document_id)
        elif sent.partition.topic == TOPICS.questions:
            check_key(sent.key, decode_question(sent.value or b"", scene.limits).document_id)
        elif sent.partition.topic == TOPICS.triage:
            check_key(sent.key, decode_triage(sent.value or b"").ticket_id, "ticket_id")
    for (_, key), value in transaction.changes.items():
        assert value is None or not is_ticket(key) or decode_state(value).key == key


def _answer(scene: FuzzScene, record: Record) -> str:
    transaction = scene.transaction()
    scene.processor.apply_record(record, transaction)
    scene.processor.decide_tickets_with_news(transaction)
    _check_sent(scene, record, transaction)
    records = sum(outgoing.topic == TOPICS.triage for outgoing in transaction.outgoing)
    assert records <= 1
    return "record made" if records else "kept" if transaction.changes else "passed over"


def _dead_letter(scene: FuzzScene, record: Record) -> str:
    return f"{_answer(scene, record)}, {_replay(scene, record)}"


def _replay(scene: FuzzScene, record: Record) -> str:
    """Reads, counts, shows and plans a dead letter."""
    letter = read_letter(record)
    seen = SeenLetter(letter, 0, LetterState.OPEN)
    summary = LetterSummary()
    summary.add(seen)
    for shown in (letter_json(seen, whole=True), summary.to_json()):
        json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()
    SELECTION.matches(letter, 0, LetterState.OPEN)
    if record.offset % _DRAWN == 0:
        console = Console(file=StringIO(), width=100)
        console.print(letters_table([seen]), letter_panel(seen, "the text of it", width=100, plain=True))
    attempts = Ledger(DEAD_LEDGER, TOPIC_ID).attempts_of(letter)
    step = planner(scene, record.offset).plan(letter, attempts)
    assert (
        (step.outgoing is None) == (step.outcome is ReplayOutcome.REFUSED) == bool(step.why and step.outgoing is None)
    )
    assert (step.identity is not None) == (step.outcome is ReplayOutcome.REPLAYED)
    return step.outcome


def _triage(scene: FuzzScene, record: Record) -> str:
    del scene
    try:
        triage = decode_triage(record.value or b"")
    except InvalidRecord as error:
        return error.reason
    assert decode_triage(encode(triage)) == triage
    return "valid"


def _state(scene: FuzzScene, record: Record) -> str:
    """Lets a new owner read the state, and does what is due ten years from now."""
    number, topic = record.partition.number, record.partition.topic
    scene.broker.create_topic(topic, scene.partitions)
    with scene.broker.changed:
        written = Outgoing(topic, record.key, record.value, partition=number)
        scene.broker.append([written], transactional=True)
    try:
        store = scene.loaded(Partition(topic, number))
        transaction = scene.transaction(store)
        until = {number: scene.later_clock.monotonic()}
        misplaced = store.misplaced(until)
        due = [*store.overdue(until, 9), *store.expired(until, 9)]
        for _, key in due:
            scene.later_processor.apply_deadline(number, key, transaction)
    except Stop:
        return "stops the member"
    _check_sent(scene, record, transaction)
    assert len(misplaced) + len(due) <= 1
    done = [name for group, name in transaction.counts if group in {"tickets", "records"}]
    return done[0] if done else "misplaced" if misplaced else "no ticket, or due later"


def _ledger(scene: FuzzScene, record: Record) -> str:
    del scene
    ledger = Ledger(DEAD_LEDGER, TOPIC_ID)
    try:
        ledger.apply_record(record)
    except Stop:
        return "stops the replay"
    place = Record(Partition(TOPICS.dead_letters, 0), 3, None, None)
    ledger.state_of(place)
    ledger.run_of(place)
    ledger.attempts_of(read_letter(place))
    for entry in ledger.tombstones({Partition(TOPICS.dead_letters, number): 50 for number in range(3)}):
        assert entry.key is not None
    return "an entry"


_READERS: Final[Mapping[str, Callable[[FuzzScene, Record], str]]] = {
    TOPICS.documents: _document,
    TOPICS.questions: _question,
    TOPICS.retries: _question,
    TOPICS.tickets: _ticket,
    TOPICS.answers: _answer,
    TOPICS.feedback: _feedback,
    TOPICS.dead_letters: _dead_letter,
    TOPICS.triage: _triage,
    TOPICS.triage_state: _state,
    DEAD_LEDGER: _ledger,
}
