"""Opens what reads and writes events, by the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.structured_mode import StructuredMode
from spanstream.consumer.formats.translator import Translator
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.mapping import EventKind
from spanstream.schemas.triage import AnyEvent, Ticket, Triage


def open_formats(settings: Settings) -> EventFormats:
    """Returns what reads the records of the settings' topics.

    Raises:
        Stop: a mapping cannot be used, or the schema registry's client; one line with what is wrong.
    """
    frames = _frames(settings)
    return EventFormats(
        settings.limits,
        documents=_translators(settings, "documents", frames),
        questions=_translators(settings, "questions", frames),
        tickets=_translators(settings, "tickets", frames),
        feedback=(*(frames if "feedback" in settings.registry.framed else ()), StructuredMode()),
        answers=frames,
    )


def open_writer(settings: Settings, *events: type[AnyEvent]) -> EventWriter:
    """Returns what writes these kinds of events; it is to be opened before the first.

    Raises:
        Stop: as `open_formats`, or a format is set without a registry.
    """
    topics = topics_of_events(settings)
    return _writer(settings, {event: topics[event] for event in events})


def open_label_writer(settings: Settings) -> EventWriter:
    """Returns what writes labels, which are feedback in a topic of their own. Raises as `open_writer`."""
    return _writer(settings, {Feedback: settings.topics.labels})


def _writer(settings: Settings, topics: Mapping[type[AnyEvent], str]) -> EventWriter:
    form = settings.registry.format
    if form == "none":
        return EventWriter()
    with registry_needed(settings):
        from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  an extra
        from spanstream.consumer.formats.registry.writer import FramedWriter  # noqa: PLC0415  the same
    return FramedWriter(SchemaRegistry(settings.registry), form, topics)


def topics_of_events(settings: Settings) -> dict[type[AnyEvent], str]:
    """Returns the topic that each kind of event is published to."""
    topics = settings.topics
    return {
        Document: topics.documents,
        Question: topics.questions,
        Answer: topics.answers,
        Ticket: topics.tickets,
        Triage: topics.triage,
        Feedback: topics.feedback,
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
        raise Stop(detail, hint="pip install 'spanstream[registry]'") from error


def check_registrable(settings: Settings) -> None:
    """Checks that there are schemas to register, and something to register them with.

    Raises:
        Stop: no format or no registry is set, or the extra is not installed.
    """
    if settings.registry.format == "none":
        raise Stop("there is nothing to register", hint="set SPANSTREAM_REGISTRY__FORMAT to avro, json or protobuf")
    with registry_needed(settings):
        import spanstream.consumer.formats.registry.registry  # noqa: F401, PLC0415  an extra


def _translators(settings: Settings, kind: EventKind, frames: tuple[Translator, ...]) -> Iterator[Translator]:
    """Yields the translators of one kind of event, the outermost form first."""
    if kind in settings.registry.framed:
        yield from frames
    yield StructuredMode()
    name: str | None = getattr(settings.mappings, kind)
    if name is not None:
        from spanstream.consumer.formats.mapping.load import compile_mapping  # noqa: PLC0415  for those who use it

        yield compile_mapping(name, kind)


def _frames(settings: Settings) -> tuple[Translator, ...]:
    """Returns what reads a schema registry's frames; nothing without a registry."""
    if settings.registry.url is None:
        return ()
    with registry_needed(settings):
        from spanstream.consumer.formats.registry.decoders import FramedDecoder  # noqa: PLC0415  an extra
        from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  the same
        from spanstream.consumer.formats.registry.translator import FrameTranslator  # noqa: PLC0415  the same
    return (FrameTranslator(FramedDecoder(SchemaRegistry(settings.registry))),)
