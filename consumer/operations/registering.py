"""Registers our schemas in the schema registry."""

from __future__ import annotations

from collections.abc import Iterator

from spanstream.consumer.formats.opening import check_registrable, topics_of_events
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.triage import AnyEvent, Ticket, Triage

_INPUT = (Document, Question, Ticket)


def _events(*, triage: bool) -> tuple[type[AnyEvent], ...]:
    """Returns the events whose schemas are registered."""
    return (Document, Question, Answer, *((Ticket, Triage) if triage else ()))


def register_schemas(settings: Settings, *, triage: bool) -> Iterator[str]:
    """Registers the schemas that are not there, under `TOPIC-value`, and sets these subjects' compatibility.

    Yields:
        A line for each subject. One of an input topic that has a schema of somebody else's is left as it is.

    Raises:
        Stop: as `check_registrable`, or the registry refuses a schema.
        Retryable: it gives no answer.
    """
    check_registrable(settings)
    from spanstream.consumer.formats.registry.event_schemas import schema_of, subject_of  # noqa: PLC0415  an extra
    from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  the same

    form, compatibility = settings.registry.format, settings.registry.compatibility
    registry, topics = SchemaRegistry(settings.registry), topics_of_events(settings)
    for event in _events(triage=triage):
        subject, schema = subject_of(topics[event]), schema_of(event, form)
        known = registry.id_of(subject, schema)
        if known is None and event in _INPUT and subject in registry.subjects():
            yield f"{subject}: left as it is, it has another schema; what writes our events there stops"
            continue
        schema_id = registry.register(subject, schema, compatibility)
        yield f"{subject}: {'registered' if known is None else 'was there'}, id {schema_id}, {compatibility}"
