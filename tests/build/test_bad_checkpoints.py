"""A checkpoint or a text that cannot be built from is one clear line, and nothing is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

from safetensors.torch import load_file, save_file

from spanstream.models.artifact import load_artifact
from spanstream.models.building.pipeline import build
from spanstream.models.building.request import BuildRequest
from spanstream.models.errors import ModelError
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint
from tests.support.model.trained_tokenizers import definition

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint("bert", tmp_path_factory.mktemp("whole") / "bert", learned=questions)


@pytest.fixture
def checkpoint(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "checkpoint"))


def _without_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("qa_outputs")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _without_a_layer(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1.output.dense" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _change_config(**values: object) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def _cut(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:500])


def _larger_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["surplus"] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_head, "no question-answering head (qa_outputs.bias is missing): fine-tune it first"),
        (_without_a_layer, "2 of its weights are missing, bert.encoder.layer.1.output.dense.bias first"),
        (_change_config(intermediate_size=48), "the weights cannot be loaded: "),
        (_change_config(model_type="gpt-of-nobody"), "config.json is of no encoder that can be read: "),
        (_change_config(pad_token_id=None), "config.json has no pad_token_id"),
        (_change_config(model_type="t5"), "t5 reads and writes; only encoders are built"),
        (_cut("model.safetensors"), "the weights cannot be loaded: "),
        (_cut("tokenizer.json"), "tokenizer.json: cannot be read: "),
        (_larger_tokenizer, "tokenizer.json has 5001 tokens and the model embeddings for 420"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json is missing and cannot be made"),
        (lambda folder: (folder / "training.json").write_text("{"), "training.json: the whole file: Invalid JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_checkpoint_that_is_not_whole_is_one_line(
    checkpoint: Path, questions: Path, tmp_path: Path, damage: Damage, message: str
) -> None:
    damage(checkpoint)
    line = _refused(BuildRequest(str(checkpoint), (questions,), name="x"), tmp_path)
    assert message in line
    assert str(checkpoint) in line


def _refused(request: BuildRequest, tmp_path: Path) -> str:
    """Returns the one line of the error, after checking that nothing is left."""
    output = tmp_path / "out" / "artifact"
    with pytest.raises(ModelError) as caught:
        build(request, output, say=lambda _: None)
    assert list(output.parent.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_artifact_that_is_there_already_outlives_a_build_that_fails(
    checkpoint: Path, questions: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    request = BuildRequest(str(checkpoint), (questions,), name="x", quick=True, variants=("int8-static",))
    build(request, output, say=lambda _: None)
    before = load_artifact(output).manifest
    _without_head(checkpoint)
    with pytest.raises(ModelError):
        build(request, output, say=lambda _: None)
    assert load_artifact(output).manifest == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_slow_tokenizers_vocabulary_is_made_a_tokenizer_json(
    checkpoint: Path, questions: Path, tmp_path: Path
) -> None:
    vocabulary = json.loads(definition("wordpiece-uncased"))["model"]["vocab"]
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)), encoding="utf-8")
    (checkpoint / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    build(BuildRequest(str(checkpoint), (questions,), name="x", quick=True), tmp_path / "out", say=lambda _: None)
    made = load_artifact(tmp_path / "out").tokenizer
    assert {token: made.token_id(token) for token in vocabulary} == vocabulary


def test_a_checkpoint_is_built_by_its_hubs_name(
    checkpoint: Path, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0" * 40
    model = tmp_path / "hub" / "models--acme--tickets-qa"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    shutil.copytree(checkpoint, model / "snapshots" / commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    build(
        BuildRequest("acme/tickets-qa", (questions,), name="tickets", quick=True), tmp_path / "out", say=lambda _: None
    )
    assert load_artifact(tmp_path / "out").manifest.name == "tickets"


def test_a_text_that_the_tokenizer_loses_is_named_with_its_file_and_question(
    checkpoint: Path, questions: Path, tmp_path: Path
) -> None:
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": "Zürich"}, "content": ""}
    (checkpoint / "tokenizer.json").write_text(json.dumps(tokenizer))
    line = _refused(BuildRequest(str(checkpoint), (questions,), name="x"), tmp_path)
    assert f"{questions}: question 0-yes: the checkpoint's tokenizer makes no token of 'Zürich'" in line


def test_a_shifted_answer_and_an_empty_file_are_named(checkpoint: Path, questions: Path, tmp_path: Path) -> None:
    shifted = tmp_path / "shifted.json"
    shifted.write_text(questions.read_text().replace('"answer_start": 0', '"answer_start": 1', 1))
    assert f"{shifted}: question 0-yes: " in _refused(BuildRequest(str(checkpoint), (shifted,), name="x"), tmp_path)
    empty = tmp_path / "empty.json"
    empty.touch()
    line = _refused(BuildRequest(str(checkpoint), (questions,), name="x", samples=(empty,)), tmp_path)
    assert line == f"{empty}: is empty"


def test_a_variant_that_is_not_known_is_named_with_those_that_are(
    checkpoint: Path, questions: Path, tmp_path: Path
) -> None:
    line = _refused(BuildRequest(str(checkpoint), (questions,), name="x", variants=("int4",)), tmp_path)
    assert line.startswith("no variant is called 'int4': there are fp32, int8-static-tamed, ")


@pytest.mark.parametrize("earlier", ["nowhere", "empty"])
def test_nothing_to_compare_with_is_named(checkpoint: Path, questions: Path, tmp_path: Path, earlier: str) -> None:
    (tmp_path / "empty").mkdir()
    line = _refused(BuildRequest(str(checkpoint), (questions,), name="x", compare=str(tmp_path / earlier)), tmp_path)
    assert line.startswith(str(tmp_path / earlier))
