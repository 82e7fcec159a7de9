"""Several documents for one question: the surest candidate is the answer, and the others stand behind it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from spanstream.models.artifact import Artifact
from spanstream.models.collection import CollectionReader, DocumentReading, RetrievedPlace, best_document, features_of
from spanstream.models.errors import ArtifactError
from spanstream.models.reader import Reader
from spanstream.models.spans.calibration import Calibration
from spanstream.models.spans.collection_calibration import CollectionCalibration, log_odds
from tests.support.model.fake_reader import MANIFEST, fake_reader

TEXTS = (
    "The train leaves at 07:05 from platform 3.",
    "The bus to the airport departs every hour from the main gate.",
    "Nobody knows when the ferry sails.",
)


def reader_with(collection: CollectionCalibration | None) -> Reader:
    reader = fake_reader()
    manifest = MANIFEST.model_copy(
        update={"calibration": MANIFEST.calibration.model_copy(update={"collection": collection})}
    )
    known = reader.artifact
    return Reader(Artifact(known.folder, manifest, known.tokenizer, known.golden), reader.backends)


def read(reader: Reader, max_answers: int = 1) -> Any:
    plans = [
        reader.plan(text, reader.tokenize(text), ["when ?"], max_answers=max_answers, places=[(0, 10)])[0]
        for text in TEXTS
    ]
    places = [(RetrievedPlace(0, len(text), rank, rank, None),) for rank, text in enumerate(TEXTS, start=1)]
    outcomes = reader.score(plans)
    alone = [reader.conclude(plan, outcomes) for plan in plans]
    return CollectionReader(reader).conclude(plans, places, outcomes), alone, places


def test_the_surest_candidate_is_the_answer_with_the_windows_of_all() -> None:
    found, alone, _ = read(fake_reader())
    best = max(range(3), key=lambda number: alone[number].confidence)
    assert found.document == best
    assert found.reading.candidate == alone[best].candidate
    assert found.reading.confidence == alone[best].confidence
    assert found.reading.windows_read == 3
    assert found.reading.windows_total == sum(answer.windows_total for answer in alone)


def test_other_documents_candidates_are_alternatives_and_none_is_surer() -> None:
    found, _, _ = read(fake_reader(), max_answers=6)
    others = {one.document for one in found.alternatives}
    assert others - {found.document}
    assert len(found.alternatives) == 5
    differences = [one.alternative.null_score_diff for one in found.alternatives]
    assert differences == sorted(differences)
    texts = [found.reading.candidate.text, *(one.alternative.quote.text for one in found.alternatives)]
    assert len(set(texts)) == len(texts)
    for one in found.alternatives:
        quote = one.alternative.quote
        assert TEXTS[one.document][quote.char_start : quote.char_end] == quote.text
        assert one.alternative.confidence is None or one.alternative.confidence <= found.reading.confidence


def test_a_collections_own_calibration_and_thresholds_count_where_there_are_any() -> None:
    own = CollectionCalibration(
        bias=-1.0, weights={"log_odds": 0.5, "margin": 0.1, "log_rank": -0.2}, thresholds={"default": 0.7}
    )
    found, alone, places = read(reader_with(own))
    readings = [DocumentReading(*both) for both in zip(alone, places, strict=True)]
    features = features_of(readings, found.document)
    odds = -1.0 + 0.5 * features.log_odds + 0.1 * features.margin - 0.2 * features.log_rank
    assert found.reading.confidence == pytest.approx(1 / (1 + math.exp(-odds)))
    assert found.reading.threshold == 0.7
    assert features.log_windows == pytest.approx(math.log(3))
    assert features.lexical == 0.0
    assert features.margin >= 0


def test_without_a_candidate_no_document_is_the_best_and_nothing_is_said() -> None:
    reader = fake_reader()
    [plan] = reader.plan(" ", reader.tokenize(" "), ["when ?"], places=[(0, 1)])
    found = CollectionReader(reader).conclude([plan], [(RetrievedPlace(0, 1, 1, 1, 1),)], {})
    assert (found.document, found.reading.candidate, found.reading.confidence) == (None, None, 0.0)
    assert best_document([]) is None
    nothing = CollectionReader(reader).nothing("when ?").reading
    assert (nothing.windows_read, nothing.windows_total, nothing.candidate) == (0, 0, None)


def test_a_manifest_without_it_is_written_as_it_was() -> None:
    calibration = Calibration(name="c", bias=0.0, weights={}, thresholds={"default": 0.5, "sure": 0.9})
    assert "collection" not in calibration.model_dump_json()
    assert calibration.collection_threshold("sure") == 0.9
    own = CollectionCalibration(bias=0.0, weights={}, thresholds={"default": 0.7})
    fitted = calibration.model_copy(update={"collection": own})
    assert Calibration.model_validate_json(fitted.model_dump_json()) == fitted
    assert (fitted.collection_threshold("default"), fitted.collection_threshold(0.3)) == (0.7, 0.3)
    with pytest.raises(ArtifactError, match="take one of default"):
        fitted.collection_threshold("sure")


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"unheard_of": 1.0}, "thresholds": {"default": 0.5}},
        {"weights": {}, "thresholds": {}},
        {"weights": {}, "thresholds": {"default": 1.5}},
    ],
)
def test_what_the_program_does_not_know_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CollectionCalibration(bias=0.0, **wrong)


def test_log_odds_are_bounded() -> None:
    assert [log_odds(value) for value in (0.0, 0.5, 1.0)] == [-20.0, 0.0, 20.0]
