"""Registers our schemas in the schema registry."""

from __future__ import annotations

from collections.abc import Iterator

from spanstream.consumer.formats.opening import check_registrable, topics_of_events
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer, Document, Question
from spanstream.schemas.feedback import Feedback
from spanstream.schemas.triage import AnyEvent, Ticket, Triage


def _events(settings: Settings, *, triage: bool, feedback: bool) -> Iterator[tuple[str, type[AnyEvent]]]:
    """Yields the topics whose schemas are registered, with their events."""
    topics = topics_of_events(settings)
    events = (Document, Question, Answer, *((Ticket, Triage) if triage else ()), *((Feedback,) if feedback else ()))
    for event in events:
        yield topics[event], event
    if feedback:
        yield settings.topics.labels, Feedback


def register_schemas(settings: Settings, *, triage: bool, feedback: bool = False) -> Iterator[str]:
    """Registers the schemas that are not there, under `TOPIC-value`, and sets these subjects' compatibility.

    Yields:
        A line for each subject. One of an input topic that has a schema of somebody else's is left as it is.

    Raises:
        Stop: as `check_registrable`, or the registry refuses a schema.
        Retryable: it gives no answer.
    """
    check_registrable(settings)
    from spanstream.consumer.formats.registry.event_schemas import is_ours, schema_of, subject_of  # noqa: PLC0415  an extra
    from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  the same

    form, compatibility = settings.registry.format, settings.registry.compatibility
    registry, topics = SchemaRegistry(settings.registry), settings.topics
    written_by_others = {topics.documents, topics.questions, topics.tickets, topics.feedback}
    for topic, event in _events(settings, triage=triage, feedback=feedback):
        subject, schema = subject_of(topic), schema_of(event, form)
        known = registry.id_of(subject, schema)
        is_taken = known is None and topic in written_by_others and subject in registry.subjects()
        if is_taken and not is_ours(registry.latest(subject), event, form):
            yield f"{subject}: left as it is, it has another schema; what writes our events there stops"
            continue
        schema_id = registry.register(subject, schema, compatibility)
        yield f"{subject}: {'registered' if known is None else 'was there'}, id {schema_id}, {compatibility}"
