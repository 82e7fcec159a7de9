"""The bundled mappings: what their samples become, and that no record makes them raise anything but `InvalidRecord`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.formats.mapping.atlassian_text import text_of_document
from spanstream.consumer.formats.mapping.load import bundled_names, bundled_samples, compile_mapping, load_mapping
from spanstream.consumer.formats.mapping.trial import try_samples
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

LIMITS = Limits()
NAMES = ("jira", "servicenow", "zendesk")
FORMATS = {
    name: EventFormats(
        LIMITS, documents=[compile_mapping(name, "documents")], tickets=[compile_mapping(name, "tickets")]
    )
    for name in NAMES
}


def tickets(name: str) -> list[Ticket]:
    return [FORMATS[name].ticket(Outgoing("t", None, sample)) for sample in bundled_samples(name)]


def test_these_are_bundled_each_with_samples_of_several_kinds() -> None:
    assert bundled_names() == list(NAMES)
    for name in NAMES:
        assert load_mapping(name).kinds == ("documents", "tickets")
        assert load_mapping(name).description
        assert len(bundled_samples(name)) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_becomes_an_event_of_each_kind(name: str) -> None:
    tried = list(try_samples(load_mapping(name), bundled_samples(name), LIMITS))
    assert len(tried) == 2 * len(bundled_samples(name))
    assert [sample for sample in tried if sample.error] == []


def test_a_zendesk_ticket_is_read_from_the_api_and_from_an_event() -> None:
    api, html, bare, chat, event = tickets("zendesk")
    assert (api.ticket_id, api.subject, api.channel, api.customer) == (
        "4107", "Nightly export stops", "email", "377922500012",
    )  # fmt: skip
    assert str(api.created_at) == "2026-01-20 08:15:42+00:00"
    assert api.attributes["tags"] == "export enterprise"
    assert document_text(html, LIMITS).from_html
    assert (bare.body, bare.subject) == ("", "Only a subject: does 7.4.2 read CSV?")
    assert (chat.subject, chat.created_at, chat.customer) == ("Chat with Ben", None, None)
    assert (event.ticket_id, event.channel, event.attributes["form"]) == ("4111", "web_form", "44444")


def test_a_jira_issue_is_read_with_its_description_in_either_format() -> None:
    rich, webhook, empty, table = tickets("jira")
    assert rich.body == (
        "Fernhollow 7.4.2 stops the nightly export with error FXP-4107.\n\n- since Tuesday\n- on two servers\n\n"
        "FXP-4107: no lock\n  at export.c:88\n\n@Ann Marsh please look at https://fernhollow.example/kb/88"
    )
    assert str(rich.created_at) == "2026-01-20 08:15:42.123000+00:00"
    assert (webhook.ticket_id, webhook.customer) == ("EXP-21", "ben@example.org")
    assert webhook.body.endswith("{code}\n\nFirefox 140, Windows 11")
    assert not document_text(webhook, LIMITS).from_html
    assert (empty.body, empty.customer) == ("", None)
    assert table.body == "Month | Seats\nDecember | 9\n\nWe have seven.\nPlease correct it."


def test_a_servicenow_record_is_read_with_and_without_display_values() -> None:
    stored, both, empty, case = tickets("servicenow")
    assert (stored.ticket_id, stored.channel, stored.attributes["state"]) == ("INC0010007", "email", "1")
    assert "company" not in stored.attributes
    assert (both.customer, both.channel, both.attributes["priority"]) == (
        "Ben Okoro", "self-service", "3 - Moderate",
    )  # fmt: skip
    assert str(both.created_at) == "2026-01-20 10:00:00+00:00"
    assert document_text(both, LIMITS).from_html
    assert (empty.body, str(empty.created_at)) == ("", "2026-01-21 23:59:59+00:00")
    assert (case.ticket_id, case.subject, case.attributes["company"]) == ("CS0001234", "", "Adeyemi Prints")


def test_nested_lists_and_unknown_nodes_of_an_atlassian_document_keep_their_words() -> None:
    def node(kind: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"type": kind, "content": list(content), **more}

    def words(text: str) -> dict[str, Any]:
        return node("paragraph", {"type": "text", "text": text})

    inner = node("bulletList", node("listItem", words("two")))
    document = node(
        "doc", node("bulletList", node("listItem", words("one"), inner)), node("futureBlock", words("three"))
    )
    assert text_of_document(document) == "- one\n- two\n\nthree"
    assert text_of_document({"type": "doc", "content": [words(""), {"type": "rule"}, {"type": "media"}]}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
SAMPLES = [(name, json.loads(sample)) for name in NAMES for sample in bundled_samples(name)]


def changed(data: st.DataObject, value: Any) -> Any:
    """Returns a copy of which any part may be another JSON value."""
    if data.draw(st.integers(0, 5)) == 0:
        return data.draw(JSON)
    if isinstance(value, dict):
        return {name: changed(data, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [changed(data, inner) for inner in value]
    return value


def is_read_or_refused(name: str, value: bytes) -> bool:
    return not any("translating it raised" in detail for detail in details(name, value))


def details(name: str, value: bytes) -> Iterator[str]:
    """Yields why the record is no ticket, and why no document; whatever else is raised fails the test."""
    for read in (FORMATS[name].ticket, FORMATS[name].document):
        try:
            read(Outgoing("t", None, value))
        except InvalidRecord as error:
            yield error.detail


@given(st.sampled_from(NAMES), JSON)
def test_any_json_is_an_event_or_refused(name: str, value: Any) -> None:
    assert is_read_or_refused(name, json.dumps(value).encode())


@given(st.sampled_from(SAMPLES), st.data())
def test_a_sample_of_which_anything_is_something_else_is_an_event_or_refused(
    sample: tuple[str, Any], data: st.DataObject
) -> None:
    name, value = sample
    assert is_read_or_refused(name, json.dumps(changed(data, value)).encode())


@given(st.sampled_from(NAMES), st.binary(max_size=60))
def test_any_bytes_are_refused_or_an_event(name: str, value: bytes) -> None:
    assert is_read_or_refused(name, value)
