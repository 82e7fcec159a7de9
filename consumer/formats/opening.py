"""Opens what reads events, by the settings."""

from __future__ import annotations

from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.structured_mode import StructuredMode
from spanstream.consumer.settings import Settings


def open_formats(settings: Settings) -> EventFormats:
    """Returns what reads the records of the settings' topics."""
    envelope = StructuredMode()
    return EventFormats(settings.limits, documents=[envelope], questions=[envelope], tickets=[envelope])
