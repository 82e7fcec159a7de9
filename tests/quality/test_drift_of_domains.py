"""Drift with the real model: texts of another kind are noticed soon, ten thousand questions of the same kind never.

The reference is of one half of the validation tickets, by text; what is streamed as "the same kind" is of the other
half, drawn with replacement. So no text is on both sides, the model has seen none of them, and what is proved is that
thirty texts of a kind are enough to know the kind again. Each question is read once; its figures go through the
consumer's watch as often as it is drawn.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from spanstream.consumer.drift.watch import DriftWatch
from spanstream.models.artifact import load_artifact
from spanstream.models.defaults import DEFAULT_ARTIFACT, DRIFT_LIMIT
from spanstream.models.drift.comparison import LEAST_QUESTIONS
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.drift.reference import Reference, read_reference
from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.reader import Reader
from tests.support.model.shared_data import VALIDATION_TICKETS, validation_examples

WORK_ORDERS = VALIDATION_TICKETS.parents[1] / "work-orders"
CHUNK = 64
STRETCH = 1000


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Example]]:
    """Returns a file with the questions about every second text, and the other questions."""
    layout = json.loads(gzip.decompress(VALIDATION_TICKETS.read_bytes()))
    texts = sorted({paragraph["context"] for article in layout["data"] for paragraph in article["paragraphs"]})
    first = set(texts[::2])
    for article in layout["data"]:
        article["paragraphs"] = [paragraph for paragraph in article["paragraphs"] if paragraph["context"] in first]
    file = tmp_path_factory.mktemp("halves") / "first.json"
    file.write_text(json.dumps(layout))
    return file, [example for example in read_squad(VALIDATION_TICKETS) if example.context not in first]


@pytest.fixture(scope="module")
def calibrated(halves: tuple[Path, list[Example]]) -> Path:
    """Returns the shipped model, calibrated on the first half."""
    output = halves[0].parent / "calibrated"
    recalibrate(CalibrationRequest(DEFAULT_ARTIFACT, [halves[0]], output))
    return output


@pytest.fixture(scope="module")
def reader(calibrated: Path) -> Iterator[Reader]:
    reader = Reader.load(calibrated)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def reference(reader: Reader) -> Reference:
    reference = read_reference(reader.artifact)
    assert reference is not None
    return reference


def read_all(reader: Reader, examples: Sequence[Example]) -> list[QuestionRead]:
    """Reads each question as the consumer does."""
    documents = {text: reader.tokenize(text) for text in {example.context for example in examples}}
    plans = [reader.plan(example.context, documents[example.context], [example.question])[0] for example in examples]
    scores = reader.score(plans)
    answers = [(plan, reader.conclude(plan, scores)) for plan in plans]
    return [QuestionRead.of(answer, plan.document, answered=answer.text is not None) for plan, answer in answers]


def watch_of(reader: Reader, reference: Reference) -> DriftWatch:
    return DriftWatch(reader.artifact.tokenizer.unknown_id, reference.counts(reader.threshold), STRETCH)


def chunks(reads: Sequence[QuestionRead]) -> Iterator[Sequence[QuestionRead]]:
    for first in range(0, len(reads), CHUNK):
        yield reads[first : first + CHUNK]


def drifted(watch: DriftWatch) -> set[str]:
    return {drift.figure.name for drift in watch.drift() if drift.index > DRIFT_LIMIT}


@pytest.fixture(scope="module")
def same_kind(halves: tuple[Path, list[Example]], reader: Reader) -> list[QuestionRead]:
    reads = read_all(reader, halves[1])
    random = np.random.default_rng(20)
    return [reads[number] for number in random.integers(0, len(reads), 10_000)]


def test_the_reference_counts_what_was_calibrated_on(
    halves: tuple[Path, list[Example]], calibrated: Path, reference: Reference
) -> None:
    examples = read_squad(halves[0])
    assert reference.questions == len(examples)
    assert reference.documents == len({example.context for example in examples})
    manifest = load_artifact(calibrated).manifest
    assert reference.threshold == manifest.calibration.thresholds["default"]
    assert "reference.json" in manifest.files


def test_what_was_calibrated_on_and_is_read_by_the_consumer_has_not_moved(
    halves: tuple[Path, list[Example]], reader: Reader, reference: Reference
) -> None:
    watch = watch_of(reader, reference)
    watch.take(read_all(reader, read_squad(halves[0])))
    drifts = watch.drift()
    assert len(drifts) == 9
    assert all(drift.stability_index == 0 for drift in drifts), drifts


def test_ten_thousand_questions_of_the_same_kind_raise_no_alarm(
    reader: Reader, reference: Reference, same_kind: list[QuestionRead]
) -> None:
    watch = watch_of(reader, reference)
    for chunk in chunks(same_kind):
        watch.take(chunk)
        assert not drifted(watch)
    assert watch.totals().counts["confidence"].sum() == 10_000


def test_work_orders_are_noticed_within_five_hundred_questions(
    reader: Reader, reference: Reference, same_kind: list[QuestionRead]
) -> None:
    examples = [example for name in ("train", "validation") for example in read_squad(WORK_ORDERS / f"{name}.json.gz")]
    reads = read_all(reader, examples)  # 433 questions about 40 texts; no model was trained on them
    fresh, changing = watch_of(reader, reference), watch_of(reader, reference)
    fresh.take(reads[:LEAST_QUESTIONS])
    assert drifted(fresh) >= {"characters_per_token"}
    for chunk in chunks(same_kind[:2000]):
        changing.take(chunk)
    assert not drifted(changing)
    changing.take(reads)
    assert drifted(changing) >= {"characters_per_token"}
    [drift] = [drift for drift in changing.drift() if drift.figure.name == "characters_per_token"]
    assert drift.what_moved.startswith("stranger texts: more codes, logs or abbreviations, or another language: ")


def test_encyclopedia_paragraphs_are_noticed_within_five_hundred_questions(
    reader: Reader, reference: Reference
) -> None:
    examples = validation_examples("squad")
    random = np.random.default_rng(20)
    watch = watch_of(reader, reference)
    watch.take(read_all(reader, [examples[number] for number in random.choice(len(examples), 500, replace=False)]))
    assert drifted(watch) >= {"characters_per_token", "document_tokens"}
