"""The reference file: what is written is read again, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.models.artifact import load_artifact, sha256_of_file, write_manifest
from spanstream.models.drift.figures import FIGURES
from spanstream.models.drift.reference import REFERENCE_FILE, Reference, read_reference, write_reference
from spanstream.models.errors import ArtifactError
from tests.support.model.question_reads import UNKNOWN, drawn_reads, read_question
from tests.support.model.small_artifact import small_manifest, write_small_artifact

READS = drawn_reads(3, 40)
REFERENCE = Reference.of(READS, threshold=0.5, unknown_id=UNKNOWN)


def with_reference(folder: Path, text: str | None = None) -> Path:
    write_small_artifact(folder)
    write_reference(folder, REFERENCE)
    if text is not None:
        (folder / REFERENCE_FILE).write_text(text)
    manifest = small_manifest(folder)
    files = manifest.files | {REFERENCE_FILE: sha256_of_file(folder / REFERENCE_FILE)}
    write_manifest(folder, manifest.model_copy(update={"files": files}))
    return folder


def test_it_counts_every_question_and_every_document() -> None:
    assert (REFERENCE.questions, REFERENCE.documents) == (200, 40)
    for figure in FIGURES:
        expected = 40 if figure.of == "documents" else 200
        assert sum(REFERENCE.figures[figure.name].counts) == expected


def test_questions_that_were_drawn_with_unequal_chances_count_as_what_they_stand_for() -> None:
    unsure, sure = (
        [read_question(text, confidence=confidence) for text in texts]
        for texts, confidence in ((range(60), 0.45), (range(60, 100), 0.85))
    )
    weights = [1.0] * len(unsure) + [9.0] * len(sure)  # what the model is unsure of was drawn nine times as often
    reference = Reference.of([*unsure, *sure], threshold=0.5, unknown_id=UNKNOWN, weights=weights)
    effective = sum(weights) ** 2 / sum(weight**2 for weight in weights)  # 53 questions tell as much
    declined, answered = reference.figures["answered"].counts
    assert declined + answered == pytest.approx(effective, abs=1)
    assert answered / (declined + answered) == pytest.approx(360 / 420, abs=0.01)
    assert sum(reference.figures["document_tokens"].counts) == pytest.approx(effective, abs=1)
    assert (reference.questions, reference.documents) == (100, 100)


def test_equal_weights_change_nothing() -> None:
    assert Reference.of(READS, threshold=0.5, unknown_id=UNKNOWN, weights=[7.3] * len(READS)) == REFERENCE


def test_what_is_written_into_an_artifact_is_read_again(tmp_path: Path) -> None:
    assert read_reference(load_artifact(with_reference(tmp_path))) == REFERENCE


def test_an_artifact_of_before_has_none(tmp_path: Path) -> None:
    assert read_reference(load_artifact(write_small_artifact(tmp_path))) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the whole file: Invalid JSON"),
        (REFERENCE.model_dump_json().replace('"format":1', '"format":2'), "format: Input should be 1"),
        (REFERENCE.model_dump_json().replace('"counts":[', '"counts":[7,', 1), "8 edges need 9 counts"),
    ],
)
def test_what_it_cannot_read_is_an_error_that_names_the_file(tmp_path: Path, text: str, said: str) -> None:
    artifact = load_artifact(with_reference(tmp_path, text))
    with pytest.raises(ArtifactError, match=f"reference.json: .*{said}"):
        read_reference(artifact)


def test_a_figure_with_other_bins_than_the_programs_is_not_compared() -> None:
    other = REFERENCE.figures["confidence"].model_copy(update={"edges": tuple(range(9))})
    changed = REFERENCE.model_copy(update={"figures": REFERENCE.figures | {"confidence": other}})
    assert set(changed.counts(0.5)) == {figure.name for figure in FIGURES} - {"confidence"}


def test_at_another_threshold_the_answered_share_is_that_of_the_confidences() -> None:
    assert REFERENCE.counts(0.5)["answered"].tolist() == list(REFERENCE.figures["answered"].counts)
    for threshold in (0.0, 0.2, 0.75, 1.0):
        declined, answered = REFERENCE.counts(threshold)["answered"]
        exact = sum(read.confidence >= threshold for read in READS)
        assert declined + answered == 200
        assert answered == pytest.approx(exact, abs=10)
