"""Makes dead letters as the consumer writes them, each with a name of its own."""

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
    """Makes a dead letter of a question that failed `minutes` after `EPOCH`; an empty value becomes question `name`."""
    letter = DeadLetter(
        reason=reason,
        detail=fields.pop("detail", f"about {name}"),
        stage=Stage.RESOLVE,
        topic=origin,
        partition=origin_partition,
        offset=origin_offset,
        timestamp_ms=fields.pop("timestamp_ms", 1_767_312_000_123),
        attempt=1,
        failed_at=EPOCH + timedelta(minutes=minutes),
        candidate=fields.pop("candidate", None),
    )
    own = (("own", name.encode()), *headers)
    return Outgoing(topic, key, question_value(name) if value == b"" else value, to_headers(letter, own), **fields)


def name_of(headers: Headers) -> str:
    """Returns the name that `dead_letter` gave the record."""
    return next((value or b"").decode() for name, value in headers if name == "own")
