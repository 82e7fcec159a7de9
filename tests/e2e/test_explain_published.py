"""`spanstream explain --question-id`: a question, its document and its answer are read back from a real broker."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.kafka.kafka_broker import KafkaBroker
from tests.support.kafka.stream import Stream, document, question


def test_a_published_question_is_explained_beside_what_was_answered(kafka: KafkaBroker, tmp_path: Path) -> None:
    stream = Stream(kafka.bootstrap, tmp_path)
    stream.create_topics()
    topics = stream.topics
    stream.publish([document(topics.documents, "t-1", "The export stops with error FXP-4107 since Tuesday.")])
    asked = question(topics.questions, "q-1", "Which error is shown?", "t-1")
    stream.publish([asked, question(topics.questions, "q-2", "Which error is shown?", "t-1", min_confidence=1.0)])
    assert stream.command("run", "--once").returncode == 0
    said = json.loads(stream.command("explain", "--question-id", "q-1", "--expect", "FXP-4107", "--json").stdout)
    assert (said["verdict"], said["candidate"]["text"]) == ("answered", "FXP-4107")
    assert said["published"]["confidence"] == said["confidence"]
    assert [place["verdict"] for place in said["expected"]] == ["given"]
    strict = json.loads(stream.command("explain", "--question-id", "q-2", "--json").stdout)
    assert (strict["verdict"], strict["published"]["status"], strict["threshold"]) == ("no_answer", "no_answer", 1.0)
    stream.publish([document(topics.documents, "t-1", "It is solved.")])
    later = stream.command("explain", "--question-id", "q-1")
    assert b"the document has changed since" in later.stdout
    missing = stream.command("explain", "--question-id", "nobody")
    assert missing.returncode == 1
    assert b"there is no question nobody" in missing.stderr
    stream.close()


def test_several_answers_are_published_printed_and_ranked_as_their_question_asks(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    stream = Stream(kafka.bootstrap, tmp_path)
    stream.create_topics()
    topics, codes = stream.topics, "Which error codes are shown?"
    text = "Error FXP-4107 came on Monday and FXP-4108 on Tuesday; then FXP-4107 again."
    stream.publish([document(topics.documents, "t-1", text)])
    asked = [
        question(topics.questions, "q-1", codes, "t-1"),
        question(topics.questions, "q-3", codes, "t-1", max_answers=3),
    ]
    stream.publish(asked)
    assert stream.command("run", "--once").returncode == 0
    lines = stream.command("answers", "--json").stdout.splitlines()
    one, several = sorted(map(json.loads, lines), key=lambda answer: str(answer["question_id"]))
    assert several["further_places"] == [{"char_start": 60, "char_end": 68}]
    spans = [other["span"] for other in several["alternatives"]]
    assert (len(spans), spans[0]["text"]) == (2, "FXP-4108")
    assert all(text[span["char_start"] : span["char_end"]] == span["text"] for span in spans)
    apart = {"question_id", "answered_at", "further_places", "alternatives"}
    assert list(one) == [name for name in several if name not in {"further_places", "alternatives"}]
    assert {name: one[name] for name in one if name not in apart} == {
        name: several[name] for name in several if name not in apart
    }
    assert b"FXP-4108  [34:42]" in stream.command("answers").stdout
    said = json.loads(stream.command("explain", "--question-id", "q-3", "--json").stdout)
    assert [answer["text"] for answer in said["ranked"]] == ["FXP-4107", *(span["text"] for span in spans)]
    stream.close()
