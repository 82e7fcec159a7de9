"""Dead letters as the consumer writes them, made by hand: many, of mixed reasons, each with a name of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from spanstream.consumer.broker.protocols import Headers, Outgoing
from spanstream.schemas.dead_letters import DeadLetter, Reason, Stage, to_headers

# When the first of them failed.
EPOCH = datetime(2026, 1, 31, 12, tzinfo=UTC)


def question_value(name: str, document_id: str = "d", **fields: Any) -> bytes:
    return json.dumps({"question_id": name, "question": "where from ?", "document_id": document_id, **fields}).encode()


def dead_letter(
    topic: str,
    name: str,
    reason: Reason = Reason.DOCUMENT_MISSING,
    *,
    origin: str = "qa.questions",
    origin_partition: int = 0,
    origin_offset: int = 0,
    minutes: float = 0,
    key: bytes | None = b"d",
    value: bytes | None = b"",
    headers: Headers = (),
    **fields: Any,
) -> Outgoing:
    """A dead letter of a question; `minutes` after `EPOCH` it failed. An empty value becomes the question `name`."""
    letter = DeadLetter(
        reason=reason,
        detail=fields.pop("detail", f"about {name}"),
        stage=Stage.RESOLVE,
        topic=origin,
        partition=origin_partition,
        offset=origin_offset,
        timestamp_ms=1_767_312_000_123,
        attempt=1,
        failed_at=EPOCH + timedelta(minutes=minutes),
        candidate=fields.pop("candidate", None),
    )
    own = (("own", name.encode()), *headers)
    return Outgoing(topic, key, question_value(name) if value == b"" else value, to_headers(letter, own), **fields)


def name_of(headers: Headers) -> str:
    """The name that `dead_letter` gave the record."""
    return next((value or b"").decode() for name, value in headers if name == "own")
