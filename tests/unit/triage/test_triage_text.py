"""A ticket's message as the text that is published: HTML, quoted mails, signatures, logs, and what is left out."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.triage.text.html import html_to_text, is_html
from spanstream.consumer.triage.text.removable_parts import removable_parts
from spanstream.consumer.triage.text.ticket_text import TicketText, document_text
from spanstream.schemas.errors import InvalidRecord
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket


def document_of(body: str, subject: str = "", keep: Collection[str] = (), **attributes: str) -> TicketText:
    return document_text(Ticket(ticket_id="t", subject=subject, body=body, attributes=attributes), Limits(), keep)


REPLY = "It is 7.4.2.\n\nOn Tue, Nov 3, 2026 at 9:12 AM Support <s@example.org> wrote:\n> Which version?\n> Bye\n"


def test_the_subject_stands_above_the_body_and_a_blank_one_nowhere() -> None:
    assert document_of("Body.", "Subject").text == "Subject\n\nBody."
    assert document_of("Body.", " ").text == "Body."


def test_a_quoted_reply_is_left_out_and_the_record_says_where_and_how_much() -> None:
    text = document_of(REPLY, "Re: Help")
    assert text.text == "Re: Help\n\nIt is 7.4.2.\n\n"
    (cut,) = text.cut
    assert (cut.kind, cut.at) == ("quoted_reply", len(text.text))
    assert len(text.text) + cut.chars == len("Re: Help\n\n" + REPLY)


def test_an_introduction_that_was_wrapped_is_one() -> None:
    body = "Fine now.\n\nOn Tue, Nov 3, 2026 at 9:12 AM Support\n<support@example.org> wrote:\n> Better?\n"
    assert document_of(body).text == "Fine now.\n\n"


def test_words_below_a_quote_stay() -> None:
    body = "On Tue, Nov 3, 2026 Support wrote:\n> which version?\n\n7.4.2\n"
    assert document_of(body).text == "\n7.4.2\n"


def test_a_conversation_between_the_lines_stays_as_it_is() -> None:
    body = "On Tue, Nov 3, 2026 Support wrote:\n> version?\n7.4.2\n> system?\nWindows\n"
    assert document_of(body).text == body


def test_a_forwarded_mail_stays() -> None:
    body = "FYI\n\n---------- Forwarded message ---------\nFrom: Monitor\nDate: Tue\nSubject: alert\n\nDisk full\n"
    assert document_of(body, "Fwd: alert").text == f"Fwd: alert\n\n{body}"


@pytest.mark.parametrize("mark", ["-----Original Message-----\n", ""])
def test_a_mail_below_an_outlook_head_is_left_out_where_it_is_answered_and_stays_where_it_is_forwarded(
    mark: str,
) -> None:
    body = f"It is 7.4.2.\n\n{mark}From: Sam\nSent: 3 November 2026\nTo: Ann\nSubject: Export\n\nOld.\n"
    assert document_of(body, "RE: Export").text == "RE: Export\n\nIt is 7.4.2.\n\n"
    assert document_of(body, "FW: Export").text == f"FW: Export\n\n{body}"


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnn Peeters\nIT",
        "Best regards,\nAnn Peeters\n+32 9 555 01 23\nann@example.org",
        "Sent from my iPhone",
        "Thanks\nAnn\nSent from my Pixel 11",
        "Mit freundlichen Grüßen\nKatrin",
    ],
)
def test_a_signature_is_left_out(signature: str) -> None:
    text = document_of(f"It fails.\n\n{signature}\n")
    assert text.text == "It fails.\n\n"
    assert [cut.kind for cut in text.cut] == ["signature"]


@pytest.mark.parametrize(
    "below",
    [
        "09:31:07 ERROR worker LS-2031: remote checksum mismatch while the queue was drained by force",
        "Can you call me?",
        "\n".join(f"line {number}" for number in range(9)),
    ],
)
def test_what_follows_a_greeting_and_is_no_signature_stays(below: str) -> None:
    body = f"It fails.\n\nThanks\n{below}\n"
    assert document_of(body).text == body


def test_signature_and_quote_are_both_left_out_and_both_can_be_kept() -> None:
    body = REPLY.replace("\n\nOn Tue", "\n\nThanks\nAnn\n\nOn Tue")
    text = document_of(body)
    assert text.text == "It is 7.4.2.\n\n"
    assert [cut.kind for cut in text.cut] == ["signature", "quoted_reply"]
    assert document_of(body, keep=["quoted_replies", "signatures"]).text == body


@pytest.mark.parametrize("body", ["Thanks\nAnn", "On Tue, Nov 3, 2026 Sam wrote:\n> 7.4.2\n", "-- \nAnn"])
def test_where_nothing_else_would_be_left_all_stays(body: str) -> None:
    assert document_of(body).text == body


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["On Tue, Nov 3, 2026 Sam wrote:", "> a", ">> b", "", "own words", "Thanks", "-- ", "Ann", "From: Sam",
             "Sent: Tue", "Subject: RE: x", "-----Original Message-----", "Is it?"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_removable_parts_are_whole_lines_in_order_and_apart_and_something_is_left(lines: list[str]) -> None:
    text = "\n".join(lines)
    parts = removable_parts(text)
    ends = [0, *(part.end for part in parts)]
    assert all(end <= part.start < part.end <= len(text) for end, part in zip(ends, parts, strict=False))
    assert all(part.start == 0 or text[part.start - 1] == "\n" for part in parts)
    kept = "".join(
        character for place, character in enumerate(text) if not any(part.start <= place < part.end for part in parts)
    )
    assert not parts or kept.strip()


def test_html_is_made_text_with_its_tables_lists_and_logs() -> None:
    body = "<p>Hi,</p><table><tr><td>Version</td><td>7.4.2</td></tr></table><pre>a\n  b &lt;c&gt;</pre><p>Bye</p>"
    text = document_of(body)
    assert text.from_html
    assert "Version  7.4.2" in text.text
    assert "a\n  b <c>" in text.text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<html><body>x</body></html>", True),
        ("<!DOCTYPE html><p>x", True),
        ("Hi,<br>it fails", True),
        ("  <div>x</div>", True),
        ("a < b and c > d", False),
        ("The log: <error code='7'>disk</error>", False),
        ("<event><id>7</id></event>", False),
        ("our page has <p>text</p> that is cut off", False),
        ("The template:\n\n  a<br>\n  b\n\nis wrong", False),
    ],
)
def test_html_is_told_from_a_text_that_quotes_some(body: str, expected: bool) -> None:
    assert is_html(body) is expected


def test_the_content_type_settles_it() -> None:
    assert document_of("<p>x</p>", content_type="text/plain").text == "<p>x</p>"
    assert document_of("<event>7</event>", content_type="text/html; charset=utf-8").text == "7"


def test_html_that_the_parser_loses_stays_as_it_is() -> None:
    body = "<div>" * 20_000 + "x" + "</div>" * 20_000
    assert html_to_text(body) is None
    assert document_of(body).text == body


@given(st.text(alphabet="<>&;/ apbrdiv=\"'\x00\n#x", max_size=80))
def test_any_html_gives_a_text_or_none(body: str) -> None:
    text = html_to_text(body)
    assert text is None or isinstance(text, str)


def test_a_text_longer_than_a_document_may_be_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="too_large"):
        document_text(Ticket(ticket_id="t", subject="s", body="b" * 10), Limits(document_chars=5))
