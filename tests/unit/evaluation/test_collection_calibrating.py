"""A collection's confidence from the files to the artifact, with a reader, an encoder and an index that are fakes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.operations.collection_search import TextSearch
from spanstream.consumer.passages.memory_index import MemoryPassageIndexes
from spanstream.consumer.settings import IndexSettings
from spanstream.models.artifact import load_artifact
from spanstream.models.calibrating.collection_record import read_collection_record
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.errors import ArtifactError, BuildError, SquadError
from spanstream.models.evaluation.collections import recalibrating
from spanstream.models.evaluation.collections.labelled import read_collection
from spanstream.models.evaluation.collections.observing import CollectionObserver, FoundTexts
from spanstream.models.evaluation.collections.recalibrating import (
    CollectionRequest,
    CollectionResult,
    recalibrate_collection,
)
from spanstream.models.evaluation.observe import LabelledQuestion
from spanstream.models.metrics.squad_files import Example
from tests.support.model.fake_reader import fake_reader
from tests.support.model.small_artifact import write_small_artifact
from tests.support.model.squad_file import question, squad
from tests.support.passages.word_encoder import WordEncoder

DAY = date(2026, 2, 3)
WANTED = ThresholdRequest(precisions=(30,), recalls=(50,))
TEXTS = [f"depot {number} has the door code c{number} and the porter p{number} knows it" for number in range(90)]
ASKED = [f"what is the door code c{number} of depot {number} ?" for number in range(90)]


def new_search() -> TextSearch:
    return TextSearch(MemoryPassageIndexes(), WordEncoder(256), IndexSettings(passages=3))


def questions_of(right: int) -> dict[str, list[dict[str, Any]]]:
    """Returns questions by text; the fake reader is right about so many, those that it is surest of."""
    search = new_search()
    search.fill(TEXTS, lambda _: None)
    found = [
        FoundTexts(LabelledQuestion(Path("none"), Example(str(number), "", "", asked, ())), places)
        for number, (asked, places) in enumerate(zip(ASKED, search.find(ASKED), strict=True))
    ]
    labelled: dict[str, list[dict[str, Any]]] = {text: [] for text in TEXTS}
    observations = CollectionObserver(fake_reader(), "kb").observe(found)
    observations.sort(key=lambda one: one.features.log_odds if one.features else -99.0, reverse=True)
    for place, read in enumerate(observations):
        context = next(text for text in TEXTS if read.candidate in text)
        answer = read.candidate if place < right else None
        labelled[context].append(question(read.example.id, read.example.question, context, answer))
    return labelled


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an artifact that the fake reader reads in the place of."""
    monkeypatch.setattr(recalibrating, "open_cpu_reader", lambda *_, **__: fake_reader())
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "README.md").write_text("# small 1\n", encoding="utf-8")
    return write_small_artifact(folder)


def written(path: Path, labelled: dict[str, list[dict[str, Any]]]) -> Path:
    path.write_text(json.dumps(squad(labelled)), encoding="utf-8")
    return path


def calibrated(artifact: Path, *data: Path) -> CollectionResult:
    output = artifact.with_name("out")
    return recalibrate_collection(CollectionRequest(artifact, data, output, DAY, wanted=WANTED), new_search())


def test_an_artifact_is_written_with_the_confidence_and_what_it_was_fitted_to(artifact: Path, tmp_path: Path) -> None:
    labelled = questions_of(right=40)
    asked = written(tmp_path / "kb.json", {text: those for text, those in labelled.items() if those})
    others = written(tmp_path / "others.json", {text: [] for text, those in labelled.items() if not those})
    result = calibrated(artifact, asked, others)
    before, after = load_artifact(artifact).manifest, load_artifact(tmp_path / "out").manifest
    assert after.calibration.collection == result.fitted.calibration
    assert after.calibration.name == f"small-1+kb.{result.record.data[0].sha256[:8]}"
    assert after.calibration.weights == before.calibration.weights
    assert after.files.items() - before.files.items() == {("collection.json", after.files["collection.json"])}
    record = read_collection_record(tmp_path / "out")
    assert record == result.record
    assert [file.file for file in record.data] == ["kb.json", "others.json"]
    facts = (record.day, record.questions, record.texts, record.passages, record.encoder)
    assert facts == (DAY, 90, 90, 3, "words")
    assert {"default", "recall-50"} <= record.thresholds.keys()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# small 1\n")
    assert "Fitted on 2026-02-03, to 90 questions about a collection of 90 texts" in card
    assert "| `recall-50` |" in card
    assert list(result.figures) == ["new, on unseen questions", "one document's"]


def test_a_second_fit_takes_the_place_of_the_first_and_knows_texts_that_the_first_has_seen(
    artifact: Path, tmp_path: Path
) -> None:
    calibrated(artifact, written(tmp_path / "kb.json", questions_of(right=40)))
    again = calibrated(tmp_path / "out", written(tmp_path / "wiki.json", questions_of(right=30)))
    assert list(again.figures) == ["new, on unseen questions", "so far, which has seen some", "one document's"]
    assert again.fitted.score != "the confidence so far"
    manifest = load_artifact(tmp_path / "out").manifest
    assert manifest.calibration.name == f"small-1+wiki.{again.record.data[0].sha256[:8]}"
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.count("## Over a collection") == 1
    assert "`wiki.json`" in card
    assert "kb.json" not in card


def test_a_calibration_without_enough_right_candidates_says_how_many_it_takes_and_writes_nothing(
    artifact: Path, tmp_path: Path
) -> None:
    data = written(tmp_path / "kb.json", questions_of(right=9))
    with pytest.raises(BuildError, match="9 of 90 candidates are right; it takes 20 right and 20 wrong ones"):
        calibrated(artifact, data)
    assert {path.name for path in tmp_path.iterdir()} == {"artifact", "kb.json"}


def test_too_few_questions_are_told_before_anything_is_read(tmp_path: Path) -> None:
    labelled = {text: [question(text, "who ?", text, None)] for text in TEXTS[:39]}
    data = written(tmp_path / "kb.json", labelled)
    with pytest.raises(BuildError, match=r"kb\.json: 39 questions are too few .* 40 questions at the least"):
        read_collection([data])


def test_an_artifact_that_is_none_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="manifest"):
        calibrated(tmp_path / "artifact", tmp_path / "kb.json")


def test_a_file_that_is_no_squad_file_is_named(artifact: Path, tmp_path: Path) -> None:
    data = tmp_path / "kb.json"
    data.write_text("{}", encoding="utf-8")
    with pytest.raises(SquadError, match=r"kb\.json: the file: no list `data`"):
        calibrated(artifact, data)


def test_texts_are_of_the_collection_once_whatever_file_they_stand_in(tmp_path: Path) -> None:
    labelled = {text: [question(text, "who ?", text, None)] for text in TEXTS}
    first = written(tmp_path / "a.json", labelled)
    second = written(tmp_path / "b.json", {TEXTS[3]: [question("b", "why ?", TEXTS[3], None)], "another one": []})
    collection = read_collection([first, second])
    assert collection.texts == (*TEXTS, "another one")
    assert [one.file.name for one in collection.questions] == ["a.json"] * 90 + ["b.json"]
