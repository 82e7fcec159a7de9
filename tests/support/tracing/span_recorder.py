"""Records the spans that a program under test ends, with OpenTelemetry's own SDK."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from spanstream.consumer.broker.protocols import Headers, Record
from spanstream.consumer.tracing.open_telemetry import OpenTelemetryTracing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PRODUCER = "b7ad6b7169203331"
PRODUCED: Headers = (("traceparent", f"00-{TRACE}-{PRODUCER}-01".encode()),)
"""The headers of a producer that samples."""


class SpanRecorder:
    """A tracing whose spans a test can look at."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = OpenTelemetryTracing(provider, group="the-group", client="the-client")

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def open(self) -> int:
        """How many records have a span that is neither ended nor dropped."""
        return len(self.tracing._followed)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]


def context_of(span: ReadableSpan) -> SpanContext:
    context: SpanContext | None = span.context
    assert context is not None
    return context


def traceparent_of(span: ReadableSpan) -> bytes:
    """The header that puts a record right below a span."""
    context = context_of(span)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}".encode()


def parent_of(span: ReadableSpan) -> str | None:
    """The id of a span's parent."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def is_below(record: Record, span: ReadableSpan) -> bool:
    return [value for name, value in record.headers if name == "traceparent"] == [traceparent_of(span)]
