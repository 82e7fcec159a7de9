"""The functions of our own that expressions of a mapping may call."""

from __future__ import annotations

import json

import pytest

from spanstream.consumer.formats.mapping.field_mapping import CompiledMapping
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.mapping import TicketMapping

NO_ZONE = "should be a time with its zone; time_in(..., 'UTC') says which one it is in"


def function(expression: str, value: object) -> object:
    """Returns what an expression makes of a value, as an optional field; an error's detail as it is."""
    fields = {"ticket_id": "'t'", "subject": "'s'", "body": "'b'", "channel": expression}
    event = CompiledMapping("tickets", TicketMapping.model_validate(fields))
    try:
        return json.loads(event.map(json.dumps(value).encode())).get("channel")
    except InvalidRecord as error:
        return error.detail


@pytest.mark.parametrize(
    ("expression", "value", "result"),
    [
        ("text(@)", 12345678901234567890, "12345678901234567890"),
        ("text(@)", 1.5, "1.5"),
        ("text(@)", True, "true"),
        ("text(a)", {}, None),
        ("joined('; ', @)", ["a", None, " ", 3, "b"], "a; 3; b"),
        ("joined('; ', a)", {}, None),
        ("paragraphs([a, b, c])", {"a": "one", "b": "", "c": "two\n"}, "one\n\ntwo\n"),
        ("paragraphs([a, b])", {}, None),
        ("time(@)", "2024-05-01T10:00:00.000+0000", "2024-05-01T10:00:00.000Z"),
        ("time(@)", "2024-05-01T10:00:00+02", "2024-05-01T08:00:00.000Z"),
        ("time(@)", "2024-05-01t10:00z", "2024-05-01T10:00:00.000Z"),
        ("time(@)", "2024-05-01 10:00:00 UTC", "2024-05-01T10:00:00.000Z"),
        ("time(@)", "2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123Z"),
        ("time(@)", 1714557600000, "2024-05-01T10:00:00.000Z"),
        ("time(@)", "", None),
        ("time_in(@, 'UTC')", "2024-05-01 10:00:00", "2024-05-01T10:00:00.000Z"),
        ("time_in(@, '+02:00')", "2024-05-01 10:00:00", "2024-05-01T08:00:00.000Z"),
        ("time_in(@, '+02:00')", "2024-05-01 10:00:00Z", "2024-05-01T10:00:00.000Z"),
        ("time(@)", "2024-05-01 10:00:00", f"mapping: tickets.channel: time(@) {NO_ZONE}"),
        ("time(@)", "2024-02-30T10:00:00Z", "mapping: tickets.channel: time(@) should be a time that exists"),
        ("time(@)", 10**30, "mapping: tickets.channel: time(@) should be a time that exists"),
        ("time_in(@, 'Europe/Berlin')", "2024-05-01 10:00:00",
         "mapping: tickets.channel: time_in(@, 'Europe/Berlin') should be a time that exists"),
        ("cell(@)", {"display_value": "New", "value": "1"}, "New"),
        ("cell(@)", {"display_value": "", "value": "1"}, "1"),
        ("cell(@)", "", None),
        ("cell_value(@)", {"display_value": "New", "value": "1"}, "1"),
        ("cell_value(@)", {"link": "x"}, None),
        ("to_number(@)", "x", None),
        ("join(', ', @)", [1, 2], "mapping: tickets.channel: join(', ', @) does not take what stands there"),
    ],
)  # fmt: skip
def test_functions_read_what_jmespath_alone_cannot(expression: str, value: object, result: object) -> None:
    assert function(expression, value) == result
