"""What is cut from a mail as quoted or as signature needs evidence of two kinds; in doubt it stays."""

from __future__ import annotations

import pytest

from spanstream.consumer.triage.text.html_quotes import html_to_text_and_quotes
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

SUBJECT = "Re: Export"
HEAD = "From: Marta <m@example.org>\nSent: Tuesday, November 3, 2026 9:12 AM\nTo: Ann\nSubject: Export\n"
INTRODUCTION = "On Tue, Nov 3, 2026 at 9:12 AM Marta <m@example.org> wrote:\n"


def text_of(body: str, subject: str = SUBJECT, content_type: str = "text/plain") -> str:
    ticket = Ticket(ticket_id="t", subject=subject, body=body, attributes={"content_type": content_type})
    return document_text(ticket, Limits()).text.removeprefix(f"{subject}\n\n")


@pytest.mark.parametrize(
    "body",
    [
        "It fails.\nOn startup the export service wrote:\n02:14:07 ERROR FXP-4107\ngiving up\n",
        "It fails.\nOn 3 November 2026 the exporter wrote:\n> disk E is full\n",
        "It fails.\nAm Montag, 2. November 2026 schrieb der Dienst:\n> Ordner voll\n",
        "It fails.\nOn Tue, Nov 3, 2026 Scheduler wrote:\n> 02:14:07 ERROR FXP-4107\n> 02:14:08 INFO end\n",
        f"I was told this:\n\n{INTRODUCTION}> It will be there on Friday.\n",
        f"My answers are below.\n\n{INTRODUCTION}\nWhich version?\n7.4.2\n",
        f"It fails.\n{INTRODUCTION}> a\nYes.\n> b\n",
        f"Any news?\n\n{INTRODUCTION}> We will look at it.\n",
        "It fails.\n\n> show version\n> Fernhollow on Linux, the build of last week\n",
    ],
)
def test_what_only_looks_like_a_quoted_mail_stays(body: str) -> None:
    assert text_of(body) == body


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        (f"The headers of a lost mail:\n\n{HEAD}\nOld.\n", SUBJECT),
        (f"It is lost\n\n{HEAD}Message-ID: <7@example.org>\n\nOld.\n", SUBJECT),
        (f"It is lost\n\nReceived: from relay-3\n{HEAD}\nOld.\n", SUBJECT),
        (f"One of our branches has this.\n\n{HEAD}\nOld.\n", "Export"),
        (f"One of our branches has this.\n\n{HEAD}\nOld.\n", "Re: Mails are lost"),
        (f"One of our branches has this.\n\n{HEAD}\nOld.\n", "FW: Export"),
        (f"Please see below.\n\n{HEAD}\nOld.\n", SUBJECT),
        (f"Here it is.\n\n{HEAD}", SUBJECT),
        (HEAD.replace("Tuesday, November 3, 2026 9:12 AM", "yesterday") + "\nOld.\n", SUBJECT),
    ],
)
def test_mail_heads_that_are_shown_or_forwarded_stay(body: str, subject: str) -> None:
    assert text_of(body, subject) == body


@pytest.mark.parametrize("mark", ["", "-----Original Message-----\n", "________________________________\n"])
def test_a_mail_below_its_head_is_cut_from_the_reply_to_it(mark: str) -> None:
    assert text_of(f"It is 7.4.2.\n\n{mark}{HEAD}\nOld.\n", "Re: [#7] Export") == "It is 7.4.2.\n\n"


@pytest.mark.parametrize(
    "introduction",
    [
        INTRODUCTION,
        "Am Di., 3. Nov. 2026 um 09:12 Uhr schrieb Marta <m@example.org>:\n",
        "Le mar. 3 nov. 2026 à 09:12, Marta <m@example.org> a écrit :\n",
        "Op di 3 nov 2026 om 09:12 schreef Marta:\n",
        "El 3/11/26 a las 9:12, Marta escribió:\n",
        "Marta wrote on 3 November 2026:\n",
        "2026-11-03 9:12 GMT+01:00 Marta <m@example.org>:\n",
        "> On 3 Nov 2026, at 09:12, Marta <m@example.org> wrote:\n> \n",
    ],
)
def test_a_marked_mail_below_a_date_and_a_writer_is_cut_and_words_below_it_stay(introduction: str) -> None:
    assert text_of(f"It is 7.4.2.\n\n{introduction}> Which one?\n", "Export") == "It is 7.4.2.\n\n"
    assert text_of(f"{introduction}> Which one?\n\nIt is 7.4.2.\n", "Export") == "\nIt is 7.4.2.\n"


def test_a_sentence_that_names_a_version_and_a_code_is_no_log() -> None:
    body = (
        "It is 7.4.2.\n\nOn Mon, Jun 8, 2026 Meridian Support wrote:\n> Please take 6.4.0, it mends the error GW-12.\n"
    )
    assert text_of(body) == "It is 7.4.2.\n\n"


def test_an_unmarked_mail_needs_an_address_and_a_replys_subject_too() -> None:
    body = f"It is 7.4.2.\n\n{INTRODUCTION}\nWhich one?\n"
    assert text_of(body) == "It is 7.4.2.\n\n"
    assert text_of(body, "Export") == body
    assert text_of(body.replace(" <m@example.org>", "")) == body.replace(" <m@example.org>", "")


