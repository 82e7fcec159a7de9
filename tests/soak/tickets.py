"""The ticket stream under the soak: support tickets go in, triage records come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.settings import GroupProtocol
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.consumer.triage.trial import try_ticket
from spanstream.schemas.codec import decode_triage
from spanstream.schemas.dead_letters import Reason, from_headers
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket, Triage
from tests.soak.crew import Post
from tests.soak.ledger import Expected, Outcome, SoakLedger
from tests.soak.streams import PARTITIONS, Ground, SoakedStream
from tests.support.kafka.stream import name_of, named
from tests.support.kafka.triage_stream import TriageStream, small_tickets

_CREATED_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)  # dates such as Tuesday count from it


class Tickets(SoakedStream):
    """Support tickets, some of them bad, some sent twice; consumers answer what the triage members ask."""

    stream: TriageStream

    def __init__(self, ground: Ground, protocol: GroupProtocol, seed: int) -> None:
        settings = ground.settings(protocol, transactions=True)
        super().__init__(ground, TriageStream(ground.bootstrap, ground.folder, PARTITIONS, settings), seed)
        self.seed = seed
        self.playbook = load_playbook(None)
        self.questions_each = sum(len(field.questions) for field in self.playbook.fields.values())
        self.tickets: dict[str, Ticket] = {}
        self.bad: set[str] = set()

    @property
    def posts(self) -> list[Post]:
        start, triage, proxied = self.stream.start, self.stream.start_triage, self.ground.through_proxies
        return [Post(start), Post(lambda: start(**proxied)), Post(triage), Post(lambda: triage(**proxied))]

    @property
    def outputs(self) -> Sequence[str]:
        return self.stream.topics.triage, self.stream.topics.dead_letters

    def publish(self, count: int) -> None:
        self.portions += 1
        named_anew = {"created_at": _CREATED_AT}
        made = [
            ticket.model_copy(update=named_anew | {"ticket_id": f"{ticket.ticket_id}-{self.portions}"})
            for ticket in small_tickets(count - 1, self.seed + self.portions)
        ]
        bad, topic = f"bad-{self.portions}", self.stream.topics.tickets
        again = [self.draw.choice(list(self.tickets.values()))] if self.tickets else []
        self.tickets |= {ticket.ticket_id: ticket for ticket in made}
        self.bad.add(bad)
        self.send([*map(self.stream.ticket, made + again), named(bad, topic, bad, b"{")])
        self.awaited += count

    def foreign_records(self) -> Sequence[Outgoing]:
        topics, name = self.stream.topics, f"foreign-{self.portions}"
        return [
            self.stream.ticket(Ticket(ticket_id=name, subject="", body="It was never committed.")),
            named(name, topics.tickets, name, b"{"),
        ]

    def outcome(self, record: Record) -> Outcome:
        place = f"{record.partition}@{record.offset}"
        if record.partition.topic != self.stream.topics.triage:
            return Outcome(name_of(record) or place, place, str(from_headers(record.headers).reason))
        triage = decode_triage(record.value or b"")
        return Outcome(
            triage.ticket_id,
            place,
            version=triage.document.sha256,
            content=_decided(triage),
            event_id=record.header("ce_id"),
            revision=triage.revision,
            is_final=triage.complete,
        )

    def settle(self, ledger: SoakLedger) -> None:
        self._right = {name: self._tried(ticket) for name, ticket in self.tickets.items()}
        undecodable = frozenset({str(Reason.UNDECODABLE)})
        expected = [
            Expected(name, about=name, versions=(right.document.sha256,)) for name, right in self._right.items()
        ]
        expected += [Expected(name, reasons=undecodable) for name in self.bad]
        ledger.settle(expected, self.outcomes(self.outputs))

    def right_content(self, expected: Expected, version: str) -> object:  # noqa: ARG002  a ticket has one version
        return _decided(self._right[expected.name])

    def lag(self) -> Mapping[Any, int]:
        return {**self.stream.lag(), **self.stream.triage_lag()}

    def _tried(self, ticket: Ticket) -> Triage:
        return try_ticket(ticket, self.playbook, self.ground.reader, Limits(), SystemClock()).triage


def _decided(triage: Triage) -> dict[str, Any]:
    """What a triage record says, without ids and times."""
    return triage.model_dump(include={"complete", "route", "priority", "reason", "fields", "ask_customer"})
