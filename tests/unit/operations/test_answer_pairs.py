"""What the stream and the second model have answered, joined by question; with what people have said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.operations.answer_pairs import AnswerJoin, AnswerPairs
from spanstream.consumer.settings import Settings, TopicSettings
from spanstream.models.spans.agreement import Agreement, ModelAnswer, agreement
from spanstream.schemas.answer_parts import ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.triage import AnyEvent

TEXT = "The train leaves at 07:05 from platform 3."
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
NOW = datetime(2026, 2, 1, tzinfo=UTC)
TOPICS = TopicSettings()


def span(piece: str) -> Span:
    start = TEXT.index(piece)
    return Span(text=piece, char_start=start, char_end=start + len(piece))


def answer(name: str, piece: str | None, version: str = "1", confidence: float = 0.6, **fields: Any) -> Answer:
    ours: dict[str, Any] = {
        "question_id": name,
        "document_id": "d1",
        "document_sha256": SHA256,
        "status": "no_answer" if piece is None else "answered",
        "answer": None if piece is None else span(piece),
        "candidate": span(piece or "07:05"),
        "confidence": confidence,
        "null_score_diff": 0.0,
        "windows": WindowsRead(total=1, read=1),
        "model": ModelInfo(name="m", version=version, precision="int8", calibration=f"m-{version}"),
        "metadata": {},
        "answered_at": NOW,
    }
    return Answer(**(ours | fields))


def label(name: str, piece: str | None, **fields: Any) -> Feedback:
    ours: dict[str, Any] = {
        "question_id": name,
        "document_id": "d1",
        "document_sha256": SHA256,
        "question": "when?",
        "verdict": "corrected" if piece else "no_answer",
        "span": span(piece) if piece else None,
        "given_at": NOW,
    }
    return Feedback(**(ours | fields))


def joined(
    first: Iterable[Answer],
    second: Iterable[Answer],
    labels: Iterable[Feedback] | None = (),
    since_ms: int | None = None,
) -> AnswerPairs:
    broker = MemoryBroker()
    names = [TOPICS.answers, TOPICS.shadow_answers, *([] if labels is None else [TOPICS.labels])]
    for name in names:
        broker.create_topic(name, 2)
    records: list[tuple[str, str, AnyEvent]] = [(TOPICS.answers, "d1", event) for event in first]
    records += [(TOPICS.shadow_answers, "d1", event) for event in second]
    records += [(TOPICS.labels, event.label_key, event) for event in labels or ()]
    with broker.changed:
        broker.append(
            [Outgoing(topic, key.encode(), encode(event)) for topic, key, event in records],
            transactional=True,
        )
    return AnswerJoin(Settings(), broker.reader, SystemClock(), since_ms).pairs()


def told(pairs: AnswerPairs, first: str = "1") -> list[tuple[ModelAnswer, ModelAnswer]]:
    """Returns what this version and the second model have said."""
    return next(answers for (model, _), answers in pairs.by_models.items() if model.version == first)


def test_answers_are_joined_by_their_question_and_each_pair_of_models_is_told_apart() -> None:
    first = [answer("a", "07:05"), answer("b", "platform 3"), answer("c", None), answer("d", "07:05", version="0")]
    second = [answer(name, "07:05", version="2", confidence=0.7) for name in "abcd"]
    pairs = joined(first, second)
    assert {(one.version, other.version) for one, other in pairs.by_models} == {("1", "2"), ("0", "2")}
    assert [agreement(one.given, other.given) for one, other in told(pairs)] == [
        Agreement.SAME,
        Agreement.DIFFERENT,
        Agreement.ONE_DECLINED,
    ]
    assert {(one.confidence, other.confidence) for one, other in told(pairs)} == {(0.6, 0.7)}
    assert len(told(pairs, "0")) == 1
    assert (pairs.first_alone, pairs.second_alone, pairs.labelled) == (0, 0, 0)
    assert {one.right for one, _ in told(pairs)} == {None}


def test_a_second_answer_that_came_twice_counts_once_and_what_is_alone_is_counted() -> None:
    first = [answer("a", "07:05"), answer("b", "07:05"), answer("a", "07:05")]
    second = [answer("a", None, version="2"), answer("a", "07:05", version="2"), answer("x", None, version="2")]
    pairs = joined(first, second)
    [(one, other)] = told(pairs)
    assert agreement(one.given, other.given) == Agreement.SAME
    assert (pairs.first_alone, pairs.second_alone) == (2, 1)


def test_two_answers_about_different_versions_of_a_document_are_not_joined() -> None:
    pairs = joined([answer("a", "07:05")], [answer("a", "07:05", version="2", document_sha256="0" * 64)])
    assert (pairs.by_models, pairs.first_alone, pairs.second_alone) == ({}, 1, 1)


def test_two_answers_to_a_collection_are_joined_though_they_quote_two_documents() -> None:
    elsewhere: dict[str, Any] = {"document_id": "d2", "document_sha256": "0" * 64}
    first = [answer(name, "07:05", collection="kb") for name in "abc"]
    second = [
        answer("a", "07:05", version="2", collection="kb", **elsewhere),
        answer("b", None, version="2", collection="kb", **elsewhere),
        answer("c", "07:05", version="2", collection="kb", document_sha256="0" * 64),
    ]
    pairs = joined(first, second, [label("a", "07:05")])
    assert [one.agreement_with(other) for one, other in told(pairs)] == [Agreement.DIFFERENT, Agreement.ONE_DECLINED]
    assert [(one.right, other.right) for one, other in told(pairs)] == [(True, None), (None, None)]
    assert (pairs.first_alone, pairs.second_alone) == (1, 1)  # of c, d1 has changed between them


def test_labels_of_people_tell_who_is_right() -> None:
    first = [answer("a", "07:05"), answer("b", "platform 3"), answer("c", "07:05"), answer("d", None)]
    second = [answer("a", "07:05", version="2"), answer("b", "3", version="2"), answer("c", None, version="2")]
    second.append(answer("d", "07:05", version="2"))
    labels = [label("a", "07:05"), label("b", "3"), label("c", None), label("d", "07:05", source="suggested")]
    pairs = joined(first, second, labels)
    assert [(one.right, other.right) for one, other in told(pairs)] == [
        (True, True),
        (False, True),
        (False, True),
        (None, None),
    ]
    assert pairs.labelled == 3


def test_labels_of_another_text_and_of_who_is_unsure_tell_nothing() -> None:
    labels = [label("a", "07:05", document_sha256="0" * 64), label("b", None, verdict="unsure")]
    first, second = ([answer(name, piece) for name in "ab"] for piece in ("07:05", None))
    pairs = joined(first, second, labels)
    assert (pairs.labelled, [one.right for one, _ in told(pairs)]) == (0, [None, None])


def test_a_topic_of_labels_that_is_not_there_is_a_note() -> None:
    pairs = joined([answer("a", "07:05")], [answer("a", None, version="2")], None)
    assert len(told(pairs)) == 1
    assert TOPICS.labels in pairs.notes[0]


def test_older_answers_are_left_out() -> None:
    both = [answer("a", "07:05")], [answer("a", "07:05", version="2")]
    assert len(joined(*both, since_ms=1).by_models) == 1
    assert joined(*both, since_ms=9_000_000_000_000).by_models == {}
