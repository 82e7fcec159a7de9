"""Tries a mapping on sample records, as the stream would read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic_core import from_json, to_json

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.mapping.field_mapping import CompiledMapping
from spanstream.schemas.codec import encode
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from spanstream.schemas.mapping import EventKind, RecordMapping
from spanstream.schemas.triage import AnyEvent


@dataclass(frozen=True, slots=True)
class TriedSample:
    """What one record becomes as one kind of event: the event as JSON, or why it is refused."""

    number: int
    kind: EventKind
    event: bytes | None
    error: InvalidRecord | None = None


def samples_in(content: bytes) -> list[bytes]:
    """Returns the records in a file: one JSON value, an array of them, or one on each line."""
    try:
        value = from_json(content)
    except ValueError:
        return [line for line in content.split(b"\n") if line.strip()]
    return [to_json(item) for item in value] if isinstance(value, list) else [content]


def try_samples(mapping: RecordMapping, samples: list[bytes], limits: Limits) -> Iterator[TriedSample]:
    """Yields what each record becomes, as each kind of event that the mapping makes; `number` counts from 1."""
    compiled = {kind: [CompiledMapping(kind, getattr(mapping, kind))] for kind in mapping.kinds}
    formats = EventFormats(limits, **compiled)
    read: dict[EventKind, Callable[[Outgoing], AnyEvent]] = {
        "documents": formats.document,
        "questions": formats.question,
        "tickets": formats.ticket,
    }
    for number, sample in enumerate(samples, start=1):
        for kind in mapping.kinds:
            try:
                event = read[kind](Outgoing(kind, None, sample))
            except InvalidRecord as error:
                yield TriedSample(number, kind, None, error)
            else:
                yield TriedSample(number, kind, encode(event))
