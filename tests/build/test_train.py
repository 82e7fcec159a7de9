"""Training, with tiny models made on the spot: it learns, goes on where it was killed, and says what it cannot take."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the build group's tools are not installed (make test-build)")
pytest.importorskip("peft", reason="the build group's tools are not installed (make test-build)")

import tokenizers
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
)

from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.checkpoints.training_record import RECORD_FILE, read_training
from spanstream.models.errors import BuildError
from spanstream.models.training.options import TrainingOptions
from spanstream.models.training.sources import DataSource
from spanstream.models.training.train import train
from spanstream.models.training.trainer import TrainingProgress
from tests.support.model.tiny_checkpoints import MODEL_TYPES, write_tiny_checkpoint
from tests.support.model.trained_tokenizers import definition

ROOT = Path(__file__).parents[2]
CODES = [f"E-{number}" for number in range(100, 148)]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """Returns a BERT of two layers with random weights and no head."""
    torch.manual_seed(7)
    folder = tmp_path / "encoder"
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = tokenizers.Tokenizer.from_str(definition("wordpiece-uncased"))
    library = PreTrainedTokenizerFast(tokenizer_object=fast, **special)
    config = BertConfig(
        vocab_size=len(library),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=128,
        hidden_dropout_prob=0.1,
    )
    BertModel(config).save_pretrained(folder)
    library.save_pretrained(folder)
    return folder


def tickets(folder: Path, name: str, codes: list[str], *, text: str = "Since today the train shows {} again.") -> Path:
    """Returns a question about each code, and one that its text does not answer."""
    paragraphs = []
    for code in codes:
        context = text.format(code)
        answer = {"text": code, "answer_start": context.index(code)}
        qas = [
            {"id": f"{code}-1", "question": "What error code is shown?", "is_impossible": False, "answers": [answer]},
            {"id": f"{code}-2", "question": "Who wrote the book?", "is_impossible": True, "answers": []},
        ]
        paragraphs.append({"context": context, "qas": qas})
    path = folder / name
    path.write_text(json.dumps({"data": [{"title": "tickets", "paragraphs": paragraphs}]}))
    return path


@pytest.fixture
def options(tmp_path: Path, encoder: Path) -> TrainingOptions:
    data = tickets(tmp_path, "train.json", CODES)
    return TrainingOptions(
        str(encoder), (DataSource(data),), epochs=8, learning_rate=3e-3, max_length=64, stride=16, max_batch_tokens=512
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    model = AutoModelForQuestionAnswering.from_pretrained(folder)
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_new_head_learns_to_answer_and_to_decline(options: TrainingOptions, tmp_path: Path) -> None:
    unseen = tickets(tmp_path, "unseen.json", [f"E-{number}" for number in range(200, 220)])
    lines: list[str] = []
    watched: list[TrainingProgress] = []
    options = replace(options, validation=unseen, epochs=20)
    assert train(options, tmp_path / "trained", say=lines.append, watch=watched.append)
    record = json.loads((tmp_path / "trained" / RECORD_FILE).read_text())
    assert read_training(tmp_path / "trained") is not None
    assert record["after"]["f1"] > 90
    assert record["data"][0]["unanswerable"] == len(CODES)
    assert (record["epochs"], record["learning_rate"], record["base"]) == (20, 3e-3, "encoder")
    assert "20 questions" not in lines[0]
    assert "96 questions an epoch, an encoder without a head" in lines[0]
    assert [progress.step for progress in watched] == list(range(1, watched[-1].steps + 1))
    assert watched[-1].loss < watched[0].loss / 2
    assert watched[-1].seconds_left == 0
    assert not (tmp_path / "trained.training").exists()


@pytest.mark.parametrize("lora_rank", [None, 4])
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    options: TrainingOptions, tmp_path: Path, lora_rank: int | None
) -> None:
    options = replace(options, lora_rank=lora_rank, bf16=False)
    assert train(options, tmp_path / "whole")
    steps: list[int] = []
    assert not train(
        options, tmp_path / "halves", watch=lambda done: steps.append(done.step), stop=lambda: len(steps) >= 9
    )
    assert not (tmp_path / "halves").exists()
    assert train(options, tmp_path / "halves", watch=lambda done: steps.append(done.step))
    assert steps == sorted(set(steps))
    whole, halves = weights(tmp_path / "whole"), weights(tmp_path / "halves")
    assert whole.keys() == halves.keys()
    for name, value in whole.items():
        torch.testing.assert_close(halves[name], value, rtol=0, atol=1e-6)


def test_a_killed_training_goes_on_with_the_same_command(options: TrainingOptions, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "spanstream.consumer",
        "model",
        "train",
        "--model",
        options.base,
        "--epochs",
        "600",
    ]
    command += ["--data", str(options.sources[0].path), "--output", str(tmp_path / "trained")]
    command += ["--max-length", "64", "--stride", "16", "--batch-tokens", "512", "--save-minutes", "0.1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    work = tmp_path / "trained.training"
    deadline = time.monotonic() + 120
    while not list(work.glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "trained").exists()
    again = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert again.stdout is not None
    lines = []
    for line in again.stdout:
        lines.append(line)
        if line.startswith("step "):
            again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 143
    assert any(line.startswith("go on from") for line in lines)
    assert any(line.startswith("stopped; the same command goes on") for line in lines)
    first_step = next(line for line in lines if line.startswith("step "))
    assert int(first_step.split()[1].replace(",", "")) > 1


@pytest.mark.parametrize("lora_rank", [None, 4])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_architecture_learns_with_a_new_head(
    options: TrainingOptions, tmp_path: Path, model_type: str, lora_rank: int | None
) -> None:
    checkpoint = write_tiny_checkpoint(model_type, tmp_path / model_type)
    base = tmp_path / "encoder only"
    shutil.copytree(checkpoint, base)
    AutoModel.from_pretrained(checkpoint).save_pretrained(base)
    losses: list[float] = []
    options = replace(options, base=str(base), epochs=15, learning_rate=3e-3, lora_rank=lora_rank)
    assert train(options, tmp_path / "trained", watch=lambda done: losses.append(done.loss))
    assert losses[-1] < losses[0] - 0.1
    assert Checkpoint.open(str(tmp_path / "trained")).model_type == model_type


def test_low_rank_updates_leave_the_embeddings_and_are_merged(options: TrainingOptions, tmp_path: Path) -> None:
    assert train(options, tmp_path / "first")
    adapted = replace(options, base=str(tmp_path / "first"), lora_rank=4, epochs=2)
    assert train(adapted, tmp_path / "second")
    record = read_training(tmp_path / "second")
    assert record is not None
    first = read_training(tmp_path / "first")
    assert first is not None
    assert first.texts is not None
    assert len(first.texts) == len(CODES)
    assert record.texts == first.texts  # of all trainings together, once
    assert record.earlier == first.model_copy(update={"texts": None})
    before, after = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert before.keys() == after.keys()
    assert torch.equal(
        before["bert.embeddings.word_embeddings.weight"], after["bert.embeddings.word_embeddings.weight"]
    )
    name = "bert.encoder.layer.0.attention.self.query.weight"
    update = after[name] - before[name]
    assert 0 < torch.linalg.matrix_rank(update, atol=1e-5) <= 4
    assert not torch.equal(before["qa_outputs.weight"], after["qa_outputs.weight"])


def test_frozen_embeddings_stay_as_they_are(options: TrainingOptions, encoder: Path, tmp_path: Path) -> None:
    assert train(replace(options, epochs=1, freeze_embeddings=True), tmp_path / "trained")
    before, after = BertModel.from_pretrained(encoder).state_dict(), weights(tmp_path / "trained")
    word_embeddings = "embeddings.word_embeddings.weight"
    assert torch.equal(before[word_embeddings], after[f"bert.{word_embeddings}"])


def test_weighting_the_unanswerable_makes_a_model_more_cautious(options: TrainingOptions, tmp_path: Path) -> None:
    """With one batch of constant data the loss's balance shows in the mean probability of [CLS]."""
    no_answer: dict[float, float] = {}
    for share in (0.1, 0.9):
        output = tmp_path / f"trained-{share}"
        assert train(replace(options, unanswerable_share=share, epochs=2, learning_rate=1e-3, dropout=0.0), output)
        model = AutoModelForQuestionAnswering.from_pretrained(output).eval()
        ids = torch.tensor([[2, *range(10, 40), 3]])
        no_answer[share] = model(input_ids=ids).start_logits.softmax(-1)[0, 0].item()
    assert no_answer[0.9] > no_answer[0.1]


