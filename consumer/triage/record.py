"""A ticket's state -> its triage record: results, the rules they meet, and what to ask the customer."""

from __future__ import annotations

import uuid

from spanstream.consumer.clock import to_datetime
from spanstream.consumer.triage.gather import field_result
from spanstream.consumer.triage.playbook.rules import first_that_applies
from spanstream.consumer.triage.questions import asked_of
from spanstream.consumer.triage.state import TicketState
from spanstream.schemas.events import ModelInfo
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import FieldResult, FieldStatus, PlaybookInfo, Reasons, Times, Triage

# Drawn once: a record published again has the same id.
_NAMESPACE = uuid.UUID("b0d8f2c4-3f0c-4e6e-8a39-5e7c3a1f9d42")


def triage_of(state: TicketState, playbook: Playbook, *, revision: int, now_ms: int) -> Triage:
    """The record that a ticket's state comes to; questions without an outcome have timed out."""
    fields = results_of(state, playbook)
    values = {name: result.value for name, result in fields.items()}
    route = first_that_applies(playbook.routes, values, state.facts.by_name)
    priority = first_that_applies(playbook.priorities, values, state.facts.by_name)
    return Triage(
        ticket_id=state.ticket_id,
        revision=revision,
        complete=is_complete(state, playbook),
        route=route.route,
        priority=priority.priority,
        reason=Reasons(route=route.because, priority=priority.because),
        fields=fields,
        ask_customer=_to_ask(fields, playbook),
        document=state.document,
        playbook=PlaybookInfo(name=playbook.playbook, version=playbook.version, sha256=playbook.sha256),
        models=_models(state),
        times=Times(
            created_at=None if state.created_ms is None else to_datetime(state.created_ms),
            received_at=None if state.received_ms is None else to_datetime(state.received_ms),
            asked_at=to_datetime(state.asked_ms),
            decided_at=to_datetime(now_ms),
        ),
    )


def results_of(state: TicketState, playbook: Playbook) -> dict[str, FieldResult]:
    """The result of every field, as far as outcomes are there."""
    phrasings: dict[str, list[tuple[str, str]]] = {name: [] for name in playbook.fields}
    for asked in asked_of(state.ticket_id, state.document.sha256, playbook):
        phrasings[asked.field].append((asked.text, asked.question_id))
    return {
        name: field_result(
            playbook.fields[name], [(text, state.outcomes.get(one)) for text, one in asked], state.written_at
        )
        for name, asked in phrasings.items()
    }


def is_complete(state: TicketState, playbook: Playbook) -> bool:
    """Whether every question has its outcome."""
    return all(
        asked.question_id in state.outcomes for asked in asked_of(state.ticket_id, state.document.sha256, playbook)
    )


def record_id(ticket_id: str, revision: int) -> str:
    """The `ce_id` of a triage record."""
    return str(uuid.uuid5(_NAMESPACE, f"{revision}\n{ticket_id}"))


def _to_ask(fields: dict[str, FieldResult], playbook: Playbook) -> list[str]:
    return [
        playbook.fields[name].if_missing.ask or ""
        for name, result in fields.items()
        if result.status is not FieldStatus.ANSWERED and playbook.fields[name].if_missing.ask
    ]


def _models(state: TicketState) -> list[ModelInfo]:
    seen = {outcome.model.model_dump_json(): outcome.model for outcome in state.outcomes.values() if outcome.model}
    return [seen[name] for name in sorted(seen)]
