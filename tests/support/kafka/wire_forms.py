"""The forms in which the same tickets can come: what others write, and what the programs are told about it.

A new form is one more entry of `WIRE_FORMS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cloudevents.core.bindings.kafka import to_structured_event
from cloudevents.core.v1.event import CloudEvent

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.formats.opening import open_formats, open_writer
from spanstream.consumer.operations.publishing import ticket_record
from spanstream.consumer.settings import Settings
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Answer
from spanstream.schemas.triage import Ticket
from tests.support.kafka.triage_stream import TriageStream


def _as_published(stream: TriageStream, tickets: Sequence[Ticket]) -> list[Outgoing]:
    """As `spanstream publish tickets` writes them."""
    settings = in_process(stream)
    writer = open_writer(settings, Ticket)
    writer.open()
    return [ticket_record(encode(ticket), stream.topics.tickets, settings.limits, writer) for ticket in tickets]


def _structured(stream: TriageStream, tickets: Sequence[Ticket]) -> list[Outgoing]:
    """As the CloudEvents SDK writes them in structured mode."""
    records = []
    for ticket in tickets:
        attributes = {"id": ticket.ticket_id, "source": "/desk", "type": "com.example.ticket"}
        message = to_structured_event(CloudEvent(attributes, json.loads(encode(ticket))))
        headers = tuple(message.headers.items())
        records.append(Outgoing(stream.topics.tickets, ticket.ticket_id.encode(), message.value, headers))
    return records


def _zendesk(stream: TriageStream, tickets: Sequence[Ticket]) -> list[Outgoing]:
    """As Zendesk exports them: what we do not read is there too."""
    return [
        Outgoing(
            stream.topics.tickets,
            ticket.ticket_id.encode(),
            json.dumps(
                {
                    "ticket": {
                        "id": ticket.ticket_id,
                        "url": "https://desk.example.com/api/v2/tickets/1.json",
                        "subject": ticket.subject,
                        "description": ticket.body,
                        "status": "open",
                        "tags": [],
                        "via": {"channel": "email"},
                    }
                }
            ).encode(),
        )
        for ticket in tickets
    ]


@dataclass(frozen=True)
class WireForm:
    """How tickets stand on their topic.

    Attributes:
        settings: of all programs of the stream.
        needs_registry: whether there has to be a schema registry.
        records: makes the records of tickets.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    needs_registry: bool = False
    records: Callable[[TriageStream, Sequence[Ticket]], list[Outgoing]] = _as_published


WIRE_FORMS = {
    "json": WireForm(),
    "cloudevents": WireForm(records=_structured),
    "zendesk": WireForm({"MAPPINGS__TICKETS": "zendesk"}, records=_zendesk),
    **{form: WireForm({"REGISTRY__FORMAT": form.removesuffix("-schema")}, needs_registry=True)
       for form in ("avro", "protobuf", "json-schema")},
}  # fmt: skip


def in_process(stream: TriageStream) -> Settings:
    """Returns the settings of the stream's programs, for what a test reads and writes itself."""
    groups: dict[str, dict[str, str]] = {group: {} for group in ("cloudevents", "mappings", "registry")}
    for name, value in stream.settings.items():
        group, _, setting = name.lower().partition("__")
        if group in groups:
            groups[group][setting] = value
    return Settings.model_validate({"kafka": stream.config, "topics": stream.topics, **groups})


def read_answers(stream: TriageStream, records: Sequence[Record]) -> list[Answer]:
    """Reads answers, whatever their form."""
    formats = open_formats(in_process(stream))
    return [formats.answer(record) for record in records]
