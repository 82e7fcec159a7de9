"""What a ticket's text costs grows with the body, never faster: steps and characters are counted, no time is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spanstream.consumer.triage.text.ticket_text import TicketText, document_text
from spanstream.schemas.limits import Limits
from spanstream.schemas.triage import Ticket

# The longest that a character of a body becomes: `<li>` is a line break, an indent and a bullet.
MAX_GROWTH = 6
PIECES = (
    "<div>", "</div>", "<p>", "<b>", "</b>", "</i>", "<br>", "<ul>", "<li>", "</ul>", "<ol>", "<pre>", "</pre>",
    "<table>", "<tr>", "<td>", "</td>", "</table>", "<blockquote>", "<style>", "</style>", "<script>", "<textarea>",
    "<div style='padding-left: 100000em'>", "<p style='margin-top: 99999em'>", "<pre style='style: style:'>",
    "<td align=right>", "<!--", "-->", "<", "&amp;", "&#x", "<a href='", "<x:y>", "List<String>", " ", "\t", "\n",
    "\n\n", "\xa0", "\r\n", "x", "It stops. ", "> quoted\n", "On Tue, Nov 3, 2026 Sam wrote:\n", "From: Sam\n",
    "Sent: Tue\n", "Subject: RE: x\n", "-- \n", "---- forwarded\n", "Thanks\n", "Best regards,\n",
    "Sent from my phone\n", "-", "On ", "Le 3/11/2026 Ann a écrit :\n", "Veuillez agréer ", "Em 3 de março o ",
    "Viele Grüße aus ", "Von meinem iPhone ",
)  # fmt: skip
PARTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)


def text_of(body: str) -> TicketText:
    return document_text(Ticket(ticket_id="t", subject="s", body=body), Limits(document_chars=10**9))


def steps_of(work: Callable[[], object]) -> int:
    """Counts the instructions of Python code that some work takes."""
    steps = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PARTS, PARTS.filter(bool), PARTS)
@example("It stops.", "\n", "")
@example("<pre>", " ", "x")
@example("<p>x", "<b>", "")
@example("<div style='padding-left: 100000em'>", "It shows error FXP-4107.\n", "</div>")
def test_twice_the_body_takes_twice_the_steps_and_characters(before: str, repeated: str, after: str) -> None:
    times = 1 + 200 // len(repeated)
    bodies = [before + repeated * (times * factor) + after for factor in (1, 2, 4)]
    for body in bodies:
        assert len(text_of(body).text) <= MAX_GROWTH * len(body) + 100
    few, more, most = (steps_of(partial(text_of, body)) for body in bodies)
    # What the second doubling adds is twice what the first one added; of a square it would be four times.
    assert most - more <= 2.5 * (more - few) + 20_000


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_no_body_makes_a_text_that_is_much_longer_than_itself(body: str) -> None:
    assert len(text_of(body).text) <= MAX_GROWTH * len(body) + 100


ROW = "<tr><td>{}</td><td>b</td></tr>"


@pytest.mark.parametrize(
    "body",
    [
        "<div style='padding-left: 100000em'>It shows error FXP-4107.</div>",
        "It stops." + "\n" * 60_000,
        "<pre>" + " " * 100_000 + "x</pre>",
        "<table>" + ROW.format("a" * 6_000) + ROW.format("a") * 200 + "</table>",
        "<table>" + ROW.format("a" * 300_000) + ROW.format("a") * 3_000 + "</table>",
        "<p>" + "<b>x</b>" * 10_000,
        "<p>" + "<b>" * 20_000 + "</i>" * 20_000 + "x",
        "<div>" * 20_000 + "x",
        "<p>" + "<a href='" * 20_000 + "x",
        "<p>x" + "<!--" * 20_000,
        "> x\n" * 20_000 + "y",
        "Thanks\n\n" * 10_000,
        "On " * 100_000,
        "-" * 100_000,
    ],
    ids=lambda body: f"{body[:30]!r}",
)
def test_bodies_that_once_took_minutes_or_all_memory_are_read(body: str) -> None:
    assert 0 < len(text_of(body).text) <= MAX_GROWTH * len(body)
