"""The hook that the settings name: how it is found, and what becomes of its failures."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from structlog.testing import capture_logs

from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.publishing import document_record, question_record, ticket_record
from spanstream.consumer.pii.hook import load_redaction
from spanstream.consumer.settings.privacy import RedactionSettings
from spanstream.schemas.codec import decode_document, decode_question, decode_ticket
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.limits import Limits

PATTERNS = "spanstream.consumer.pii.patterns:redact"
MAIL, LIMITS = "ann@example.com", Limits()
no_function = 1


def raising(text: str) -> str:
    raise ValueError(text)


def wrong(text: str) -> Any:
    return text.encode()


def test_without_a_hook_there_is_none() -> None:
    assert load_redaction(RedactionSettings().hook) is None


@pytest.mark.parametrize("name", ["nowhere.at_all:redact", f"{__name__}:nothing", f"{__name__}:no_function"])
def test_a_hook_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(Stop, match=f"SPANSTREAM_REDACTION__HOOK={name}"):
        load_redaction(name)


def test_the_ready_made_hook_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    monkeypatch.delitem(sys.modules, "spanstream.consumer.pii.patterns", raising=False)
    with pytest.raises(Stop, match=r"pip install spanstream\[redaction\]"):
        load_redaction(PATTERNS)


@pytest.mark.parametrize("name", ["raising", "wrong"])
def test_a_hook_that_fails_lets_no_text_through_not_into_the_error_and_not_into_the_log(name: str) -> None:
    redact = load_redaction(f"{__name__}:{name}")
    assert redact is not None
    with capture_logs() as lines, pytest.raises(InvalidRecord) as failed:
        redact(MAIL)
    assert failed.value.reason is Reason.INFERENCE_FAILED
    assert MAIL not in f"{failed.value!r} {lines} {failed.value.__context__!r} {failed.value.__cause__!r}"


def test_what_is_published_is_redacted_and_keeps_its_ids_and_metadata() -> None:
    redact = load_redaction(PATTERNS)
    line = b'{"document_id": "d@x.example", "text": "From ann@example.com", "title": "ann@example.com"}'
    record = document_record(line, "t", LIMITS, redact=redact)
    document = decode_document(record.value or b"", LIMITS)
    assert (record.key, document.text, document.title) == (b"d@x.example", "From [EMAIL]", "[EMAIL]")
    line = (
        b'{"question_id": "q", "question": "Who is ann@example.com?", "context": "", "metadata": {"by": "b@x.example"}}'
    )
    question = decode_question(question_record(line, "t", LIMITS, redact=redact).value or b"", LIMITS)
    assert (question.question, question.context) == ("Who is [EMAIL]?", "")
    assert question.metadata == {"by": "b@x.example"}
    line = b'{"ticket_id": "T", "subject": "ann@example.com", "body": "+49 30 901820", "customer": "ann@example.com"}'
    ticket = decode_ticket(ticket_record(line, "t", LIMITS, redact=redact).value or b"", LIMITS)
    assert (ticket.subject, ticket.body, ticket.customer) == ("[EMAIL]", "[PHONE]", MAIL)


def test_a_line_on_which_the_hook_fails_is_refused() -> None:
    line = b'{"document_id": "d", "text": "t"}'
    with pytest.raises(InvalidRecord, match="the redaction hook raised ValueError"):
        document_record(line, "t", LIMITS, redact=load_redaction(f"{__name__}:raising"))
