"""The encoder that comes with the program."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.arrays import Float32Array, Int32Array
from spanstream.models.artifact import MANIFEST, load_artifact, sha256_of_file, write_manifest
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_ENCODER
from spanstream.models.embedding.embedding_session import EmbeddingSession
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.embedding.encoder_artifact import EncoderManifest, load_encoder_artifact
from spanstream.models.errors import ArtifactError, ForkedReader, InferenceFailed, InvalidText
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.text.passages import passages_of
from tests.support.model.texts import TEXTS

PROSE = "The nightly export stops with error FXP-4107 since Tuesday. Ms. Okafor restarted the agent twice, in vain. "
SIZES = st.integers(0, 220).map(lambda words: " ".join((PROSE * 20).split()[:words]))


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    encoder = Encoder.load(threads=2)
    yield encoder
    encoder.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_ENCODER, tmp_path / "encoder"))


def _change(folder: Path, **values: object) -> None:
    manifest = EncoderManifest.model_validate_json((folder / MANIFEST).read_bytes())
    files = {name: sha256_of_file(folder / name) for name in manifest.files}
    write_manifest(folder, manifest.model_copy(update={"files": files} | values))


def test_texts_that_mean_the_like_are_nearer_than_others(encoder: Encoder) -> None:
    question, answer, other = encoder.embed(
        ["Why does the export fail?", "The nightly export stops because the disk is full.", "Lunch is at noon."]
    )
    assert question @ answer > 0.4
    assert question @ other < 0.3


def test_every_vector_has_the_dimensions_and_length_1(encoder: Encoder) -> None:
    vectors = encoder.embed(["", " ", "a", "👍", "输出失败", "word " * 5000])
    assert vectors.shape == (6, encoder.dimensions) == (6, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.embed([]).shape == (0, 384)


@settings(max_examples=40)
@given(texts=st.lists(SIZES | TEXTS, min_size=2, max_size=9))
def test_a_text_has_the_same_bits_alone_and_beside_any_others(encoder: Encoder, texts: list[str]) -> None:
    together = encoder.embed(texts)
    assert all(np.array_equal(encoder.embed([text])[0], vector) for text, vector in zip(texts, together, strict=True))


def test_texts_of_every_length_have_the_same_bits_in_one_batch(encoder: Encoder) -> None:
    texts = [" ".join((PROSE * 20).split()[:words]) for words in range(1, 100)]
    rows = [encoder.embed([text])[0] for text in texts]
    assert np.array_equal(encoder.embed(texts), np.stack(rows))
    assert np.array_equal(encoder.embed(texts[::-1]), np.stack(rows[::-1]))


def test_several_threads_get_what_one_gets(encoder: Encoder) -> None:
    texts = [PROSE * (1 + number % 3) + str(number) for number in range(24)]
    expected = encoder.embed(texts)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda text: encoder.embed([text])[0], texts))
    assert np.array_equal(np.stack(found), expected)


def test_of_a_long_text_the_beginning_is_read(encoder: Encoder) -> None:
    long = PROSE * 40
    assert np.array_equal(*encoder.embed([long, f"{long}And nothing else."]))
    assert np.array_equal(*encoder.embed([long * 20, f"{long * 20} {'x' * 100_000}"]))
    assert not np.array_equal(*encoder.embed([PROSE, f"{PROSE}And nothing else."]))


def test_every_passage_of_prose_is_read_whole() -> None:
    tokenizer = load_encoder_artifact().tokenizer
    text = " ".join(f"{PROSE}It was number {number} of them." for number in range(200))
    lengths = [len(tokenizer.tokenize_question(text[start:end]).ids) for start, end in passages_of(text)]
    assert max(lengths) <= 254


def test_half_a_character_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InvalidText):
        encoder.embed(["fine", "half \ud83d"])


def test_a_session_that_raises_is_a_failed_inference() -> None:
    class Broken(EmbeddingSession):
        def __init__(self) -> None:
            pass

        def run(self, rows: Sequence[Int32Array]) -> Float32Array:  # noqa: ARG002  it does not get so far
            raise SessionError("out of memory")

    artifact = load_encoder_artifact()
    encoder = Encoder(artifact, Broken(), artifact.variant.session, 1)
    with pytest.raises(InferenceFailed, match="out of memory"):
        encoder.embed(["a"])
    encoder.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_an_encoder_that_was_loaded_before_a_fork_says_so(encoder: Encoder) -> None:
    context = multiprocessing.get_context("fork")
    told: Queue[str] = context.Queue()

    def embed() -> None:
        try:
            encoder.embed(["a"])
        except ForkedReader as error:
            told.put(str(error))

    child = context.Process(target=embed)
    child.start()
    assert "before the process was forked" in told.get(timeout=60)
    child.join(60)


@pytest.mark.parametrize("name", ["model.int8.onnx", "tokenizer.json", "golden.json", MANIFEST])
def test_a_damaged_file_is_refused_with_its_name(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        Encoder.load(copy)


def test_a_reader_is_no_encoder_and_an_encoder_no_reader() -> None:
    with pytest.raises(ArtifactError, match=MANIFEST):
        Encoder.load(DEFAULT_ARTIFACT)
    with pytest.raises(ArtifactError, match=MANIFEST):
        load_artifact(DEFAULT_ENCODER)


def test_a_graph_that_gives_something_else_is_refused(copy: Path) -> None:
    shutil.copy(DEFAULT_ARTIFACT / "model.int8.onnx", copy)
    _change(copy)
    with pytest.raises(ArtifactError, match="no encoder"):
        Encoder.load(copy)


def test_a_machine_that_computes_other_vectors_is_refused(copy: Path) -> None:
    golden = json.loads((copy / "golden.json").read_text())
    golden["cases"][3]["vector"] = golden["cases"][0]["vector"]
    (copy / "golden.json").write_text(json.dumps(golden))
    _change(copy)
    with pytest.raises(ArtifactError, match="computes the encoder wrongly"):
        Encoder.load(copy)


def test_the_self_test_sees_rows_that_run_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    run = EmbeddingSession.run

    def blended(session: EmbeddingSession, rows: list[Int32Array]) -> Float32Array:
        vectors = run(session, rows)
        mixed: Float32Array = vectors + vectors[::-1]
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        return mixed

    monkeypatch.setattr(EmbeddingSession, "run", blended)
    with pytest.raises(ArtifactError, match="computes the encoder wrongly"):
        Encoder.load()


def test_the_fingerprint_changes_with_what_changes_vectors_and_not_with_the_card(copy: Path) -> None:
    before = load_encoder_artifact(copy).fingerprint
    (copy / "README.md").write_text("another card")
    _change(copy, version="2.0.0")
    assert load_encoder_artifact(copy).fingerprint == before == load_encoder_artifact().fingerprint
    _change(copy, max_tokens=128)
    assert load_encoder_artifact(copy).fingerprint != before


def test_the_manifest_says_what_it_is() -> None:
    manifest = load_encoder_artifact().manifest
    assert (manifest.licence, manifest.pooling, manifest.max_tokens) == ("Apache-2.0", "mean", 256)
    assert manifest.dimensions == 384
