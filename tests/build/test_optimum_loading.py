"""The libraries of others load an artifact as it stands, and see the logits that we see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optimum", reason="the build group's tools are not installed (make test-build)")

import torch
from optimum.onnxruntime import ORTModelForQuestionAnswering

from spanstream.models.artifact import Artifact, load_artifact
from spanstream.models.building.pipeline import build
from spanstream.models.building.request import BuildRequest
from spanstream.models.inference.packing import assemble
from spanstream.models.inference.session import OnnxSession
from spanstream.models.text.windowing import windows_of
from tests.support.kafka.stream import artifact_folder
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint

QUESTION = "Which error is shown?"
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."


@pytest.fixture(scope="module", params=["the shipped one", "bert", "distilbert"])
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, questions: Path) -> Artifact:
    if request.param == "the shipped one":
        return load_artifact(artifact_folder())
    folder = tmp_path_factory.mktemp(request.param)
    checkpoint = write_tiny_checkpoint(request.param, folder / "checkpoint", learned=questions)
    build(BuildRequest(str(checkpoint), (questions,), name="tiny", quick=True), folder / "artifact", say=lambda _: None)
    return load_artifact(folder / "artifact")


def test_optimum_loads_the_folder_and_gives_the_same_logits(artifact: Artifact) -> None:
    [variant] = artifact.variants_for("cpu")
    [window] = windows_of(
        artifact.tokenizer.tokenize_question(QUESTION), artifact.tokenizer.tokenize_document(TEXT), artifact.shape
    )
    batch = assemble([window], pad_id=artifact.manifest.pad_id)
    ours = OnnxSession(artifact.path_of(variant), variant).run(batch)

    theirs = ORTModelForQuestionAnswering.from_pretrained(artifact.folder, file_name=variant.file)
    asked = {
        "input_ids": torch.from_numpy(batch.input_ids),
        "attention_mask": torch.from_numpy(batch.attention_mask),
        "token_type_ids": torch.from_numpy(batch.token_type_ids),
    }
    logits = theirs(**{name: tensor for name, tensor in asked.items() if name in theirs.input_names})

    assert theirs.config.model_type == artifact.manifest.architecture
    assert np.allclose(ours.start, logits.start_logits.numpy(), atol=1e-4)
    assert np.allclose(ours.end, logits.end_logits.numpy(), atol=1e-4)


def test_the_configuration_is_sealed_with_the_other_files(artifact: Artifact) -> None:
    assert "config.json" in artifact.manifest.files
