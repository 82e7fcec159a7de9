"""Builds a triage record from a ticket's state: field results, route and priority, and what to ask the customer."""

from __future__ import annotations

import uuid

import structlog

from spanstream.consumer.clock import calendar_time, to_datetime
from spanstream.consumer.logs import exception_facts
from spanstream.consumer.tracing.tracing import ids_of
from spanstream.consumer.triage.decision.field_results import field_result
from spanstream.consumer.triage.decision.rules import first_matching_rule
from spanstream.consumer.triage.questions import field_questions
from spanstream.consumer.triage.state.ticket_state import QuestionOutcome, TicketState
from spanstream.schemas.answer_parts import ModelInfo
from spanstream.schemas.playbook import Playbook
from spanstream.schemas.triage import FieldResult, FieldStatus, PlaybookInfo, Reasons, Times, Triage

_log = structlog.get_logger(__name__)

# Drawn once: a record that is published again has the same id.
_NAMESPACE = uuid.UUID("b0d8f2c4-3f0c-4e6e-8a39-5e7c3a1f9d42")


def make_record(state: TicketState, playbook: Playbook, *, revision: int, now_ms: int) -> Triage:
    """Builds the record of a ticket as it stands; questions without an outcome have timed out."""
    fields = _field_results(state, playbook)
    values = {name: result.value for name, result in fields.items()}
    facts = state.facts
    route = first_matching_rule(playbook.routes, values, facts.by_name, facts.text_tests)
    priority = first_matching_rule(playbook.priorities, values, facts.by_name, facts.text_tests)
    return Triage(
        ticket_id=state.ticket_id,
        revision=revision,
        complete=is_complete(state, playbook),
        route=route.route,
        priority=priority.priority,
        reason=Reasons(route=route.because, priority=priority.because),
        fields=fields,
        ask_customer=_questions_for_customer(fields, playbook),
        document=state.document,
        playbook=PlaybookInfo(name=playbook.playbook, version=playbook.version, sha256=playbook.sha256),
        models=_models(state),
        times=Times(
            created_at=calendar_time(state.created_ms),
            received_at=calendar_time(state.received_ms),
            asked_at=to_datetime(state.asked_ms),
            decided_at=to_datetime(now_ms),
        ),
    )


def make_best_record(state: TicketState, playbook: Playbook, *, now_ms: int) -> tuple[TicketState, Triage | None]:
    """Makes a ticket's next record; if that raises because of an answer, the one without answers.

    Returns:
        The state that the record was made of, and the record; None where none can be made.
    """
    for read in (state, state.without_answers()):
        try:
            return read, make_record(read, playbook, revision=state.revision + 1, now_ms=now_ms)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not stop the stream
            ids = ids_of(state.trace_context)
            _log.error("deciding_failed", ticket_id=state.ticket_id, **ids, **exception_facts(error))
    return state, None


def is_complete(state: TicketState, playbook: Playbook) -> bool:
    """Says whether every question has its outcome."""
    questions = field_questions(state.ticket_id, state.document.sha256, playbook)
    return all(question.question_id in state.outcomes for question in questions)


def record_id(ticket_id: str, revision: int) -> str:
    """Returns the `ce_id` of a triage record."""
    return str(uuid.uuid5(_NAMESPACE, f"{revision}\n{ticket_id}"))


def _field_results(state: TicketState, playbook: Playbook) -> dict[str, FieldResult]:
    """Returns the result of every field, from the outcomes that are there."""
    outcomes: dict[str, list[tuple[str, QuestionOutcome | None]]] = {name: [] for name in playbook.fields}
    for question in field_questions(state.ticket_id, state.document.sha256, playbook):
        outcomes[question.field].append((question.text, state.outcomes.get(question.question_id)))
    return {
        name: field_result(playbook.fields[name], of_field, state.written_at) for name, of_field in outcomes.items()
    }


def _questions_for_customer(fields: dict[str, FieldResult], playbook: Playbook) -> list[str]:
    return [
        playbook.fields[name].if_missing.ask or ""
        for name, result in fields.items()
        if result.status is not FieldStatus.ANSWERED and playbook.fields[name].if_missing.ask
    ]


def _models(state: TicketState) -> list[ModelInfo]:
    by_content = {
        outcome.model.model_dump_json(): outcome.model for outcome in state.outcomes.values() if outcome.model
    }
    return [by_content[content] for content in sorted(by_content)]
