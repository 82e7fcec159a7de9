"""The watch in the consumer: what it counts, what it compares, and what is scraped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import structlog
from prometheus_client import CollectorRegistry

from spanstream.consumer.drift.metrics import DriftMetrics
from spanstream.consumer.drift.opening import open_drift_watch
from spanstream.consumer.drift.watch import DriftWatch
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import DriftSettings
from spanstream.models.artifact import Artifact
from spanstream.models.drift.comparison import LEAST_QUESTIONS
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, write_reference
from spanstream.models.reader import Reader
from tests.support.memory.memory_stream import MemoryStream
from tests.support.memory.turns import ask, two_documents
from tests.support.model.fake_reader import fake_reader
from tests.support.model.question_reads import UNKNOWN, drawn_reads, read_question

REFERENCE = Reference.of(drawn_reads(3, 60), threshold=0.5, unknown_id=UNKNOWN)


def watch_of(
    *chunks: Sequence[QuestionRead], questions: int = 1000, reference: Reference | None = REFERENCE
) -> DriftWatch:
    watch = DriftWatch(UNKNOWN, None if reference is None else reference.counts(0.5), questions)
    for chunk in chunks:
        watch.take(chunk)
    return watch


def sample(watch: DriftWatch, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(DriftMetrics(watch))
    return registry.get_sample_value(f"spanstream_{name}", labels)


def reader_with(folder: Path, text: str | None) -> Reader:
    """Returns a reader whose artifact has a reference of this text; None: it has none."""
    reader = fake_reader()
    if text is not None:
        (folder / REFERENCE_FILE).write_text(text)
        manifest = reader.artifact.manifest
        listed = manifest.model_copy(update={"files": manifest.files | {REFERENCE_FILE: "0" * 64}})
        reader.artifact = Artifact(folder, listed, reader.artifact.tokenizer, reader.artifact.golden)
    return reader


def test_every_question_is_in_each_histogram_once() -> None:
    watch = watch_of(drawn_reads(1, 30), [], drawn_reads(2, 10))
    assert all(counts.sum() == 200 for counts in watch.totals().counts.values())
    assert sample(watch, "confidence_count") == sample(watch, "document_tokens_bucket", le="+Inf") == 200


def test_a_histogram_counts_up_to_each_edge_and_sums() -> None:
    watch = watch_of([read_question(1, tokens=60), read_question(2, tokens=100), read_question(2, tokens=100)])
    assert [sample(watch, "document_tokens_bucket", le=le) for le in ("64.0", "128.0", "8192.0")] == [1, 3, 3]
    assert sample(watch, "document_tokens_sum") == 260
    assert sample(watch, "null_score_diff_bucket", le="0.0") == 3


def test_long_documents_are_counted_by_whether_they_were_read_whole() -> None:
    reads = [
        read_question(1, tokens=512),
        read_question(2, tokens=513, windows=(2, 2)),
        read_question(3, tokens=20_000, windows=(32, 80)),
    ]
    watch = watch_of(reads)
    assert [sample(watch, "long_documents_total", read=read) for read in ("whole", "part")] == [1, 1]


def test_nothing_is_compared_before_there_are_enough_questions() -> None:
    watch = watch_of([read_question(text) for text in range(LEAST_QUESTIONS - 1)])
    assert watch.drift() == []
    assert sample(watch, "drift_psi", figure="confidence") is None
    assert sample(watch, "drift_questions") == LEAST_QUESTIONS - 1
    watch.take([read_question(1000)])
    assert sample(watch, "drift_psi", figure="confidence") is not None


def test_the_distance_is_that_of_the_latest_questions_alone() -> None:
    usual, other = drawn_reads(5, 80), [read_question(text, tokens=3000, confidence=0.01) for text in range(400)]
    watch = watch_of(usual, other, questions=400)
    assert (sample(watch, "drift_psi", figure="document_tokens") or 0) > 0.25
    for first in range(0, len(usual), 64):  # they leave as they came, chunk by chunk
        watch.take(usual[first : first + 64])
    psi = [sample(watch, "drift_psi", figure=name) for name in ("document_tokens", "confidence")]
    assert all(value is not None and value < 0.25 for value in psi)


@pytest.mark.parametrize("size", [1, 7, 64, 400])
def test_how_questions_are_cut_into_chunks_changes_no_distance(size: int) -> None:
    reads = drawn_reads(8, 90, longer=3)
    whole = watch_of(reads, questions=300)
    cut = watch_of(*(reads[first : first + size] for first in range(0, len(reads), size)), questions=300)
    assert [drift.index for drift in cut.drift()] == pytest.approx([drift.index for drift in whole.drift()])
    assert cut.compared == whole.compared == 300


def test_a_chunk_larger_than_what_is_compared_leaves_its_latest_questions() -> None:
    reads = [read_question(text, confidence=0.01) for text in range(300)] + drawn_reads(5, 60, first=1000)
    drifts = {drift.figure.name: drift.index for drift in watch_of(reads, questions=300).drift()}
    assert drifts["confidence"] < 0.25


def test_the_reference_is_shown_beside_as_shares_up_to_each_edge() -> None:
    watch = watch_of()
    answered = REFERENCE.figures["answered"].counts
    assert sample(watch, "drift_reference_ratio", figure="answered", up_to="0") == answered[0] / sum(answered)
    shares = [sample(watch, "drift_reference_ratio", figure="confidence", up_to=f"0.{n}") or 0 for n in range(1, 10)]
    assert shares == sorted(shares)


def test_without_a_reference_the_histograms_are_there_and_no_distance() -> None:
    watch = watch_of(drawn_reads(1, 60), reference=None)
    assert sample(watch, "confidence_count") == 300
    assert sample(watch, "drift_psi", figure="confidence") is None
    assert watch.drift() == []


def test_a_consumer_counts_its_answers_and_no_dead_letters(tmp_path: Path) -> None:
    stream = two_documents()
    write_reference(tmp_path, REFERENCE)
    member = stream.start(reader=reader_with(tmp_path, REFERENCE.model_dump_json()))
    ask(stream, "a", "b", "c")
    stream.garbage("bad")
    stream.settle("abc")
    stream.until(lambda: "bad" in stream.outcomes())
    member.turn()
    assert member.metric("confidence_count") == member.metric("drift_questions") == 3
    answered = sum(answer.status == "answered" for answer in stream.answers())
    assert member.metric("records_total", outcome="answered") == answered
    assert member.metric("drift_reference_ratio", figure="answered", up_to="0") > 0
    lengths = np.array(
        [answer.candidate.char_end - answer.candidate.char_start for answer in stream.answers() if answer.candidate]
    )
    assert member.metric("answer_characters_sum") == lengths.sum()


def test_turned_off_there_are_no_such_metrics_and_the_answers_are_the_same() -> None:
    def answers(stream: MemoryStream) -> list[str]:
        return [answer.model_dump_json(exclude={"answered_at"}) for answer in stream.answers()]

    streams = two_documents(), two_documents()
    for stream, enabled in zip(streams, (True, False), strict=True):
        member = stream.start(drift=DriftSettings(enabled=enabled))
        ask(stream, "a", "b", "c")
        stream.settle("abc")
        assert (member.metric("confidence_count") == 3) is enabled
    assert answers(streams[0]) == answers(streams[1])


def test_an_artifact_without_a_reference_is_said_once(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        watch = open_drift_watch(DriftSettings(), reader_with(tmp_path, None), CollectorRegistry())
    assert watch is not None
    assert [line["event"] for line in lines] == ["no_drift_reference"]


def test_a_reference_that_cannot_be_read_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"reference\.json: the whole file: Invalid JSON"):
        open_drift_watch(DriftSettings(), reader_with(tmp_path, "{"), CollectorRegistry())
