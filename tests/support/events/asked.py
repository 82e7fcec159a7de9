"""Records as a consumer reads them, made by hand."""

from __future__ import annotations

import json
from typing import Any

from spanstream.consumer.answering.question_record import QuestionRecord, read_retry_headers
from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.consumer.settings import TopicSettings
from spanstream.schemas.dead_letters import Reason, Retry

TOPICS = TopicSettings()


def asked(
    name: str = "q",
    document_id: str | None = "d",
    *,
    at: tuple[int, int] = (0, 0),
    topic: str = TOPICS.questions,
    headers: Headers = (),
    **fields: Any,
) -> QuestionRecord:
    """Makes a question's record; `at` is (partition, offset). Without a `document_id`, give a `context`."""
    event = {"question_id": name, "question": "where from ?", "document_id": document_id, **fields}
    key = document_id.encode() if document_id is not None else None
    return read_retry_headers(Record(Partition(topic, at[0]), at[1], key, json.dumps(event).encode(), headers, 1_000))


def retried(
    due_ms: int, name: str = "q", document_id: str | None = "d", *, attempt: int = 1, **fields: Any
) -> QuestionRecord:
    """Makes a record of the retries topic that first stood at offset 7 of partition 1 of the questions."""
    retry = Retry(
        attempt=attempt,
        due_ms=due_ms,
        reason=Reason.DOCUMENT_MISSING,
        detail="not yet",
        topic=TOPICS.questions,
        partition=1,
        offset=7,
        timestamp_ms=500,
    )
    own = fields.pop("headers", ())
    return asked(name, document_id, topic=TOPICS.retries, headers=retry.to_headers(own), **fields)
