"""Decides which headers a record that is sent again carries.

the dead letter's headers ── error headers, replicator, tracing: dropped ── the rest, in order, byte for byte
                             traceparent ──> replay.link                    + replay.attempt, .run, .source, .timestamp
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from spanstream.consumer.broker.protocols import Headers
from spanstream.consumer.replay.ledger import REPLAY_ATTEMPT
from spanstream.consumer.replay.letters.letter import as_time
from spanstream.schemas.cloudevents import TRACEPARENT

REPLAY_PREFIX: Final = "replay."
REPLAY_RUN: Final = "replay.run"
"""The run that sent the record."""
REPLAY_SOURCE: Final = "replay.source"
"""The dead letter that was sent again: `TOPIC/PARTITION/OFFSET`."""
REPLAY_TIMESTAMP: Final = "replay.timestamp"
"""When the record was first written, milliseconds since the epoch, decimal: its new timestamp is that of the replay."""
REPLAY_LINK: Final = "replay.link"
"""The record's former `traceparent`: the new processing is a trace of its own that can link to the old one."""

_MOST_DIGITS: Final = len(str(2**63))

DROPPED: Final = (
    # The error is past, and retry counters must begin again.
    "dlq.*", "retry.*", "__connect.errors.*", "__streams.errors.*", "kafka_dlt-*", "kafka_exception-*",
    "kafka_original-*", "kafka_deliveryAttempt", "retry_topic-*", "springDeserializerException*",
    # A replicator drops records with its own mark: the record would never reach the other cluster again.
    "__replicator_id",
    # The old trace is over: W3C, B3, Jaeger, Datadog, X-Ray, Elastic, Sentry, New Relic.
    "traceparent", "tracestate", "b3", "x-b3-*", "uber-trace-id", "x-datadog-*", "x-amzn-trace-id",
    "elastic-apm-traceparent", "sentry-trace", "newrelic",
    # Headers of an earlier replay are replaced.
    "replay.*",
)  # fmt: skip
"""Shell patterns of the headers that are not carried, upper and lower case alike."""


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """Which headers to drop, keep and rename; a later field wins over an earlier one, and all over `DROPPED`.

    Attributes:
        drop: shell patterns of more headers to drop.
        keep: shell patterns of headers to carry that would otherwise be dropped.
        rename: pairs of an old and a new name; a renamed header is carried.
    """

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()

    def apply(self, headers: Headers, *, attempt: int, run: str, source: str, written_ms: int | None = None) -> Headers:
        """Returns the headers to send: the carried ones in their order, and those that this replay adds."""
        link = next((value for name, value in reversed(headers) if name == TRACEPARENT), None)
        ours = {REPLAY_ATTEMPT: str(attempt).encode(), REPLAY_RUN: run.encode(), REPLAY_SOURCE: source.encode()}
        if written_ms is not None:
            ours[REPLAY_TIMESTAMP] = str(written_ms).encode()
        if link is not None:
            ours[REPLAY_LINK] = link
        return (*self.carried(headers), *ours.items())

    def carried(self, headers: Headers) -> Headers:
        """Returns the headers that are carried, under their new names."""
        names = dict(self.rename)
        return tuple((names.get(name, name), value) for name, value in headers if self.carries(name))

    def carries(self, name: str) -> bool:
        """Returns whether a header is carried."""
        if name.startswith(REPLAY_PREFIX):
            return False  # a policy must not carry an old count on
        if any(name == old for old, _ in self.rename) or _matches(name, self.keep):
            return True
        return not (_matches(name, self.drop) or _matches(name, DROPPED))


def written_at_origin(headers: Headers, timestamp_ms: int | None) -> int | None:
    """Returns when a record was first written: by its `replay.timestamp`, else this timestamp, if it is a time."""
    value = next((value for name, value in reversed(headers) if name == REPLAY_TIMESTAMP), None) or b""
    own = int(value) if value.isdigit() and len(value) <= _MOST_DIGITS else timestamp_ms
    return as_time(own)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
