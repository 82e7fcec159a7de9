"""A ticket's message as the text that is published: HTML, quoted mails, signatures, logs, and what is left out."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.consumer.triage.text.html import html_to_text
from spanstream.consumer.triage.text.html_detection import is_html
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
        ("<style>p.MsoNormal {margin: 0}</style><p>It stops.", True),
        ("Export <style>p.MsoNormal {margin: 0}</style>\n\nIt stops.", True),
        ('<meta charset="utf-8"><p>It stops.</p>', True),
        ("<!-- from our form -->\n<p>It stops.</p>", True),
        ("<b>Export</b> stops.\nSince Tuesday.", True),
        ('<a href="https://example.org">The export</a> stops.', True),
        ('<img src="logo.png"> It stops.', True),
        ("<hr>It stops.", True),
        ('<?xml version="1.0"?>\n<html><body>It stops.</body></html>', True),
        ("\ufeff<p>It stops.</p>", True),
        ("Hello <b>team</b>, it stops.\nSince Tuesday.", True),
        ("Hello,<p>It stops.", True),
        ("Hello team,<p>It stops.</p><p>Bye</p>", True),
        ("It stops.<br>\nSince Tuesday.<br>\nBye", True),
        ('<?xml version="1.0"?>\n<event><id>7</id></event>', False),
        ("<!DOCTYPE html> is missing at the top of the page.", False),
        ("<div> overlaps the menu.", False),
        ("`<div>` overlaps the menu.", False),
        ("<p> and </p> are shown in the mail.", False),
        ("The <br> in the notes (<b>) is shown as text.", False),
        ('The <div class="menu"> overlaps the list.', False),
        ("List<String> x = new ArrayList<>();", False),
        ("Write to Ann <ann@example.org> or <https://example.org>.", False),
        ("It stops:\n<div>\n  <p>Hello</p>\n</div>\n", False),
    ],
)
def test_html_is_told_from_a_text_that_quotes_some(body: str, expected: bool) -> None:
    assert is_html(body) is expected


def test_the_content_type_settles_it() -> None:
    assert document_of("<p>x</p>", content_type="text/plain").text == "<p>x</p>"
    assert document_of("<event>7</event>", content_type="text/html; charset=utf-8").text == "7"


@pytest.mark.parametrize("depth", [250, 260, 1_000, 20_000])
@pytest.mark.parametrize(
    ("start", "end"),
    [("<div>", "</div>"), ("<b>", "</b>"), ("<table><tr><td>", "</td></tr></table>"), ("<ul><li>", "")],
)
def test_text_in_tags_nested_however_deep_is_read(start: str, end: str, depth: int) -> None:
    text = html_to_text("<p>above</p>" + start * depth + "inside" + end * depth + "<p>below</p>")
    assert text is not None
    assert [line.strip(" *+") for line in text.split("\n") if line] == ["above", "inside", "below"]


def test_html_of_which_no_word_is_shown_stays_as_it_is() -> None:
    body = "<p><!-- It stops."
    assert html_to_text(body) is None
    assert document_of(body).text == body


def test_what_is_in_angle_brackets_and_is_no_tag_is_text() -> None:
    body = "<p>List&lt;String&gt; and List<String>, Ann <ann@example.org>, <https://example.org/>, a < b, <o:p></o:p>7"
    assert document_of(body).text == (
        "List<String> and List<String>, Ann <ann@example.org>, <https://example.org/>, a < b, 7"
    )


def test_the_line_breaks_of_a_body_count_where_no_tag_makes_lines() -> None:
    assert (
        document_of("<b>Export</b> stops:\n\n  FXP-4107\n  <i>disk</i>\n").text == "Export stops:\n\n  FXP-4107\n  disk"
    )
    assert document_of("<p>It\nstops.</p>").text == "It stops."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><td><p>c</p></td><td><p>d</p></td></tr></table>", "a  b\nc  d"),
        ("<table><tr><td>a<br>b</td><td>c</td></tr><tr><td></td><td>d</td></tr></table>e", "a\nb\nc\nd\ne"),
        ("<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr></table>", "a  b  c"),
        ("<p>a<ul><li>b<li>c<ol><li>d<li>e</ol></ul>f", "a\n\n  * b\n  * c\n     1. d\n     2. e\n\nf"),
        ("<div>a</div><div><br></div><div>b</div><br><br><br><br>c", "a\n\nb\n\n\nc"),
        ("<pre>a  b \n\n  c</pre>", "a  b\n\n  c"),
        ("<p>a</p><pre>\nb\n</pre><p>c</p>", "a\n\nb\n\nc"),
        ("<p>a</p><pre><code>\n  b\n</code></pre>c", "a\n\n  b\n\nc"),
        ("<ul><li></li></ul><p>a</p>", "a"),
        ("<p>a <b> b</b>\n\tc&nbsp; d</p>", "a b c d"),
        ("<head><title>t</title></head><style>s</style><p style='display: none'>p</p><script>j</script><p>a", "a"),
    ],
)
def test_html_is_laid_out_in_lines(body: str, text: str) -> None:
    assert html_to_text(body) == text


@given(st.text(alphabet="<>&;/ apbrdiv=\"'\x00\n#x", max_size=80))
def test_any_html_gives_a_text_or_none(body: str) -> None:
    text = html_to_text(body)
    assert text is None or isinstance(text, str)


def test_a_text_longer_than_a_document_may_be_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="too_large"):
        document_text(Ticket(ticket_id="t", subject="s", body="b" * 10), Limits(document_chars=5))
