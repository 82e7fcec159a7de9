"""Which headers travel with a record that is sent again.

the dead letter's headers ── error headers, replicator, tracing: dropped ── the rest, in order, byte for byte
                             traceparent ──> replay.link                    + replay.attempt, .run, .source
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from spanstream.consumer.broker.protocols import Headers
from spanstream.consumer.replay.letters.ledger import REPLAY_ATTEMPT
from spanstream.schemas.cloudevents import TRACEPARENT

REPLAY_PREFIX: Final = "replay."
REPLAY_RUN: Final = "replay.run"
"""The run that sent the record."""
REPLAY_SOURCE: Final = "replay.source"
"""The dead letter that it was: `TOPIC/PARTITION/OFFSET`."""
REPLAY_LINK: Final = "replay.link"
"""The `traceparent` that the record had: the new processing is a trace of its own, which may link to the old one."""

DROPPED: Final = (
    # Why it failed is history, and what retried it must not count on.
    "dlq.*", "retry.*", "__connect.errors.*", "__streams.errors.*", "kafka_dlt-*", "kafka_exception-*",
    "kafka_original-*", "kafka_deliveryAttempt", "retry_topic-*", "springDeserializerException*",
    # A replicator drops what carries its own mark: the record would never reach the other cluster again.
    "__replicator_id",
    # The old trace is over: W3C, B3, Jaeger, Datadog, X-Ray, Elastic, Sentry, New Relic.
    "traceparent", "tracestate", "b3", "x-b3-*", "uber-trace-id", "x-datadog-*", "x-amzn-trace-id",
    "elastic-apm-traceparent", "sentry-trace", "newrelic",
    # Those of an earlier replay are replaced.
    "replay.*",
)  # fmt: skip
"""Shell patterns of the headers that do not travel, upper and lower case alike."""


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """What to do with a header, by its name; a later field wins over an earlier one, and all over `DROPPED`.

    Attributes:
        drop: shell patterns of more headers to drop.
        keep: shell patterns of headers to carry although they would be dropped.
        rename: new names by old ones; what is renamed travels.
    """

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()

    def apply(self, headers: Headers, *, attempt: int, run: str, source: str) -> Headers:
        """The headers to send: those that travel, in their order, and what this replay adds."""
        link = next((value for name, value in reversed(headers) if name == TRACEPARENT), None)
        ours = {REPLAY_ATTEMPT: str(attempt).encode(), REPLAY_RUN: run.encode(), REPLAY_SOURCE: source.encode()}
        if link is not None:
            ours[REPLAY_LINK] = link
        return (*self.travelling(headers), *ours.items())

    def travelling(self, headers: Headers) -> Headers:
        """The headers that are carried, under the names they get."""
        names = dict(self.rename)
        return tuple((names.get(name, name), value) for name, value in headers if self.travels(name))

    def travels(self, name: str) -> bool:
        """Whether a header is carried."""
        if name.startswith(REPLAY_PREFIX):
            return False  # a counter that could be kept by a policy would count nothing
        if any(name == old for old, _ in self.rename) or _matches(name, self.keep):
            return True
        return not (_matches(name, self.drop) or _matches(name, DROPPED))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
