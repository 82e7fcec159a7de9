"""Which records hold something of what is erased, and until when they stand."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Partition, Record, TopicSpec
from spanstream.consumer.operations.erasure.standing import ErasureTopic, Standing
from spanstream.consumer.operations.erasure.subjects import KeyKind, KnownIds, Subjects

TEXT = "The export stops with error FXP-4107."
TEXT_SHA256 = sha256(TEXT.encode()).hexdigest()
SUBJECTS = Subjects(KnownIds(frozenset({"d"})), KnownIds(frozenset({"T"})), frozenset({TEXT_SHA256}))
HOUR_MS = 3_600_000
COMPACTED = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(HOUR_MS)}
KEPT = {"cleanup.policy": "delete", "retention.ms": str(2 * HOUR_MS), "segment.ms": str(HOUR_MS)}


def record(key: str | None, value: Any, offset: int = 0, timestamp_ms: int = 1000) -> Record:
    raw = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return Record(Partition("t", 0), offset, None if key is None else key.encode(), raw, (), timestamp_ms)


CONCERNED = {
    "a document": (KeyKind.DOCUMENT, "d", {"document_id": "d", "text": TEXT}),
    "a value that is no event, under the key": (KeyKind.DOCUMENT, "d", b"\xff"),
    "an answer": (KeyKind.DOCUMENT, "q", {"document_id": "d", "document_sha256": TEXT_SHA256}),
    "an answer of a collection, from another document": (
        KeyKind.DOCUMENT,
        "q",
        {"document_id": "e", "document_sha256": "0" * 64, "alternatives": [{"document_id": "d"}]},
    ),
    "an answer for which it was looked at": (
        KeyKind.DOCUMENT,
        "q",
        {"document_id": None, "document_sha256": None, "collection": "kb", "retrieved": [{"document_id": "d"}]},
    ),
    "a question that brings the text along": (KeyKind.DOCUMENT, "q", {"question_id": "q", "context": TEXT}),
    "the answer to that": (KeyKind.DOCUMENT, "q", {"document_id": None, "document_sha256": TEXT_SHA256}),
    "a question about a ticket": (KeyKind.DOCUMENT, "x", {"document_id": "x", "metadata": {"triage.ticket_id": "T"}}),
    "an envelope of another format": (KeyKind.DOCUMENT, None, {"payload": {"after": [{"document_id": "d"}]}}),
    "a ticket": (KeyKind.TICKET, "T", {"ticket_id": "T", "body": TEXT}),
    "a ticket's state": (KeyKind.STATE, "ticket:T", {"ticket_id": "T"}),
    "a triage record of the document": (KeyKind.TICKET, "U", {"ticket_id": "U", "document": {"document_id": "d"}}),
    "a dead letter of a ticket": (KeyKind.ANY, "T", b"{"),
    "feedback on the document": (KeyKind.DOCUMENT, "d", {"document_id": "d", "span": {"text": "FXP-4107"}}),
    "a label of the document": (KeyKind.LABEL, "q", {"document_id": "d", "question_id": "q"}),
    "a label of the text inline": (KeyKind.LABEL, "q", {"document_sha256": TEXT_SHA256, "context": TEXT}),
    "a label of a ticket's field": (KeyKind.LABEL, "T\terror", b"\xff"),
    "feedback on a ticket's field": (KeyKind.DOCUMENT, "x", {"document_id": "x", "field": {"ticket_id": "T"}}),
    "a damaged record that names it": (KeyKind.ANY, None, b'{"ticket_id": "T", "body": '),
}


@pytest.mark.parametrize("name", CONCERNED)
def test_a_record_that_holds_something_of_them_is_found_whether_ids_are_plain_or_hashed(name: str) -> None:
    kind, key, value = CONCERNED[name]
    assert SUBJECTS.concern(record(key, value), kind)
    can_be_hashed = name != "a damaged record that names it"
    assert SUBJECTS.hashed_with("salt").concern(record(key, value), kind) is can_be_hashed


OTHERS = {
    "a tombstone": (KeyKind.DOCUMENT, "d", None),
    "another document of the same text": (KeyKind.DOCUMENT, "e", {"document_id": "e", "text": TEXT}),
    "an answer about that": (KeyKind.DOCUMENT, "e", {"document_id": "e", "document_sha256": TEXT_SHA256}),
    "a question about a collection": (KeyKind.DOCUMENT, "q", {"question_id": "q", "collection": "d"}),
    "a ticket with the document's id": (KeyKind.TICKET, "d", {"ticket_id": "d", "body": "b"}),
    "another ticket's state": (KeyKind.STATE, "ticket:U", {"ticket_id": "U"}),
    "a playbook": (KeyKind.STATE, "playbook:T", {"playbook": "small"}),
    "a label of another document, with the document's id": (KeyKind.LABEL, "d", {"document_id": "e"}),
    "a label of another ticket's field": (KeyKind.LABEL, "U\tT", {"document_id": "e", "field": {"ticket_id": "U"}}),
    "a context with another text": (KeyKind.DOCUMENT, "q", {"question_id": "q", "context": "another"}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_record_of_others_is_not(name: str) -> None:
    kind, key, value = OTHERS[name]
    assert not SUBJECTS.concern(record(key, value), kind)


def standing(config: dict[str, str], *records: Record, kind: KeyKind = KeyKind.DOCUMENT) -> Standing:
    found = Standing(ErasureTopic(TopicSpec("t", 1, 1, config), kind))
    for each in records:
        found.take(each, SUBJECTS)
    return found


def test_a_deleted_document_stands_until_the_compaction_after_its_tombstone() -> None:
    found = standing(COMPACTED, record("d", {"document_id": "d"}), record("d", None, 1, timestamp_ms=5000))
    assert (found.records, found.is_deleted, found.due_ms) == (1, True, 5000 + HOUR_MS)
    assert "first record" in found.until(6000)
    assert "--again" in found.until(5000 + HOUR_MS)


def test_a_document_that_is_not_deleted_or_came_again_has_no_end() -> None:
    again = standing(COMPACTED, record("d", b"{}"), record("d", None, 1), record("d", b"{}", 2))
    assert (again.records, again.is_deleted, again.due_ms) == (2, False, None)
    assert again.until(0) == "it is not deleted"
    again.delete(SUBJECTS, 7000)
    assert again.due_ms == 7000 + HOUR_MS


def test_what_another_record_of_its_key_replaced_goes_with_that() -> None:
    found = standing(
        COMPACTED, record("k", {"document_id": "d"}), record("k", {"document_id": "k", "text": ""}, 1, timestamp_ms=9)
    )
    assert (found.records, found.is_deleted, found.due_ms) == (1, True, 9 + HOUR_MS)


def test_a_topic_without_a_bound_says_so() -> None:
    config = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(2**63 - 1)}
    assert "topics create --alter" in standing(config, record("d", b"{}"), record("d", None, 1)).until(0)
    assert "topics create --alter" in standing(KEPT | {"retention.ms": "-1"}, record("d", b"{}")).until(0)


def test_a_record_that_age_removes_stands_for_the_retention_and_the_time_of_its_segment() -> None:
    found = standing(KEPT, record("d", b"{}", timestamp_ms=1000), record("d", b"{}", 1, timestamp_ms=3000))
    assert found.due_ms == 3000 + 3 * HOUR_MS
    assert "at the latest" in found.until(0)
    assert standing(KEPT, record("d", b"{}", timestamp_ms=2**62)).due_ms is None


def test_what_another_tickets_state_quotes_is_not_deleted_with_the_document() -> None:
    other = record("ticket:U", {"ticket_id": "U", "document": {"document_id": "d"}})
    found = standing(COMPACTED, other, record("ticket:T", {"ticket_id": "T"}), kind=KeyKind.STATE)
    assert found.records == 2
    found.delete(SUBJECTS, 7000)
    assert not found.is_deleted
    assert "triage run" in found.until(0)
