"""`spanstream model build-encoder` with a tiny checkpoint: what it writes gives nearly the checkpoint's own vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the build group's tools are not installed (make test-build)")

import torch

from spanstream.models.building.encoder.encoder_pipeline import build_encoder
from spanstream.models.building.encoder.encoder_request import EncoderRequest
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.embedding.encoder_artifact import load_encoder_artifact
from spanstream.models.errors import BuildError
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint("bert", tmp_path_factory.mktemp("tiny-encoder"))


def _request(checkpoint: Path, questions: Path, about: Path | None = None) -> EncoderRequest:
    return EncoderRequest(str(checkpoint), (questions,), "tiny-encoder", "1.2.3", "Apache-2.0", about)


def test_a_checkpoint_becomes_an_encoder_with_its_card(checkpoint: Path, questions: Path, tmp_path: Path) -> None:
    from transformers import AutoModel  # noqa: PLC0415  seconds to import

    about = tmp_path / "about.md"
    about.write_text("## Data\n\nNone.\n")
    build_encoder(_request(checkpoint, questions, about), tmp_path / "built", say=lambda _: None)
    artifact = load_encoder_artifact(tmp_path / "built")
    assert (artifact.manifest.name, artifact.manifest.version) == ("tiny-encoder", "1.2.3")
    card = (tmp_path / "built" / "README.md").read_text()
    assert card.startswith("# tiny-encoder 1.2.3\n")
    assert "## Data\n\nNone.\n" in card
    encoder = Encoder.load(tmp_path / "built")
    text = "The train to Zürich leaves at 10:42 from platform 7."
    model = AutoModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    template, ids = artifact.tokenizer.template, artifact.tokenizer.tokenize_question(text).ids
    row = np.concatenate([template.prefix, ids, template.middle])
    with torch.inference_mode():
        states = model(input_ids=torch.from_numpy(row[None]).long()).last_hidden_state
        expected = torch.nn.functional.normalize(states.mean(dim=1)).numpy()[0]
    assert encoder.embed([text])[0] @ expected > 0.98
    encoder.close()


def test_a_checkpoint_that_pools_otherwise_is_refused_and_nothing_is_left(
    checkpoint: Path, questions: Path, tmp_path: Path
) -> None:
    (checkpoint / "1_Pooling").mkdir()
    (checkpoint / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with pytest.raises(BuildError, match="another way than by the mean"):
        build_encoder(_request(checkpoint, questions), tmp_path / "built", say=lambda _: None)
    assert not (tmp_path / "built").exists()
