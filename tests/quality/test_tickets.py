"""The sample tickets, which were written for this project: what is found, what is declined, and that it is verbatim."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.models.metrics.squad_metrics import exact_score
from spanstream.models.reader import Answer, Reader

EXAMPLES = json.loads((Path(__file__).parent / "examples" / "tickets.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[str, Answer]]:
    """(ticket, answer) by question id."""
    reader = Reader.load()
    tickets = {ticket["document_id"]: ticket["text"] for ticket in map(json.loads, sample_documents())}
    read = {}
    for question in map(json.loads, sample_questions()):
        text = tickets[question["document_id"]]
        read[question["question_id"]] = (text, reader.read(text, [question["question"]])[0])
    reader.close()
    return read


def test_every_candidate_stands_verbatim_in_its_ticket(answers: dict[str, tuple[str, Answer]]) -> None:
    quotes = [(text, answer.candidate) for text, answer in answers.values() if answer.candidate]
    assert len(quotes) == len(answers)
    assert all(text[quote.char_start : quote.char_end] == quote.text for text, quote in quotes)


def test_long_tickets_are_read_to_their_end(answers: dict[str, tuple[str, Answer]]) -> None:
    assert all(answer.windows_read == answer.windows_total for _, answer in answers.values())
    assert max(answer.windows_total for _, answer in answers.values()) >= 10


def test_what_is_answered_is_mostly_right_and_what_is_not_in_the_ticket_is_declined(
    answers: dict[str, tuple[str, Answer]],
) -> None:
    outcomes: Counter[str] = Counter()
    for question_id, golds in EXAMPLES.items():
        _, answer = answers[question_id]
        if answer.text is None:
            outcomes["missed" if golds else "rightly declined"] += 1
        elif golds and any(exact_score(gold["text"], answer.text) for gold in golds):
            outcomes["right"] += 1
        else:
            outcomes["wrong"] += 1
    print(f"tickets: {dict(outcomes)}")  # noqa: T201  the score, for people
    given = outcomes["right"] + outcomes["wrong"]
    assert given >= 60
    assert outcomes["right"] >= 0.9 * given
    assert outcomes["rightly declined"] >= 0.95 * sum(golds is None for golds in EXAMPLES.values())
