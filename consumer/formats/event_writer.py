"""Makes records of events, as the settings want them written."""

from __future__ import annotations

from spanstream.consumer.broker.protocols import Headers, Outgoing
from spanstream.schemas.codec import encode
from spanstream.schemas.triage import AnyEvent


class EventWriter:
    """Writes events as our JSON; the writer of a schema registry's frames stands in its place."""

    def open(self) -> bool:
        """Returns true once records can be made, which is at once; asked before each record, or some of them.

        Raises:
            TranslatorUnavailable: not yet; by a writer that needs something first.
            Stop: what it needs is not to be had.
        """
        return True

    def record(
        self, topic: str, key: bytes | None, event: AnyEvent, headers: Headers, partition: int | None = None
    ) -> Outgoing:
        """Returns the record of an event."""
        return Outgoing(topic, key, encode(event), headers, partition)
