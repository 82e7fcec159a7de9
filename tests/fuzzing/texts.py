"""Pieces of text that programs stumble over, and tickets put together out of them."""

from __future__ import annotations

import random
from typing import Final

ODD: Final = (
    "", " ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\u2028", "\u3164", "\u2800", "\ufeff", "\x00", "\x1b[2J",
    "\x07",
    "\x85", "e\u0301" * 40, "\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u202eevil", "İstanbul", "ß",
    "ŉ",
    "Ⅷ", "½", "٣", "𝟘", "漢字" * 50, "ก็็็็็", "a" * 3_000, "-" * 500, "%s%n{0}", "null", "NaN", "-1", "1e999",
    "../../etc",
    "'; --", "${jndi:x}", "triage:", "triage.ticket_id", "dlq.reason", "qa.questions", "\\", '"', "{", "[]",
)  # fmt: skip

PLAIN: Final = (
    "Hello,", "The export stops with error FXP-4107 since Tuesday.", "Fernhollow 7.4.2 is down for all users.",
    "It shows E-4711 at 25:61.", "½ hour ago", "0.5 hours ago", "3/0 days ago", "99999999999999 years ago",
    "31.02.2026",
    "yesterday", "it may fail", "since the 0th", "in 1e9 weeks", "v1.2.3-rc1, v10", "version 99999999999999999999",
    "Best regards,", "Ann Lee | Support", "+44 20 7946 0958", "-- ", "--", "Thanks!", "Sent from my phone",
    "PS: see below",
    "On Tue, 3 Feb 2026 at 10:00, Bob <bob@example.org> wrote:", "> It worked before.", ">> > >",
    "-----Original Message-----",
    "From: Bob <bob@example.org>", "Sent: Tuesday", "To: Ann", "Subject: Re: Export", "Received: from mx (127.0.0.1)",
    "2026-02-03T10:00:00Z ERROR [main] java.lang.NullPointerException", "\tat com.example.Main(Main.java:1)",
    "if (a < b && c > d) { List<String> x; }", "a <b> c", "x > y", "Disclaimer: confidential.", "",
)  # fmt: skip

HTML: Final = (
    "<div style='padding-left: 100000em'>", "</div>", "<p>", "</p>", "<br>", "<br/>", "<b>", "</b>", "<table>",
    "<tr>", "<td>",
    "</td>", "</tr>", "</table>", "<th colspan=99999>", "<ul><li>", "</li></ul>", "<pre>", "</pre>", "<blockquote>",
    "</blockquote>", "<style>p.MsoNormal{}</style>", "<script>1</script>", "<!--", "-->", "<![CDATA[x]]>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE html>", "<html><body>", "</body></html>", "<a href='javascript:1'>link</a>",
    "<img src=x alt='a picture'>", "<hr>",
    "&amp;", "&lt;b&gt;", "&nbsp;", "&#0;", "&#x110000;", "&#xD800;", "&bogus;", "<font", "<svg><a>", "<math>",
    "<template>",
    "<textarea>", "<noscript>", "<o:p>", "<div class='gmail_quote'>", "<div id='divRplyFwdMsg'>", "<ann@example.org>",
    "<p" * 40,
)  # fmt: skip


def odd_text(draw: random.Random) -> str:
    """Returns a text of one to three odd pieces."""
    return "".join(draw.choice(ODD) for _ in range(draw.randint(1, 3)))


def message(draw: random.Random) -> str:
    """Returns the body of a ticket: lines of a mail, with HTML and odd pieces strewn in, or a great many of one."""
    if draw.random() < 0.02:
        return draw.choice((*ODD, *PLAIN, *HTML)) * draw.randint(1, 300)
    html_share = draw.choice((0.0, 0.0, 0.2, 0.6))
    pieces = [
        draw.choice(HTML if draw.random() < html_share else ODD if draw.random() < 0.1 else PLAIN)
        for _ in range(draw.randint(0, 14))
    ]
    return draw.choice(("\n", "\n", "\r\n", " ", "\n\n", "")).join(pieces)
