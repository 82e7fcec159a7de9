"""Checks the schema registry: reachable, and with our schemas where framed records are written."""

from __future__ import annotations

from spanstream.consumer.formats.opening import registry_needed, topics_of_events
from spanstream.consumer.operations.doctor.finding import Finding, failed, ok
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer

ADVICE = "start it, or correct SPANSTREAM_REGISTRY__URL and __CLIENT; framed records wait for it"


def registry(settings: Settings) -> Finding:
    """Asks for the subjects, and for the schema of answers if they are framed.

    Raises:
        Stop: the extra is not installed, or its client does not take the settings.
        Retryable: no answer.
    """
    form = settings.registry.format
    if settings.registry.url is None and form == "none":
        return ok("schema registry", "not configured (SPANSTREAM_REGISTRY__URL): records are JSON without a frame")
    with registry_needed(settings):
        from spanstream.consumer.formats.registry.event_schemas import schema_of, subject_of  # noqa: PLC0415  an extra
        from spanstream.consumer.formats.registry.registry import SchemaRegistry  # noqa: PLC0415  the same
    client = SchemaRegistry(settings.registry)
    if form == "none":
        return ok("schema registry", f"answers, has {len(client.subjects())} subjects; what is written is not framed")
    subject = subject_of(topics_of_events(settings)[Answer])
    if client.id_of(subject, schema_of(Answer, form)) is None:
        detail = f"it has not our schema ({form}) under {subject}: the consumer stops"
        return failed("schema registry", detail, "run `spanstream topics create --register`")
    return ok("schema registry", f"answers, has {len(client.subjects())} subjects; {subject} is ours ({form})")
