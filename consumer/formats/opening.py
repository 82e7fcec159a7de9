"""Opens what reads events, by the settings."""

from __future__ import annotations

from collections.abc import Iterator

from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.structured_mode import StructuredMode
from spanstream.consumer.formats.translator import Translator
from spanstream.consumer.settings import Settings
from spanstream.schemas.mapping import EventKind


def open_formats(settings: Settings) -> EventFormats:
    """Returns what reads the records of the settings' topics.

    Raises:
        Stop: a mapping cannot be used; one line with the place of what is wrong.
    """
    return EventFormats(
        settings.limits,
        documents=_translators(settings, "documents"),
        questions=_translators(settings, "questions"),
        tickets=_translators(settings, "tickets"),
    )


def _translators(settings: Settings, kind: EventKind) -> Iterator[Translator]:
    """Yields the translators of one kind of event, the outermost form first."""
    yield StructuredMode()
    name: str | None = getattr(settings.mappings, kind)
    if name is not None:
        from spanstream.consumer.formats.mapping.load import compile_mapping  # noqa: PLC0415  for those who use it

        yield compile_mapping(name, kind)
