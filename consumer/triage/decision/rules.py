"""Finds the first rule that matches: conditions over the fields' values and the ticket's own attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from spanstream.consumer.triage.decision.formats import contains_any
from spanstream.consumer.triage.playbook.patterns import compiled
from spanstream.schemas.playbook import AllOf, AnyOf, Condition, FieldTest, NoneOf, PriorityRule, RouteRule, TicketTest

_Rule = TypeVar("_Rule", RouteRule, PriorityRule)


def first_matching_rule(rules: Sequence[_Rule], fields: Mapping[str, str | None], ticket: Mapping[str, str]) -> _Rule:
    """Returns the first rule that matches; the last rule of a checked playbook always does.

    Args:
        rules: in order.
        fields: the value of each field; None: it has none.
        ticket: `subject`, `channel`, `customer`, `attributes.NAME`, as far as they are given.
    """
    return next(rule for rule in rules if rule.when is None or holds(rule.when, fields, ticket))


def holds(condition: Condition, fields: Mapping[str, str | None], ticket: Mapping[str, str]) -> bool:
    """Says whether a condition holds."""
    match condition:
        case AllOf():
            return all(holds(inner, fields, ticket) for inner in condition.all)
        case AnyOf():
            return any(holds(inner, fields, ticket) for inner in condition.any)
        case NoneOf():
            return not any(holds(inner, fields, ticket) for inner in condition.none)
        case FieldTest():
            return _passes(condition, fields.get(condition.field))
        case TicketTest():
            return _passes(condition, ticket.get(condition.ticket))


def _passes(test: FieldTest | TicketTest, value: str | None) -> bool:
    if test.missing is not None:
        return test.missing is (value is None)
    if value is None:
        return False
    if test.matches is not None:
        return compiled(test.matches).search(value) is not None
    if test.contains is not None:
        return contains_any(value, test.contains)
    wanted = test.one_of or [test.equals or ""]
    return value.casefold() in {option.casefold() for option in wanted}
