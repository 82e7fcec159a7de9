from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.schemas.codec import decode_document, decode_question
from spanstream.schemas.limits import Limits

EXAMPLES = Path(__file__).parents[2] / "quality" / "examples" / "tickets.json"
# WordPiece gives at least one token for each word and each punctuation mark, so this count is too low, never too high.
LEAST_TOKENS = re.compile(r"\w+|[^\w\s]")

TICKETS: dict[str, dict[str, Any]] = {event["document_id"]: event for event in map(json.loads, sample_documents())}
QUESTIONS: dict[str, dict[str, Any]] = {event["question_id"]: event for event in map(json.loads, sample_questions())}
EXPECTED: dict[str, list[dict[str, Any]] | None] = json.loads(EXAMPLES.read_text(encoding="utf-8"))


def _text_of(question_id: str) -> str:
    text = TICKETS[QUESTIONS[question_id]["document_id"]]["text"]
    assert isinstance(text, str)
    return text


def test_there_are_enough_tickets_and_their_ids_are_unique() -> None:
    assert len(TICKETS) == len(sample_documents()) >= 15


def test_question_ids_are_unique() -> None:
    assert len(QUESTIONS) == len(sample_questions())


@pytest.mark.parametrize("line", sample_documents(), ids=TICKETS.keys())
def test_a_ticket_is_a_document_event_and_decoding_changes_nothing_in_it(line: bytes) -> None:
    document = decode_document(line, Limits())
    assert document.text == TICKETS[document.document_id]["text"]
    assert document.title
    assert document.metadata["product"]


@pytest.mark.parametrize("line", sample_questions(), ids=QUESTIONS.keys())
def test_a_question_is_a_question_event_about_a_sample_ticket(line: bytes) -> None:
    question = decode_question(line, Limits())
    assert question.document_id in TICKETS
    assert question.question.endswith("?")


def test_every_ticket_has_three_to_five_questions() -> None:
    counts = Counter(event["document_id"] for event in QUESTIONS.values())
    assert counts.keys() == TICKETS.keys()
    assert set(counts.values()) <= {3, 4, 5}


def test_every_question_is_labelled_and_every_label_has_its_question() -> None:
    assert EXPECTED.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("question_id", [key for key, answers in EXPECTED.items() if answers is not None])
def test_the_expected_answers_stand_in_the_ticket(question_id: str) -> None:
    text, answers = _text_of(question_id), EXPECTED[question_id]
    assert answers
    for answer in answers:
        expected = answer["text"]
        assert expected == expected.strip()
        if "char_start" in answer:
            assert text.count(expected) == 1
            assert text[answer["char_start"] : answer["char_start"] + len(expected)] == expected
        else:
            assert text.count(expected) > 1


def test_about_a_quarter_of_the_questions_has_no_answer() -> None:
    share = sum(answers is None for answers in EXPECTED.values()) / len(EXPECTED)
    assert 0.2 <= share <= 0.3


def test_lengths_vary_from_a_few_words_to_a_long_log() -> None:
    words = sorted(len(ticket["text"].split()) for ticket in TICKETS.values())
    assert words[2] < 70
    assert sum(280 <= count <= 900 for count in words) >= 3
    assert words[-1] > 1000


def test_a_ticket_of_more_than_2000_tokens_has_an_answer_beyond_token_1500() -> None:
    def least_tokens(text: str) -> int:
        return len(LEAST_TOKENS.findall(text))

    long = {name for name, ticket in TICKETS.items() if least_tokens(ticket["text"]) > 2000}
    deep = [
        answer["char_start"]
        for question_id, answers in EXPECTED.items()
        if QUESTIONS[question_id]["document_id"] in long
        for answer in answers or []
        if "char_start" in answer and least_tokens(_text_of(question_id)[: answer["char_start"]]) > 1500
    ]
    assert deep


@pytest.mark.parametrize(
    "pattern",
    [
        r"\n\tat com\.example\.",
        r"Traceback \(most recent call last\):",
        r"goroutine 1 \[running\]:",
        r"Uncaught \(in promise\) TypeError",
        r"SQLSTATE",
        r"\$ kubectl",
        r'"POST /v2/shipments HTTP/1\.1" 502',
        r"\n\d{4}-\d\d-\d\d,TN-\d+,",
        r"\n>> ",
        r"Größmann",
        "\U0001f643",
        r"[\u4e00-\u9fff]",
        r"[\u0590-\u05ff]",
        r"[\u0600-\u06ff]",
        "e\u0301",
        "\xa0",
        r"\r\n",
        r"\x1b\[31m",
        r"\[bold\]",
    ],
)
def test_the_tickets_contain_what_real_tickets_contain(pattern: str) -> None:
    assert any(re.search(pattern, ticket["text"]) for ticket in TICKETS.values())


def test_some_names_are_composed_and_some_are_decomposed() -> None:
    forms = {unicodedata.is_normalized("NFC", ticket["text"]) for ticket in TICKETS.values()}
    assert forms == {True, False}


def test_addresses_are_reserved_ones() -> None:
    texts = "\n".join(ticket["text"] for ticket in TICKETS.values())
    domains = {match.lower().rstrip(".") for match in re.findall(r"(?:https?://|@)([\w.-]+)", texts)}
    assert domains
    assert all(domain.endswith((".example", ".test", "example.com")) for domain in domains)
