"""The answerability head: trained along or alone, beside any checkpoint, through export, fusing and quantizing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

import torch
from safetensors.torch import load_file
from transformers import AutoModelForQuestionAnswering

from spanstream.models.artifact import load_artifact
from spanstream.models.building.build_context import open_context, probes_of
from spanstream.models.building.graph.export import check_export, export
from spanstream.models.building.inputs import read_files, sample_batches
from spanstream.models.building.pipeline import build
from spanstream.models.building.request import BuildRequest
from spanstream.models.building.variants.recipes import RECIPES, BuiltVariant
from spanstream.models.checkpoints.answerability import HEAD, HEAD_FILE, AnswerabilityHead, save_head
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.checkpoints.training_record import RECORD_FILE
from spanstream.models.errors import BuildError
from spanstream.models.inference.backends import self_test
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import OnnxSession
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.reader import Reader
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.options import TrainingOptions
from spanstream.models.training.sources import DataSource
from spanstream.models.training.torch_session import TorchSession
from spanstream.models.training.train import train
from tests.support.model.tiny_checkpoints import MODEL_TYPES, write_tiny_checkpoint


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, questions: Path) -> Path:
    """Returns a tiny BERT that answers the questions rightly, and has no answerability head."""
    return write_tiny_checkpoint("bert", tmp_path_factory.mktemp("learned") / "bert", learned=questions)


@pytest.fixture
def alone(learned: Path, questions: Path) -> TrainingOptions:
    """Returns the training of a head alone."""
    return TrainingOptions(
        str(learned),
        (DataSource(questions),),
        epochs=40,
        learning_rate=3e-2,
        max_length=96,
        stride=16,
        max_batch_tokens=512,
        answerability=0.5,
        answerability_only=True,
    )


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    model = AutoModelForQuestionAnswering.from_pretrained(folder)
    return dict(model.state_dict())


def head_weights(folder: Path) -> torch.Tensor:
    return load_file(folder / HEAD_FILE)["weight"]


def test_a_head_that_is_learned_alone_changes_no_bit_of_the_spans(
    alone: TrainingOptions, learned: Path, questions: Path, tmp_path: Path
) -> None:
    losses: list[float] = []
    lines: list[str] = []
    options = replace(alone, validation=None)
    assert train(options, tmp_path / "trained", say=lines.append, watch=lambda done: losses.append(done.loss))
    assert losses[-1] < losses[0] / 2
    before, after = tensors(learned), tensors(tmp_path / "trained")
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert json.loads((tmp_path / "trained" / "config.json").read_text()) == json.loads(
        (learned / "config.json").read_text()
    )
    record = json.loads((tmp_path / "trained" / RECORD_FILE).read_text())
    assert (record["answerability"], record["answerability_only"]) == (0.5, True)
    batches = _samples(Checkpoint.open(str(learned)), questions, tmp_path)
    plain, headed = (
        TorchSession(Checkpoint.open(str(folder)).load_model(), takes_token_types=True)
        for folder in (learned, tmp_path / "trained")
    )
    for batch in batches:
        logits, with_head = plain.run(batch), headed.run(batch)
        assert np.array_equal(logits.start, with_head.start)
        assert np.array_equal(logits.end, with_head.end)
        assert logits.answerable is None
        assert with_head.answerable is not None


@pytest.mark.parametrize("lora_rank", [None, 2])
def test_a_head_is_learned_along_and_a_stopped_training_goes_on_with_it(
    alone: TrainingOptions, tmp_path: Path, lora_rank: int | None
) -> None:
    options = replace(alone, answerability_only=False, lora_rank=lora_rank, epochs=4, learning_rate=1e-3, bf16=False)
    assert train(options, tmp_path / "whole")
    steps: list[int] = []
    assert not train(
        options, tmp_path / "halves", watch=lambda done: steps.append(done.step), stop=lambda: len(steps) >= 5
    )
    assert train(options, tmp_path / "halves", watch=lambda done: steps.append(done.step))
    assert steps == sorted(set(steps))
    whole, halves = (head_weights(tmp_path / name) for name in ("whole", "halves"))
    torch.testing.assert_close(halves, whole, rtol=0, atol=1e-6)


def test_another_training_goes_on_from_the_head_or_says_that_it_leaves_it_out(
    alone: TrainingOptions, tmp_path: Path
) -> None:
    assert train(alone, tmp_path / "first")
    again = replace(alone, base=str(tmp_path / "first"), epochs=1, learning_rate=1e-8)
    assert train(again, tmp_path / "second")
    first, second = (head_weights(tmp_path / name) for name in ("first", "second"))
    torch.testing.assert_close(second, first, rtol=0, atol=1e-4)
    lines: list[str] = []
    without = replace(again, answerability=None, answerability_only=False)
    assert train(without, tmp_path / "third", say=lines.append)
    assert not (tmp_path / "third" / HEAD_FILE).exists()
    assert sum("its answerability head is left out" in line for line in lines) == 1


def test_a_validation_says_how_well_the_head_tells_answerable_questions(alone: TrainingOptions, tmp_path: Path) -> None:
    context = "The printer in room 12 shows E-7 since Monday."
    answer = {"text": "E-7", "answer_start": context.index("E-7")}
    asked = [
        {"id": "yes", "question": "Which word is it?", "is_impossible": False, "answers": [answer]},
        {"id": "no", "question": "Who wrote it?", "is_impossible": True, "answers": []},
    ]
    data = {"data": [{"title": "unseen", "paragraphs": [{"context": context, "qas": asked}]}]}
    (tmp_path / "unseen.json").write_text(json.dumps(data))
    lines: list[str] = []
    assert train(replace(alone, validation=tmp_path / "unseen.json"), tmp_path / "trained", say=lines.append)
    [line] = [line for line in lines if line.startswith("after: area under the ROC curve")]
    record = json.loads((tmp_path / "trained" / RECORD_FILE).read_text())
    assert f"{record['after']['auroc_answerability']:.3f} by the answerability head" in line


@pytest.mark.parametrize("change", [{"lora_rank": 4}, {"base": "encoder"}])
def test_a_head_alone_that_makes_no_sense_is_refused_in_one_line(
    alone: TrainingOptions, learned: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    encoder = AutoModelForQuestionAnswering.from_pretrained(learned).base_model
    encoder.save_pretrained(tmp_path / "encoder")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "encoder" / file).write_bytes((learned / file).read_bytes())
    change = {name: str(tmp_path / value) if name == "base" else value for name, value in change.items()}
    with pytest.raises(BuildError, match="an answerability head alone") as caught:
        train(replace(alone, **change), tmp_path / "trained")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trained.training").exists()


def test_a_head_of_another_model_is_refused_in_one_line(learned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for file in learned.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / HEAD_FILE).write_bytes(b"not a tensor")
    with pytest.raises(BuildError, match=r"answerability\.safetensors: is no head of this model") as caught:
        Checkpoint.open(str(folder)).load_model()
    assert "\n" not in str(caught.value)


def _samples(checkpoint: Checkpoint, questions: Path, folder: Path) -> list[Batch]:
    tokenizer = checkpoint.write_tokenizer(folder / "tokenizer.json")
    shape = WindowShape(min(128, checkpoint.max_positions), 42, tokenizer.template)
    options = ReadingOptions(tokenizer, shape, checkpoint.pad_id, 30, 512, 1)
    return sample_batches(read_files([questions], tokenizer), options, number=12)


def _with_random_head(folder: Path) -> Path:
    model = torch.nn.Module()
    torch.manual_seed(3)
    head = AnswerabilityHead(Checkpoint.open(str(folder)).hidden_size)
    torch.nn.init.normal_(head.weight)
    model.add_module(HEAD, head)
    save_head(model, folder)
    return folder


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_architecture_carries_the_head_through_export_fusing_and_quantizing(
    model_type: str, questions: Path, tmp_path: Path
) -> None:
    checkpoint = Checkpoint.open(str(_with_random_head(write_tiny_checkpoint(model_type, tmp_path / "checkpoint"))))
    samples = _samples(checkpoint, questions, tmp_path)
    model = checkpoint.load_model()
    exported = export(model, tmp_path / "exported")
    probes = probes_of(samples, checkpoint.pad_id)
    check_export(exported, model, probes)
    context = open_context(checkpoint, exported, tmp_path, samples)
    for recipe in RECIPES:
        path = tmp_path / f"{recipe.name}.onnx"
        try:
            recipe.make(context, path)
        except Exception:  # noqa: BLE001  an architecture that a recipe does not fit, with the head or without
            assert recipe.name not in {"fp32", "int8-static", "int8-static-tamed"}
            continue
        session = BuiltVariant(recipe, path).open(recipe.sessions[0])
        *alone, together = (session.run(batch) for batch in probes)
        assert together.answerable is not None
        assert together.answerable.shape == (len(alone),)
        if "dynamic" not in recipe.name:
            assert [float(logits.answerable[0]) for logits in alone if logits.answerable is not None] == list(
                together.answerable
            )


def test_the_export_gives_the_same_span_logits_with_the_head_and_without(
    learned: Path, questions: Path, tmp_path: Path
) -> None:
    checkpoint = Checkpoint.open(str(learned))
    model = checkpoint.load_model()
    without = export(model, tmp_path / "without")
    model.add_module(HEAD, AnswerabilityHead(checkpoint.hidden_size))
    variant = BuiltVariant(RECIPES[0], export(model, tmp_path / "with"))
    plain = BuiltVariant(RECIPES[0], without)
    sessions = [built.open(RECIPES[0].sessions[0]) for built in (plain, variant)]
    for batch in _samples(checkpoint, questions, tmp_path):
        first, second = (session.run(batch) for session in sessions)
        assert np.array_equal(first.start, second.start)
        assert np.array_equal(first.end, second.end)


def test_a_built_artifact_carries_the_head_and_its_golden_logits_notice_a_wrong_one(
    alone: TrainingOptions, questions: Path, tmp_path: Path
) -> None:
    assert train(alone, tmp_path / "checkpoint")
    build(BuildRequest(str(tmp_path / "checkpoint"), (questions,), name="tiny", gpu=True), tmp_path / "artifact")
    artifact = load_artifact(tmp_path / "artifact")
    for variant in artifact.manifest.variants:
        session = OnnxSession(artifact.path_of(variant), variant.model_copy(update={"device": "cpu"}))
        fed = variant.session.max_batch_tokens
        assert self_test(session, artifact, max_batch_tokens=fed) <= (variant.tolerance or artifact.golden.tolerance)
    assert all(case.answerable_logit is not None for case in artifact.golden.cases)
    reader = Reader.load(tmp_path / "artifact", threads=1, report=pytest.fail)
    text = "Zürich"
    plans = reader.plan(text, reader.tokenize(text), ["Which word is it?", "Who wrote it?"])
    outcomes = reader.score(plans)
    yes, no = (reader.raw_answer(plan, outcomes).answerability for plan in plans)
    assert yes is not None
    assert no is not None
    assert yes > 0 > no
