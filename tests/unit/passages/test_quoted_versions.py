"""The judge of the kill tests notices each way in which a quote can be wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spanstream.consumer.broker.protocols import Partition, Record
from spanstream.models.text.tokenization import sha256_of
from spanstream.schemas.answer_parts import Alternative, ModelInfo, Span, WindowsRead
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer, Document
from tests.support.passages.quoted_versions import AskedScope, QuotedVersions

OLD, NEW = "The code is E1.", "The code is E2."


def record(offset: int, text: str | None, collection: str = "kb", shift: str = "day") -> Record:
    value = None
    if text is not None:
        document = Document(document_id="d", text=text, collections=[collection], metadata={"shift": shift})
        value = encode(document)
    return Record(Partition("documents", 1), offset, b"d", value)


def quoting(text: str, span: Span, alternative: Alternative | None = None) -> Answer:
    """Returns an answer that quotes a version."""
    return Answer(
        question_id="q",
        document_id="d",
        document_sha256=sha256_of(text),
        status="no_answer",
        answer=None,
        candidate=span,
        confidence=0.1,
        null_score_diff=0.0,
        windows=WindowsRead(total=1, read=1),
        model=ModelInfo(name="m", version="1", precision="int8", calibration="c"),
        metadata={},
        answered_at=datetime(2026, 11, 25, tzinfo=UTC),
        alternatives=[] if alternative is None else [alternative],
        collection="kb",
    )


def wrong(records: list[Record], answer: Answer, end: int, **filtered: str) -> list[str]:
    return [
        why.rpartition(": ")[2]
        for why in QuotedVersions(records).wrong(answer, AskedScope("kb", filtered, {0: 99, 1: end}))
    ]


E1, E2 = Span(text="E1", char_start=12, char_end=14), Span(text="E2", char_start=12, char_end=14)
UPDATED, DELETED = [record(3, OLD), record(7, NEW)], [record(3, OLD), record(7, None)]
REPLACED = "deleted or replaced before the question was asked"
OUTSIDE = "not in what was asked since the question was"


@pytest.mark.parametrize("records", [UPDATED, DELETED])
def test_a_version_may_be_quoted_if_it_was_the_latest_one_when_the_question_was_asked_or_later(
    records: list[Record],
) -> None:
    assert wrong(records, quoting(OLD, E1), 7) == []
    assert wrong(records, quoting(OLD, E1), 8) == [REPLACED]


def test_a_version_that_came_after_the_question_may_be_quoted_and_one_that_never_came_may_not() -> None:
    assert wrong(UPDATED, quoting(NEW, E2), 0) == []
    assert wrong(DELETED, quoting(NEW, E2), 0) == [REPLACED]
    assert wrong([], quoting(NEW, E2), 0) == [REPLACED]


def test_a_text_that_came_back_may_be_quoted() -> None:
    assert wrong([*UPDATED, record(9, OLD)], quoting(OLD, E1), 8) == []


def test_a_document_that_left_what_is_searched_may_not_be_quoted() -> None:
    for left in (record(7, OLD, "archive"), record(7, OLD, shift="night")):
        assert wrong([record(3, OLD), left], quoting(OLD, E1), 7, shift="day") == []
        assert wrong([record(3, OLD), left], quoting(OLD, E1), 8, shift="day") == [OUTSIDE]


def test_a_quote_stands_in_the_text_and_an_alternative_is_one() -> None:
    assert wrong(UPDATED, quoting(NEW, E1), 8) == ["it does not stand there"]
    stale = Alternative(
        span=Span(text="The", char_start=0, char_end=3),
        document_id="d",
        document_sha256=sha256_of(OLD),
        confidence=0.1,
        null_score_diff=0.0,
        window=1,
    )
    assert wrong(UPDATED, quoting(NEW, E2, stale), 8) == [REPLACED]
