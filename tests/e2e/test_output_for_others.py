"""What other programs expect of answers and dead letters, on a real broker: places in UTF-16, foreign error headers."""

from __future__ import annotations

import json
from dataclasses import replace

from spanstream.consumer.replay.letters.formats import read_letter
from spanstream.consumer.replay.letters.letter import LetterFormat
from tests.support.kafka.stream import Stream

TEXT = "😀 The nightly export stops with error FXP-4107 since Tuesday."
DOCUMENT = json.dumps({"document_id": "ticket-7", "text": TEXT}).encode()
QUESTION = json.dumps(
    {"question_id": "q-1", "question": "Which error does the nightly export stop with?", "document_id": "ticket-7"}
).encode()


def test_answers_say_their_places_in_utf_16_and_dead_letters_are_read_as_springs_and_connects(stream: Stream) -> None:
    assert stream.command("publish", "documents", "-", stdin=DOCUMENT).returncode == 0
    missing = QUESTION.replace(b"q-1", b"q-2").replace(b"ticket-7", b"ticket-8")
    assert stream.command("publish", "questions", "-", stdin=QUESTION + b"\n" + missing).returncode == 0
    done = stream.command("run", "--once", OUTPUT__UTF16_OFFSETS="true", OUTPUT__DEAD_LETTER_HEADERS="all")
    assert done.returncode == 0

    (answer,) = stream.answers()
    assert answer.answer is not None
    assert answer.answer.utf16_start == answer.answer.char_start + 1
    assert answer.answer.utf16_end is not None
    utf16 = TEXT.encode("utf-16-le")[2 * answer.answer.utf16_start : 2 * answer.answer.utf16_end]
    assert utf16.decode("utf-16-le") == answer.answer.text == "FXP-4107"

    (record,) = stream.read(stream.topics.dead_letters)
    ours = read_letter(record)
    assert (ours.format, ours.reason) == (LetterFormat.SPANSTREAM, "document_missing")
    for format_, prefix in ((LetterFormat.SPRING, "kafka_dlt-"), (LetterFormat.CONNECT, "__connect.errors.")):
        theirs = tuple(header for header in record.headers if header[0].startswith(prefix))
        letter = read_letter(replace(record, headers=theirs))
        assert (letter.format, letter.reason, letter.problem) == (format_, "spanstream.document_missing", None)
        assert (letter.origin, letter.detail) == (ours.origin, ours.detail)

    listed = json.loads(stream.command("replay", "list", "--json").stdout)
    assert (listed["format"], listed["reason"]) == ("spanstream", "document_missing")
    assert listed["origin"]["topic"] == stream.topics.questions
