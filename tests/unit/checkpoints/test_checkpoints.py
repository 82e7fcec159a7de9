"""What is no checkpoint is one clear line, before anything long begins; a hub's name is found in its local cache."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub.constants
import pytest

from spanstream.models.checkpoints.checkpoint import Checkpoint, find_checkpoint
from spanstream.models.checkpoints.training_record import TrainingRecord, read_training
from spanstream.models.errors import BuildError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns an empty cache of the hub, and no hub."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return folder


def _cached(cache: Path, name: str) -> Path:
    """Returns a model's folder in the layout that downloads leave behind."""
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    snapshot = model / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "bert"}')
    return snapshot


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert find_checkpoint(str(tmp_path)) == tmp_path


def test_a_hubs_name_is_found_in_the_local_cache(cache: Path) -> None:
    snapshot = _cached(cache, "acme/tickets-qa")
    assert find_checkpoint("acme/tickets-qa").resolve() == snapshot.resolve()


@pytest.mark.usefixtures("cache")
def test_a_hub_that_is_not_reached_is_one_line() -> None:
    with pytest.raises(BuildError, match=r"^acme/other-qa: no such folder, not in the hub's local cache") as caught:
        find_checkpoint("acme/other-qa")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "/nowhere/at/all", "acme/a/b", "../x y"])
def test_what_is_neither_a_folder_nor_a_hubs_name_is_said_to_be_so(name: str) -> None:
    with pytest.raises(BuildError, match="no such folder, and no name of a hub"):
        find_checkpoint(name)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "config.json is missing"),
        ({"config.json": "{}"}, "no weights (model.safetensors, model.safetensors.index.json or pytorch_model.bin)"),
        ({"config.json": "{", "model.safetensors": ""}, "config.json: is not JSON"),
        ({"config.json": "[]", "model.safetensors": ""}, "which architecture it is"),
        ({"config.json": '{"hidden_size": 4}', "pytorch_model.bin": ""}, "which architecture it is (model_type)"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_one_line_with_its_name(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(BuildError) as caught:
        Checkpoint.open(str(tmp_path))
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_need_not_say_how_it_was_trained(tmp_path: Path) -> None:
    assert read_training(tmp_path) is None


def test_what_training_wrote_is_read_and_what_is_new_in_it_is_left_aside(tmp_path: Path) -> None:
    data = {"file": "a.json.gz", "sha256": "0" * 64, "questions": 10, "unanswerable": 3, "weight": 2.0, "colour": "red"}
    record = {"base": "encoder", "data": [data], "epochs": 2, "steps": 5, "learning_rate": 3e-5, "warmup": 0.1}
    (tmp_path / "training.json").write_text(json.dumps(record))
    training = read_training(tmp_path)
    assert isinstance(training, TrainingRecord)
    assert (training.base, training.epochs, training.seed) == ("encoder", 2, None)
    assert training.data[0].unanswerable == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"base": "x", "data": [{"file": "a"}]}'])
def test_a_damaged_training_record_is_one_line_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "training.json").write_text(text)
    with pytest.raises(BuildError, match=r"training\.json: ") as caught:
        read_training(tmp_path)
    assert "\n" not in str(caught.value)
