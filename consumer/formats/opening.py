"""Opens what reads and writes events, by the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.translator import Translator
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.triage import AnyEvent, Ticket, Triage


def open_formats(settings: Settings) -> EventFormats:
    """Returns what reads the records of the settings' topics.

    Raises:
        Stop: a schema registry is set, and its packages are not installed or its settings are wrong.
    """
    frames = _frames(settings)
    return EventFormats(
        settings.limits,
        documents=frames.get("documents", ()),
        questions=frames.get("questions", ()),
        tickets=frames.get("tickets", ()),
        answers=frames.get("answers", ()),
    )


def open_writer(settings: Settings, *events: type[AnyEvent]) -> EventWriter:
    """Returns what writes these kinds of events; it is to be opened before the first.

    Raises:
        Stop: as `open_formats`, or a format is set without a registry.
    """
    form = settings.registry.format
    if form == "none":
        return EventWriter()
    with registry_needed(settings):
        from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  an extra
        from spanstream.consumer.formats.registry.writer import FramedWriter  # noqa: PLC0415  the same
    topics = topics_of_events(settings)
    return FramedWriter(SchemaRegistry(settings.registry), form, {event: topics[event] for event in events})


def topics_of_events(settings: Settings) -> dict[type[AnyEvent], str]:
    """Returns the topic that each kind of event is published to."""
    topics = settings.topics
    return {
        Document: topics.documents,
        Question: topics.questions,
        Answer: topics.answers,
        Ticket: topics.tickets,
        Triage: topics.triage,
    }


@contextmanager
def registry_needed(settings: Settings) -> Iterator[None]:
    """Surrounds the imports of what talks to the schema registry, which is an extra.

    Raises:
        Stop: no registry is set, or the extra is not installed.
    """
    if settings.registry.url is None:
        raise Stop("no schema registry is set", hint="set SPANSTREAM_REGISTRY__URL")
    try:
        yield
    except ImportError as error:
        detail = f"SPANSTREAM_REGISTRY__URL needs packages that are not installed ({error.name})"
        raise Stop(detail, hint="pip install spanstream[registry]") from error


def _frames(settings: Settings) -> dict[str, tuple[Translator, ...]]:
    """Returns what reads the frames of each role; answers are read however they were written."""
    if settings.registry.url is None:
        return {}
    with registry_needed(settings):
        from spanstream.consumer.formats.registry.decoders import FramedDecoder  # noqa: PLC0415  an extra
        from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  the same
        from spanstream.consumer.formats.registry.translator import FrameTranslator  # noqa: PLC0415  the same
    frames = FrameTranslator(FramedDecoder(SchemaRegistry(settings.registry)))
    return dict.fromkeys((*settings.registry.framed, "answers"), (frames,))