def damaged(encoder: Path, options: TrainingOptions, tmp_path: Path, how: str) -> TrainingOptions:
    path = options.sources[0].path
    if how == "empty":
        path.write_text("")
    elif how == "shifted":
        path.write_text(path.read_text().replace('"answer_start": 28', '"answer_start": 27', 1))
    elif how == "validated":
        return replace(options, validation=tickets(tmp_path, "validation.json", CODES[:1]))
    elif how == "validated, spaced otherwise":
        text = "Since today  the train\nshows {} again. "
        return replace(options, validation=tickets(tmp_path, "validation.json", CODES[:1], text=text))
    elif how == "no folder":
        return replace(options, base=str(tmp_path / "nothing"))
    elif how == "no hub":
        return replace(options, base="no-such-owner/no-such-model")
    elif how == "no tokenizer":
        (encoder / "tokenizer.json").unlink()
    elif how == "torn":
        tensors = load_file(encoder / "model.safetensors")
        del tensors["encoder.layer.1.output.dense.weight"]
        save_file(tensors, encoder / "model.safetensors", metadata={"format": "pt"})
    return options


@pytest.mark.parametrize(
    ("how", "saying"),
    [
        ("empty", r"train\.json: is empty"),
        ("shifted", r"train\.json: question E-100-1: the answer 'E-100' does not stand at answer_start 27"),
        ("validated", r"train\.json: question E-100-1: its text is in .*validation\.json too"),
        ("validated, spaced otherwise", r"train\.json: question E-100-1: its text is in .*validation\.json too"),
        ("no folder", "nothing: no such folder"),
        ("no hub", "no-such-owner/no-such-model: no such folder, not in the hub's local cache, and the hub did not"),
        ("no tokenizer", "encoder: no fast tokenizer"),
        ("torn", r"encoder: weights are missing, .*layer\.1\.output\.dense\.weight"),
    ],
)
def test_what_cannot_be_trained_on_is_told_in_one_line_and_leaves_nothing(
    options: TrainingOptions, encoder: Path, tmp_path: Path, how: str, saying: str
) -> None:
    options = damaged(encoder, options, tmp_path, how)
    there = set(tmp_path.iterdir())
    with pytest.raises(BuildError, match=saying) as caught:
        train(options, tmp_path / "trained", say=lambda _: None)
    assert "\n" not in str(caught.value)
    assert set(tmp_path.iterdir()) == there
