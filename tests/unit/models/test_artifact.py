from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanstream.models.artifact import MANIFEST, Manifest, load_artifact, seal_of, sha256_of_file, write_manifest
from spanstream.models.errors import ArtifactError
from tests.support.model.small_artifact import FILES, small_manifest, write_small_artifact
from tests.support.model.trained_tokenizers import definition, trained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_artifact(tmp_path)


def _change(folder: Path, **values: Any) -> None:
    """Writes other values into the manifest, with a seal that fits wherever they make a manifest."""
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seal": None} | values))


def test_a_whole_artifact_is_loaded(folder: Path) -> None:
    artifact = load_artifact(folder)
    assert artifact.manifest.name == "small"
    assert artifact.tokenizer.fingerprint == trained("wordpiece-uncased").fingerprint
    assert (artifact.shape.max_length, artifact.shape.stride) == (48, 12)
    (variant,) = artifact.variants_for("cpu")
    assert artifact.path_of(variant) == folder / "model.int8.onnx"
    assert artifact.variants_for("cuda") == []
    assert artifact.golden.cases[0].start_logits == (0.5, 1.5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*FILES, MANIFEST]), where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused_with_the_files_name(
    folder: Path, name: str, where: float, change: int
) -> None:
    path = folder / name
    whole = path.read_bytes()
    expected = load_artifact(folder).manifest
    damaged = bytearray(whole)
    damaged[int(where * len(whole))] ^= change
    path.write_bytes(damaged)
    try:
        # A line's end that became a space in the manifest changes nothing that it says.
        assert name == MANIFEST
        assert load_artifact(folder).manifest == expected
    except (ArtifactError, AssertionError):
        with pytest.raises(ArtifactError) as caught:
            load_artifact(folder)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused_with_its_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name}: cannot be read: No such file"):
        load_artifact(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere"):
        load_artifact(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_cut_short_is_refused_with_its_name(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError, match=name):
        load_artifact(folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stride": 48}, "stride 48 is not below max_length 48"),
        ({"stride": -1}, "stride"),
        ({"max_length": 0}, "max_length"),
        ({"max_answer_tokens": 0}, "max_answer_tokens"),
        ({"max_answer_tokens": "many"}, "max_answer_tokens"),
        ({"pad_id": -1}, "pad_id"),
        ({"format": 2}, "format"),
        ({"name": ""}, "name"),
        ({"variants": []}, "variants"),
        ({"variants": [{"file": "x.onnx", "precision": "int8", "device": "cpu"}]}, "without a SHA-256: ['x.onnx']"),
        ({"variants": [{"file": "../x.onnx", "precision": "int8", "device": "cpu"}]}, "variants.0.file"),
        ({"variants": [{"file": "model.int8.onnx", "precision": "int4", "device": "cpu"}]}, "variants.0.precision"),
        ({"files": {}}, "without a SHA-256"),
        ({"files": {"/etc/passwd": "0" * 64}}, "files"),
        ({"tokenizer_fingerprint": "abc"}, "tokenizer_fingerprint"),
        ({"calibration": {"name": "x", "bias": 0, "weights": {"luck": 1}, "thresholds": {"default": 0.5}}}, "luck"),
        ({"calibration": {"name": "x", "bias": 0, "weights": {}, "thresholds": {}}}, "`default` is missing"),
        ({"colour": "red"}, "colour"),
        ({"seal": "0" * 64}, "its seal is not that of its content"),
    ],
)
def test_a_wrong_value_in_the_manifest_is_one_clear_line(folder: Path, values: dict[str, Any], message: str) -> None:
    _change(folder, **values)
    with pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    assert message in str(caught.value)
    assert MANIFEST in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_a_number_is_no_value(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_text(path.read_text().replace("0.25", "NaN"))
    with pytest.raises(ArtifactError, match=MANIFEST):
        load_artifact(folder)


def test_another_tokenizer_is_refused_even_if_it_is_listed(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(definition("wordpiece-cased"), encoding="utf-8")
    files = small_manifest(folder).files
    _change(folder, files=files)
    with pytest.raises(ArtifactError, match=r"tokenizer\.json: its fingerprint"):
        load_artifact(folder)


def test_golden_logits_that_are_none_are_refused_with_the_files_name(folder: Path) -> None:
    (folder / "golden.json").write_text('{"tolerance": 0, "cases": []}')
    _change(folder, files=small_manifest(folder).files)
    with pytest.raises(ArtifactError, match=r"golden\.json: tolerance"):
        load_artifact(folder)


def test_a_manifest_without_a_seal_is_read(folder: Path) -> None:
    _change(folder)
    assert load_artifact(folder).manifest.seal is None


def test_a_manifest_changed_by_the_program_is_sealed_anew(folder: Path) -> None:
    manifest = load_artifact(folder).manifest
    write_manifest(folder, manifest.model_copy(update={"max_answer_tokens": 9}))
    changed = load_artifact(folder).manifest
    assert changed.max_answer_tokens == 9
    assert changed.seal not in {None, manifest.seal}


def test_the_shipped_manifest_which_says_nothing_of_windows_is_sealed_and_read_as_one_of_sliding_windows() -> None:
    manifest = load_artifact().manifest
    assert manifest.windows == "sliding"
    assert manifest.seal == seal_of(manifest)


def test_a_manifest_that_names_windows_of_sentences_says_so_and_is_sealed_with_it(folder: Path) -> None:
    manifest = load_artifact(folder).manifest
    write_manifest(folder, manifest.model_copy(update={"windows": "sentences"}))
    changed = load_artifact(folder).manifest
    assert changed.windows == "sentences"
    assert changed.seal != manifest.seal
    _change(folder, windows="paragraphs")
    with pytest.raises(ArtifactError, match="windows: "):
        load_artifact(folder)


def test_a_manifest_is_written_as_it_is_read(folder: Path) -> None:
    manifest = load_artifact(folder).manifest
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_of_file(tmp_path / "empty").startswith("e3b0c44298fc1c14")
