"""Finds the first rule that matches: conditions over the fields' values, the ticket's attributes and its text.

The text is there only when the ticket comes in: which tests of it hold is found out then, and kept in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from spanstream.consumer.triage.decision.formats import contains_any
from spanstream.consumer.triage.playbook.patterns import compiled
from spanstream.schemas.playbook import (
    TICKET_TEXT,
    AllOf,
    AnyOf,
    Condition,
    FieldTest,
    NoneOf,
    Playbook,
    PriorityRule,
    RouteRule,
    TicketTest,
    conditions_in,
)

_Rule = TypeVar("_Rule", RouteRule, PriorityRule)


def text_tests_holding(playbook: Playbook, text: str) -> list[str]:
    """Returns the keys of the playbook's tests of a ticket's text that hold for this one."""
    rules = (*playbook.routes, *playbook.priorities)
    tests = (test for rule in rules for _, test in conditions_in(rule.when, ()))
    of_text = (test for test in tests if isinstance(test, TicketTest) and test.ticket == TICKET_TEXT)
    return sorted({test.key for test in of_text if _passes(test, text or None)})


def first_matching_rule(
    rules: Sequence[_Rule],
    fields: Mapping[str, str | None],
    ticket: Mapping[str, str],
    text_tests: Collection[str] = (),
) -> _Rule:
    """Returns the first rule that matches; the last rule of a checked playbook always does.

    Args:
        rules: in order.
        fields: the value of each field; None: it has none.
        ticket: `subject`, `channel`, `customer`, `attributes.NAME`, as far as they are given.
        text_tests: keys of the tests of its text that hold.
    """
    return next(rule for rule in rules if rule.when is None or holds(rule.when, fields, ticket, text_tests))


def holds(
    condition: Condition,
    fields: Mapping[str, str | None],
    ticket: Mapping[str, str],
    text_tests: Collection[str] = (),
) -> bool:
    """Says whether a condition holds."""
    match condition:
        case AllOf():
            return all(holds(inner, fields, ticket, text_tests) for inner in condition.all)
        case AnyOf():
            return any(holds(inner, fields, ticket, text_tests) for inner in condition.any)
        case NoneOf():
            return not any(holds(inner, fields, ticket, text_tests) for inner in condition.none)
        case FieldTest():
            return _passes(condition, fields.get(condition.field))
        case TicketTest() if condition.ticket == TICKET_TEXT:
            return condition.key in text_tests
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