def test_quoted_lines_to_the_end_of_a_reply_are_cut_where_they_are_a_letter() -> None:
    assert text_of("It is 7.4.2.\n\n> Hello Ann,\n> which one do you run?\n") == "It is 7.4.2.\n\n"


@pytest.mark.parametrize(
    "body",
    [
        "It fails.\n\nBest regards,\nBob\n\nVersion: 7.4.2\nSystem: Windows\n",
        "It fails.\n\nThanks\nBob\n\nPS: the error is FXP-4107\n",
        "It fails.\n\nThanks\nBob\n\nPS the code is seven\n",
        "Hello,\nthank you!\nPrinter prints twice\n",
        "Two problems\n--\nReport is empty\n--\nSlow Start\n",
        "They fail:\nAR\nBR\nCL\n",
        "No rate for\n\nAR\nBR\nChile\n",
        "It fails.\nSent from my side yesterday: log 7\n",
        "They are cut off when\nsent from my phone with LTE\n",
        "It fails.\n\nThanks\nMaria Lund\nPeter Holm\nInes Castro\n",
        "It fails.\n\nThanks\n\nhttps://example.org/incident/7\n",
        "Our job mails this\n\n-- \nBackup Daemon\nroot@example.org\n",
        "Your gateway adds this:\n\n-- \nAnn Peeters\n+32 9 555 01 23\n",
        "Your relay adds this:\n\nThis e-mail is confidential and for the addressee only, please delete it.\n",
        "It fails.\n\nThanks\nAnn\nFernhollow 7.4.2\n",
    ],
)
def test_what_only_looks_like_a_signature_stays(body: str) -> None:
    assert text_of(body) == body


@pytest.mark.parametrize(
    "signature",
    [
        "Best regards,\nAnn Peeters\nHead of operations | Lindqvist & Daughters\n14 Mill Lane\nT +32 9 555 01 23\n",
        "--\nJelena Novak\nSystems administrator\njelena@example.org\n",
        "Yours\nAnn Peeters\nPlatform team\n",
        "Met vriendelijke groet,\nPieter Vos\nNoordkade BV\n",
        "Thanks, Ann\n",
        "Cheers,\nAnn\n\nSent from Outlook for iOS\n",
        "-- \nAnn Peeters | Engineer\nann@example.org\n",
        "Von meinem iPhone gesendet\n",
        "Ann, with no closing\n\nThis e-mail is confidential and for the addressee only, please delete it.\n",
    ],
)
def test_a_signature_whose_every_line_signs_is_cut(signature: str) -> None:
    last = signature.rstrip().rsplit("\n", 1)[-1]
    text = text_of(f"It fails.\n\n{signature}")
    assert text.startswith("It fails.\n\n")
    assert last not in text


def test_a_signature_above_a_forwarded_mail_is_cut_and_the_mail_stays() -> None:
    forwarded = f"---------- Forwarded message ---------\n{HEAD}\nOld.\n\nThanks\nMarta\n"
    assert text_of(f"Please renew it.\n\nBest regards,\nAnn\n\n{forwarded}") == f"Please renew it.\n\n{forwarded}"


HTML_INTRODUCTION = "<p>On 03/11/2026 09:12, Marta &lt;m@example.org&gt; wrote:</p>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"{HTML_INTRODUCTION}<blockquote><p>Which?</p></blockquote><p>7.4.2</p>", "7.4.2"),
        (f"<p>7.4.2</p>{HTML_INTRODUCTION}<blockquote type='cite'>Which?</blockquote>", "7.4.2"),
        ("<p>It wrote:</p><blockquote>disk full</blockquote><p>7.4.2</p>", "It wrote: disk full 7.4.2"),
        (
            f"<p>It is 7.4.2.</p><blockquote>{HTML_INTRODUCTION}<p>Which?<blockquote>Help</blockquote></blockquote>",
            "It is 7.4.2.",
        ),
    ],
)
def test_block_quotes_are_quoted_lines_and_answers_below_them_stay(body: str, text: str) -> None:
    assert " ".join(text_of(body, content_type="text/html").split()) == text


def test_answers_between_block_quotes_stay_with_their_questions() -> None:
    quoted = "<blockquote>Which?</blockquote><p>7.4.2</p><blockquote>Since?</blockquote><p>Tuesday</p>"
    text = text_of(HTML_INTRODUCTION + quoted, content_type="text/html")
    assert [line.strip() for line in text.split("\n") if line.strip()][1:] == ["Which?", "7.4.2", "Since?", "Tuesday"]


def test_the_marks_of_block_quotes_are_in_no_text() -> None:
    text, quoted = html_to_text_and_quotes("a<blockquote>b<blockquote>c</blockquote></blockquote></blockquote>d")
    assert text is not None
    assert {line.strip() for number, line in enumerate(text.split("\n")) if number in quoted} == {"b", "c"}
    assert not set(text) & {"\ufdd0", "\ufdd1"}


def test_a_body_that_has_the_marks_already_is_converted_as_it_is() -> None:
    text, quoted = html_to_text_and_quotes("<p>\ufdd0a</p><blockquote>b</blockquote>")
    assert text is not None
    assert "\ufdd0a" in text
    assert not quoted
