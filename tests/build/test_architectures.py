"""Every architecture through the whole build, and its artifact through the reader that serves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

from spanstream.models.artifact import Artifact, load_artifact
from spanstream.models.building.golden_logits import golden_spans
from spanstream.models.building.pipeline import build
from spanstream.models.building.request import BuildRequest
from spanstream.models.drift.reference import read_reference
from spanstream.models.inference.backends import self_test
from spanstream.models.inference.packing import assemble, pack
from spanstream.models.inference.session import OnnxSession
from spanstream.models.metrics.squad_files import read_squad
from spanstream.models.reader import Reader
from spanstream.models.text.windowing import Window, windows_of
from tests.support.model.fast_windows import fast_windows, our_windows
from tests.support.model.texts import TEXTS
from tests.support.model.tiny_checkpoints import MODEL_TYPES, tiny, write_tiny_checkpoint
from tests.support.model.trained_tokenizers import fast
from tests.support.model.word_cuts import cuts_word

QUESTION = "What error code is shown?"
LONG = "The train leaves at 10:42 from platform 7; naïve café owners in Zürich pay 95€. " * 4
# What onnxruntime's optimizer is known to find: all layers, but for ALBERT's first (it is fed by a projection), the
# relative attention of DeBERTa and Longformer's under its masks.
FUSED = {"bert": 2, "distilbert": 2, "albert": 1, "roberta": 2, "electra": 2, "big_bird": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("architectures")


@pytest.fixture(scope="module", params=MODEL_TYPES)
def model_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def artifact(model_type: str, folder: Path, questions: Path) -> Artifact:
    checkpoint = write_tiny_checkpoint(model_type, folder / f"{model_type}-checkpoint", learned=questions)
    request = BuildRequest(str(checkpoint), (questions,), name=f"tiny-{model_type}", gpu=True)
    lines: list[str] = []
    build(request, folder / model_type, say=lines.append)
    (folder / f"{model_type}.log").write_text("\n".join(lines))
    return load_artifact(folder / model_type)


@pytest.fixture(scope="module")
def reader(artifact: Artifact) -> Reader:
    return _reader(artifact.folder)


@cache
def _reader(folder: Path) -> Reader:
    return Reader.load(folder, threads=1)


def test_the_manifest_says_what_it_is(model_type: str, artifact: Artifact) -> None:
    manifest = artifact.manifest
    assert manifest.architecture == model_type
    assert manifest.max_length == tiny(model_type).longest
    assert artifact.variants_for("cpu")
    library = fast(tiny(model_type).tokenizer)
    assert library.id_to_token(manifest.pad_id) in {"[PAD]", "<pad>"}


def test_the_reference_is_of_the_questions_that_were_validated_on(artifact: Artifact, questions: Path) -> None:
    reference, examples = read_reference(artifact), read_squad(questions)
    assert reference is not None
    assert reference.questions == len(examples)
    assert reference.documents == len({example.context for example in examples})
    assert reference.threshold == artifact.manifest.calibration.thresholds["default"]
    assert sum(reference.figures["document_tokens"].counts) == reference.documents


def test_the_card_tells_every_variant_and_how_far_fusing_went(model_type: str, artifact: Artifact) -> None:
    card = (artifact.folder / "README.md").read_text()
    for name in ("fp32", "int8-static-tamed", "int8-static", "int8-dynamic", "int8-dynamic-skip"):
        assert f"| `{name}` |" in card
    assert f"attention of {FUSED.get(model_type, 0)} of 2 layers" in card
    assert card.count("| taken |") == 1


def test_the_session_gives_its_golden_logits(artifact: Artifact) -> None:
    [variant] = artifact.variants_for("cpu")
    session, fed = OnnxSession(artifact.path_of(variant), variant), variant.session.max_batch_tokens
    assert self_test(session, artifact, max_batch_tokens=fed) < 1e-3


def test_a_windows_logits_are_the_same_bits_alone_and_as_it_is_batched(artifact: Artifact) -> None:
    [variant] = artifact.variants_for("cpu")
    session, pad_id = OnnxSession(artifact.path_of(variant), variant), artifact.manifest.pad_id
    windows = _windows(artifact)
    alone = {window: session.run(assemble([window], pad_id=pad_id)) for window in windows}
    for batch in pack(windows, max_batch_tokens=variant.session.max_batch_tokens, pad_id=pad_id):
        together = session.run(batch)
        for row, window in enumerate(batch.windows):
            assert np.array_equal(together.start[row, : window.length], alone[window].start[0])
            assert np.array_equal(together.end[row, : window.length], alone[window].end[0])


def _windows(artifact: Artifact) -> list[Window]:
    tokenizer = artifact.tokenizer
    texts = [LONG, LONG[:40], LONG[:90], "Zürich", LONG[10:200]]
    question = tokenizer.tokenize_question(QUESTION)
    return [
        window for text in texts for window in windows_of(question, tokenizer.tokenize_document(text), artifact.shape)
    ]


@settings(max_examples=40, deadline=None)
@given(text=TEXTS)
def test_every_candidate_is_verbatim_and_whole_words(reader: Reader, text: str) -> None:
    for answer in reader.read(text, [QUESTION, "who?"]):
        if (quote := answer.candidate) is None:
            continue
        assert text[quote.char_start : quote.char_end] == quote.text
        assert quote.text.strip()
        for place in (quote.char_start, quote.char_end):
            assert not cuts_word(text, place)


@settings(max_examples=30, deadline=None)
@given(context=TEXTS)
def test_windows_are_those_of_the_library(artifact: Artifact, model_type: str, context: str) -> None:
    max_length, stride = artifact.shape.max_length, artifact.shape.stride
    library = fast(tiny(model_type).tokenizer)
    text = f"{context} {LONG}"
    ours = our_windows(artifact.tokenizer, QUESTION, text, max_length=max_length, stride=stride)
    assert ours == fast_windows(library, QUESTION, text, max_length=max_length, stride=stride)


def test_a_document_of_many_windows_is_read_to_its_end(reader: Reader) -> None:
    [answer] = reader.read(LONG * 5, [QUESTION])
    assert answer.windows_read == answer.windows_total > 3


def test_the_fp16_variant_is_for_a_gpu_and_gives_the_same_spans(artifact: Artifact) -> None:
    [fp16] = artifact.variants_for("cuda")
    assert (fp16.precision, fp16.file) == ("fp16", "model.fp16.onnx")
    [cpu] = artifact.variants_for("cpu")
    on_cpu = fp16.model_copy(update={"device": "cpu"})
    manifest = artifact.manifest
    sessions = (OnnxSession(artifact.path_of(fp16), on_cpu), OnnxSession(artifact.path_of(cpu), cpu))
    spans = [
        golden_spans(session, artifact.tokenizer, artifact.shape, manifest.pad_id, manifest.max_answer_tokens)
        for session in sessions
    ]
    if cpu.precision == "fp32":
        assert spans[0] == spans[1]
    assert fp16.tolerance is not None
    assert self_test(sessions[0], artifact, max_batch_tokens=fp16.session.max_batch_tokens) <= fp16.tolerance
