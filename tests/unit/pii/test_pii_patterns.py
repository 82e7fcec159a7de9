"""What the ready-made redaction takes out of a text, and what it leaves."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.pii.patterns import redact

REDACTED = {
    "Write to ann.example+x@mail.example.co.uk.": "Write to [EMAIL].",
    "<ann@example.com>, jürgen@müller.example": "<[EMAIL]>, [EMAIL]",
    "https://host.example/path?mail=ann@example.com&x=1": "https://host.example/path?mail=[EMAIL]&x=1",
    "IBAN DE89 3704 0044 0532 0130 00 and more": "IBAN [IBAN] and more",
    "gb82west12345698765432": "[IBAN]",
    "Pay NL91ABNA0417164300, please": "Pay [IBAN], please",
    "card 4111 1111 1111 1111 12/27": "card [CARD] 12/27",
    "5500-0000-0000-0004": "[CARD]",
    "Call +49 30 901820 or +1 (212) 555-2368.": "Call [PHONE] or [PHONE].",
}


@pytest.mark.parametrize("text", REDACTED)
def test_what_is_personal_is_replaced_by_its_kind(text: str) -> None:
    assert redact(text) == REDACTED[text]


KEPT = (
    "Error FXP-4107 in version 12.4.1 since 2026-01-31T12:34:56Z",
    "order 4111 1111 1111 1112",  # no card's checksum
    "invoice 1234567890123456, build 20260131123456789",
    "DE00 3704 0044 0532 0130 00 is no IBAN",
    "foo@bar, @handle, a @ b.example, git@",
    "030 901820",  # national, and no region is named
    "0x4111111111111111",
    "550e8400-e29b-41d4-a716-446655440000",
    "[EMAIL] and [PHONE]",
    "",
)


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == text


def test_national_phone_numbers_are_found_in_a_region() -> None:
    assert redact("Call 030 901820.", region="DE") == "Call [PHONE]."


@given(st.text(alphabet="ab1 4.@-+DE890", max_size=60))
def test_redacting_twice_is_redacting_once_and_nothing_else_is_changed(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    kept = re.split(r"\[(?:EMAIL|IBAN|CARD|PHONE)\]", once)
    assert re.fullmatch(".*?".join(map(re.escape, kept)), text, flags=re.DOTALL)


@pytest.mark.parametrize("text", ["a" * 300_000, "a." * 150_000, "4 " * 30_000, "DE89 " * 20_000, "+1" * 30_000])
def test_long_texts_of_one_kind_are_read_to_their_end(text: str) -> None:
    assert redact(text + " ann@example.com").endswith(" [EMAIL]")
