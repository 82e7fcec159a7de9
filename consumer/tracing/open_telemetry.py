"""Makes spans with OpenTelemetry's SDK, named and described by its conventions for messaging and Kafka.

A record's `process` span is a child of the trace context in its headers, and links to it: so one trace holds all that
a record led to. A chunk has a span of its own, in a trace of its own, that links to the spans of its records.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers

from spanstream.consumer.broker.protocols import Headers, Partition, Record
from spanstream.consumer.errors import Stop
from spanstream.consumer.tracing.tracing import Processed, Tracing, below
from spanstream.consumer.version import program_version
from spanstream.schemas.cloudevents import MAX_TRACESTATE_BYTES, TRACEPARENT, TRACESTATE, trace_context

_SCOPE: Final = "spanstream"
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# Seconds that a stop may take longer for a collector that does not answer.
_FLUSH_SECONDS: Final = 3.0


class _Followed(NamedTuple):
    """A span and when it began, nanoseconds since the epoch: a span that is not sampled does not know it."""

    span: Span
    began_ns: int


class OpenTelemetryTracing(Tracing):
    """Follows records; `begin`, `end`, `drop` and `forget` are for one thread, the rest for any.

    Args:
        provider: makes the spans, and is shut down with this.
        group: the consumer group of whoever processes the records.
        client: its client id.
    """

    def __init__(self, provider: TracerProvider, *, group: str, client: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(_SCOPE, program_version())
        self._propagator = TraceContextTextMapPropagator()
        self._attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": group,
            "messaging.client.id": client,
        }
        self._followed: dict[tuple[Partition, int], _Followed] = {}

    def begin(self, records: Iterable[Record]) -> None:
        """Begins a span for each record."""
        for record in records:
            parent = self._parent(record)
            created = get_current_span(parent).get_span_context()
            topic, number = record.partition
            span = self._tracer.start_span(
                f"process {topic}",
                parent,
                SpanKind.CONSUMER,
                {
                    **self._attributes,
                    "messaging.operation.name": "process",
                    "messaging.destination.name": topic,
                    "messaging.destination.partition.id": str(number),
                    "messaging.kafka.offset": record.offset,
                },
                [Link(created)] if created.is_valid else None,
            )
            self._followed[record.partition, record.offset] = _Followed(span, time.time_ns())

    def context(self, record: Record) -> Mapping[str, str]:
        """Returns the trace context of a record's span; empty where it was not begun."""
        followed = self._followed.get((record.partition, record.offset))
        context: dict[str, str] = {}
        if followed is not None:
            self._propagator.inject(context, set_span_in_context(followed.span, Context()))
        return context

    def headers(self, record: Record) -> Headers:
        """Returns a record's headers with its span's trace context in the place of its own."""
        return below(record.headers, self.context(record))

    def end(self, processed: Iterable[Processed]) -> None:
        """Ends the spans of a chunk's records; a dead letter's has its reason as the error."""
        outcomes: Counter[str] = Counter()
        ended: list[_Followed] = []
        for record, outcome, reason in processed:
            followed = self._followed.pop((record.partition, record.offset), None)
            if followed is None:
                continue
            outcomes[outcome] += 1
            ended.append(followed)
            followed.span.set_attribute("spanstream.outcome", outcome)
            if reason is not None:
                followed.span.set_attribute("error.type", reason)
                followed.span.set_status(Status(StatusCode.ERROR))
            followed.span.end()
        if ended:
            self._chunk(ended, outcomes)

    def drop(self, records: Iterable[Record]) -> None:
        """Drops the spans of records that come again; a span that is not ended is not sent."""
        for record in records:
            self._followed.pop((record.partition, record.offset), None)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drops the spans of partitions that another member owns now."""
        for place in [place for place in self._followed if place[0] in partitions]:
            del self._followed[place]

    def close(self) -> None:
        """Sends what is not sent yet, for a few seconds at most: the SDK would try for half a minute."""
        flush = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        flush.start()
        flush.join(_FLUSH_SECONDS)

    def _parent(self, record: Record) -> Context:
        """Returns the trace context in a record's headers; without a valid one, one that begins a trace."""
        traceparent, tracestate = trace_context(record.headers)
        carrier: dict[str, str] = {}
        if traceparent is not None:
            carrier[TRACEPARENT] = traceparent.decode("ascii", "replace")
        if tracestate is not None and len(tracestate) <= MAX_TRACESTATE_BYTES:
            carrier[TRACESTATE] = tracestate.decode("ascii", "replace")
        return self._propagator.extract(carrier, Context())

    def _chunk(self, ended: list[_Followed], outcomes: Mapping[str, int]) -> None:
        contexts = (followed.span.get_span_context() for followed in ended)
        span = self._tracer.start_span(
            "process_chunk",
            Context(),
            SpanKind.CONSUMER,
            {
                **self._attributes,
                "messaging.operation.name": "process_chunk",
                "messaging.batch.message_count": len(ended),
                **{f"spanstream.outcomes.{outcome}": count for outcome, count in outcomes.items()},
            },
            [Link(context) for context in contexts if context.trace_flags.sampled],
            start_time=min(followed.began_ns for followed in ended),
        )
        span.end()


def open_provider() -> TracerProvider:
    """Returns what makes spans and sends them, as the standard variables `OTEL_*` say.

    Raises:
        Stop: a variable asks for what there is not.
    """
    protocol = next((value for name in _PROTOCOLS if (value := os.environ.get(name))), "http/protobuf")
    if protocol != "http/protobuf":
        raise Stop(f"traces are sent as http/protobuf, not {protocol}", hint="unset OTEL_EXPORTER_OTLP_PROTOCOL")
    _check_headers()
    ours = Resource({"service.name": _SCOPE, "service.version": program_version() or "unknown"})
    resource = Resource.create(ours.merge(OTELResourceDetector().detect()).attributes)
    try:
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except ValueError as error:
        raise Stop(f"traces cannot be sent: {error}", hint="look at the variables OTEL_*") from error
    return provider


def _check_headers() -> None:
    """Refuses headers for the collector that cannot be read: the SDK would quote them in the log, secrets and all."""
    logging.getLogger(parse_env_headers.__module__).disabled = True
    for name in _HEADERS:
        pieces = [piece for piece in os.environ.get(name, "").split(",") if piece.strip()]
        if not all(parse_env_headers(piece, liberal=True) for piece in pieces):
            raise Stop(f"{name} is not a list of name=value, with commas between them")
