"""Says what the loops tell of their records, and which headers they get for what they publish.

begin -> (headers, context, ids, while a record is worked on) -> end, once it is committed; or drop: it comes again
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.schemas.cloudevents import TRACEPARENT, TRACESTATE


class Processed(NamedTuple):
    """A record that is done, what became of it, and the reason of its dead letter if that is it."""

    record: Record
    outcome: str
    reason: str | None = None


class Tracing:
    """Follows nothing: the form that runs where traces are off."""

    def begin(self, records: Iterable[Record]) -> None:
        """Begins a span for each record, a child of the trace context in its headers."""

    def context(self, record: Record) -> Mapping[str, str]:  # noqa: ARG002  nothing is followed here
        """Returns the headers that put what a record leads to below its span; empty where it has none."""
        return {}

    def end(self, processed: Iterable[Processed]) -> None:
        """Ends the spans of records that were committed together, and makes the span of their chunk."""

    def drop(self, records: Iterable[Record]) -> None:
        """Drops the spans of records that were not committed: they come again."""

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drops the spans of all records of these partitions: another member works on them now."""

    def close(self) -> None:
        """Sends what is not sent yet."""

    def headers(self, record: Record) -> Headers:
        """Returns a record's headers as they travel on: its own, byte for byte, below its span where it has one."""
        return record.headers

    def ids(self, record: Record) -> Mapping[str, str]:
        """Returns the fields for log lines about a record; empty where it has no span."""
        return ids_of(self.context(record))


OFF = Tracing()


def below(headers: Headers, context: Mapping[str, str]) -> Headers:
    """Puts a trace context in the place of the one in the headers; without a context they stay as they are."""
    if not context:
        return headers
    kept = (header for header in headers if header[0] not in {TRACEPARENT, TRACESTATE})
    return (*kept, *((name, value.encode()) for name, value in context.items()))


def ids_of(context: Mapping[str, str]) -> Mapping[str, str]:
    """Returns a context's ids as OpenTelemetry names them in logs; empty for an empty context."""
    if not context:
        return {}
    _, trace_id, span_id, _ = context[TRACEPARENT].split("-")
    return {"trace_id": trace_id, "span_id": span_id}
