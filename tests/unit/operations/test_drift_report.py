"""`spanstream drift`'s work over a broker in memory: which answers are compared, and with which texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.drift_report import AnswerSelection, DriftReport, drift_report
from spanstream.consumer.settings import ChunkSettings, ModelSettings, Settings
from spanstream.models.artifact import Artifact
from spanstream.models.drift.comparison import LEAST_QUESTIONS
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, write_reference
from spanstream.schemas.events import Answer
from tests.support.memory.memory_stream import TOPICS, MemoryStream
from tests.support.model.fake_reader import MANIFEST, TOKENIZER, fake_reader

MANY = LEAST_QUESTIONS + 20
SHORT = "The train leaves at 07:05 from platform {}."


def answered(texts: list[str], *, inline: bool = False) -> MemoryStream:
    """Returns a stream that has answered one question about each of the texts."""
    stream = MemoryStream()
    stream.start(chunk=ChunkSettings(max_questions=64))
    for number, text in enumerate(texts):
        if inline:
            event = {"question_id": f"q{number}", "question": "where from ?", "context": text}
            stream.send(Outgoing(TOPICS.questions, None, json.dumps(event).encode()))
        else:
            stream.document(f"d{number}", text)
            stream.question(f"q{number}", f"d{number}")
    stream.until(lambda: len(stream.answers()) == len(texts))
    return stream


@pytest.fixture(scope="module")
def short() -> MemoryStream:
    return answered([SHORT.format(number) for number in range(MANY)])


def artifact_with(folder: Path, stream: MemoryStream) -> Artifact:
    """Returns the artifact whose reference is what this stream has answered."""
    reads = [read_of(answer, SHORT.format(number)) for number, answer in enumerate(stream.answers())]
    write_reference(folder, Reference.of(reads, threshold=0.5, unknown_id=TOKENIZER.unknown_id))
    listed = MANIFEST.model_copy(update={"files": MANIFEST.files | {REFERENCE_FILE: "0" * 64}})
    return Artifact(folder, listed, TOKENIZER, fake_reader().artifact.golden)


def read_of(answer: Answer, text: str) -> QuestionRead:
    return QuestionRead(
        text_sha256=answer.document_sha256 or "",
        document=TOKENIZER.tokenize_document(text),
        windows_read=answer.windows.read,
        windows_total=answer.windows.total,
        null_score_diff=answer.null_score_diff,
        confidence=answer.confidence,
        answered=answer.status == "answered",
        answer_characters=None if answer.candidate is None else len(answer.candidate.text),
    )


def report(
    stream: MemoryStream, artifact: Artifact, selection: AnswerSelection | None = None, **settings: Any
) -> DriftReport:
    def open_reader() -> Any:
        return stream.broker.reader()

    return drift_report(selection or AnswerSelection(1000), Settings(**settings), artifact, open_reader, stream.clock)


def drifts(made: DriftReport) -> dict[str, float]:
    return {drift.figure.name: drift.index for drift in made.figures}


def test_what_the_reference_was_made_of_has_not_drifted(short: MemoryStream, tmp_path: Path) -> None:
    made = report(short, artifact_with(tmp_path, short))
    assert (made.questions, made.other_model, made.without_text, made.is_enough) == (MANY, 0, 0, True)
    assert made.first is not None
    assert made.last is not None
    assert made.first <= made.last
    assert set(drifts(made).values()) == {0.0}
    assert made.drifted(0.0) == []


@pytest.mark.parametrize("inline", [False, True])
def test_longer_documents_are_found_whether_published_or_brought_along(
    short: MemoryStream, tmp_path: Path, *, inline: bool
) -> None:
    longer = answered([" ".join([SHORT.format(number)] * 12) for number in range(MANY)], inline=inline)
    made = report(longer, artifact_with(tmp_path, short))
    assert made.without_text == 0
    beyond = [drift.figure.name for drift in made.drifted(0.25)]
    assert {"document_tokens", "document_windows"} <= set(beyond)
    indexes = [drift.index for drift in made.drifted(0.25)]
    assert indexes == sorted(indexes, reverse=True)


def test_without_texts_what_the_answers_say_is_compared(short: MemoryStream, tmp_path: Path) -> None:
    made = report(short, artifact_with(tmp_path, short), AnswerSelection(1000, with_texts=False))
    assert made.without_text == MANY
    assert {"document_tokens", "unknown_tokens", "characters_per_token"}.isdisjoint(drifts(made))
    assert {"document_windows", "confidence", "answered"} <= set(drifts(made))


def test_a_text_that_changed_or_was_deleted_since_is_not_taken_for_the_one_that_was_read(tmp_path: Path) -> None:
    stream = answered([SHORT.format(number) for number in range(MANY)])
    artifact = artifact_with(tmp_path, stream)
    stream.document("d0", "Another text.")
    stream.document("d1", None)
    assert report(stream, artifact).without_text == 2


def test_the_latest_are_compared_and_none_from_before_the_time(short: MemoryStream, tmp_path: Path) -> None:
    artifact = artifact_with(tmp_path, short)
    assert report(short, artifact, AnswerSelection(205)).questions == 205
    records = short.broker.records(TOPICS.answers)
    times = sorted(record.timestamp_ms or 0 for record in records)
    since = AnswerSelection(1000, since_ms=times[-1])
    assert report(short, artifact, since).questions == sum(time == times[-1] for time in times)
    assert report(short, artifact, AnswerSelection(1000, since_ms=times[-1] + 1)).questions == 0


def test_too_few_answers_are_not_compared(short: MemoryStream, tmp_path: Path) -> None:
    made = report(short, artifact_with(tmp_path, short), AnswerSelection(LEAST_QUESTIONS - 1))
    assert (made.is_enough, made.figures) == (False, ())


def test_answers_by_another_calibration_are_left_out(short: MemoryStream, tmp_path: Path) -> None:
    artifact = artifact_with(tmp_path, short)
    calibration = artifact.manifest.calibration.model_copy(update={"name": "letters-2"})
    other = artifact.manifest.model_copy(update={"calibration": calibration})
    made = report(short, Artifact(tmp_path, other, TOKENIZER, artifact.golden))
    assert (made.questions, made.other_model, made.figures) == (0, MANY, ())


def test_records_that_are_no_answers_are_passed_over(tmp_path: Path) -> None:
    stream = answered([SHORT.format(number) for number in range(MANY)])
    artifact = artifact_with(tmp_path, stream)
    stream.send(Outgoing(TOPICS.answers, b"k", b"no answer"))
    assert report(stream, artifact).questions == MANY


def test_the_share_of_answers_is_expected_at_the_threshold_of_the_settings(short: MemoryStream, tmp_path: Path) -> None:
    made = report(short, artifact_with(tmp_path, short), model=ModelSettings(threshold="sure"))
    [answers] = [drift for drift in made.figures if drift.figure.name == "answered"]
    assert answers.share_before != answers.share_now  # they were answered at another one


def test_an_artifact_without_a_reference_is_one_line_that_says_what_to_do(short: MemoryStream) -> None:
    with pytest.raises(Stop, match="has no reference to compare with; spanstream model calibrate writes it"):
        report(short, fake_reader().artifact)
