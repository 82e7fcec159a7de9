"""Writes events in a schema registry's frame: the id of our schema, then the event by that schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from spanstream.consumer.broker.protocols import Headers, Outgoing
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.formats.registry.event_schemas import frame_of, payload_writer, schema_of, subject_of
from spanstream.consumer.formats.registry.registry import SchemaRegistry
from spanstream.consumer.formats.translator import TranslatorUnavailable
from spanstream.consumer.settings.registry import RegistryFormat
from spanstream.schemas.triage import AnyEvent

_CONTENT_TYPE: Final = "content-type"
_CONTENT_TYPES: Final = {"avro": b"application/avro", "protobuf": b"application/protobuf", "json": b"application/json"}


class FramedWriter(EventWriter):
    """Makes framed records. The ids of the schemas are asked for once, by `open`.

    Args:
        registry: has the schemas.
        form: how the events are written.
        topics: of each kind of event that is written.
    """

    def __init__(self, registry: SchemaRegistry, form: RegistryFormat, topics: Mapping[type[AnyEvent], str]) -> None:
        self._registry = registry
        self._form = form
        self._topics = topics
        self._writers: dict[type[AnyEvent], tuple[bytes, Callable[[Any], bytes]]] = {}

    def open(self) -> bool:
        """Asks for the ids of the schemas that are not known yet.

        Raises:
            TranslatorUnavailable: the registry gives no answer.
            Stop: a subject has not our schema.
        """
        for event in self._topics.keys() - self._writers.keys():
            subject = subject_of(self._topics[event])
            try:
                schema_id = self._registry.id_of(subject, schema_of(event, self._form))
            except Retryable as error:
                raise TranslatorUnavailable(error.detail, hint=error.hint) from error
            if schema_id is None:
                detail = f"the schema registry has not our schema ({self._form}) under {subject}"
                raise Stop(detail, hint="run `spanstream topics create --register`")
            self._writers[event] = frame_of(schema_id, self._form), payload_writer(event, self._form)
        return True

    def record(
        self, topic: str, key: bytes | None, event: AnyEvent, headers: Headers, partition: int | None = None
    ) -> Outgoing:
        """Returns the record of an event; its content type is the format's."""
        frame, write = self._writers[type(event)]
        typed = tuple((name, _CONTENT_TYPES[self._form] if name == _CONTENT_TYPE else value) for name, value in headers)
        return Outgoing(topic, key, frame + write(event), typed, partition)
