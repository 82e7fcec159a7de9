"""Tickets whose texts go through a redaction hook: nothing that the stream publishes or keeps has what it took out."""

from __future__ import annotations

from spanstream.consumer.settings.privacy import RedactionSettings
from spanstream.schemas.dead_letters import Reason, from_headers
from tests.support.memory.memory_triage import TOPICS, MemoryTriage

MAIL = "ann@example.com"
BODY = f"Error FXP-4107 says {MAIL}.\n\n-- \nAnn Example\n{MAIL}\n+49 30 901820\n"
PATTERNS = RedactionSettings(hook="spanstream.consumer.pii.patterns:redact")
WRITTEN = (TOPICS.documents, TOPICS.questions, TOPICS.triage, TOPICS.triage_state, TOPICS.dead_letters)


def raising(text: str) -> str:
    if MAIL in text:
        raise ValueError(text)
    return text


def redacting(hook: RedactionSettings) -> MemoryTriage:
    stream = MemoryTriage(partitions=1)
    stream.start(redaction=hook)
    return stream


def assert_untold(stream: MemoryTriage) -> None:
    for topic in WRITTEN:
        for record in stream.broker.records(topic):
            assert MAIL.encode() not in (record.value or b"") + repr(record.headers).encode()


def test_the_text_that_is_published_is_the_redacted_one_and_offsets_count_in_it() -> None:
    stream = redacting(PATTERNS)
    stream.ask_about("t-1", BODY, subject=f"Mail of {MAIL}")
    for question in stream.questions():
        stream.answer(question, "FXP-4107")
    stream.until(lambda: bool(stream.triages()))
    text = stream.text_of(stream.questions()[0])
    assert text.startswith("Mail of [EMAIL]\n\nError FXP-4107 says [EMAIL].")
    triage = stream.latest("t-1")
    answer = triage.fields["error"].answer
    assert answer is not None
    assert text[answer.char_start : answer.char_end] == "FXP-4107"
    assert all(cut.at <= len(text) for cut in triage.document.cut)
    assert stream.latest_state("t-1").facts.subject == "Mail of [EMAIL]"
    assert_untold(stream)


def test_a_hook_that_raises_makes_a_dead_letter_without_the_text_and_its_neighbours_are_asked_about() -> None:
    stream = redacting(RedactionSettings(hook=f"{__name__}:raising"))
    stream.ticket("t-1", BODY)
    stream.ask_about("t-2")
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert (letter.key, letter.value) == (b"t-1", None)
    headers = from_headers(letter.headers)
    assert (headers.reason, headers.topic) == (Reason.INFERENCE_FAILED, TOPICS.tickets)
    assert headers.detail == "the redaction hook raised ValueError"
    assert_untold(stream)


def test_a_bad_ticket_too_becomes_a_dead_letter_without_its_content_where_texts_are_redacted() -> None:
    stream = redacting(PATTERNS)
    stream.ticket("t-1", BODY, unknown=MAIL)
    stream.ask_about("t-2")
    (letter,) = stream.broker.records(TOPICS.dead_letters)
    assert letter.value is None
    assert from_headers(letter.headers).reason is Reason.INVALID_EVENT
    assert_untold(stream)
