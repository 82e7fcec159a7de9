"""An artifact that needs no model: everything that `load_artifact` looks at, in a few kilobytes."""

from __future__ import annotations

from pathlib import Path

from spanstream.models.artifact import Golden, GoldenCase, Manifest, Variant, sha256_of_file, write_manifest
from spanstream.models.spans.calibration import Calibration
from spanstream.models.text.tokenization import Tokenizer
from tests.support.model.trained_tokenizers import definition

FILES = ("golden.json", "model.int8.onnx", "tokenizer.json")


def small_manifest(folder: Path) -> Manifest:
    """Makes the manifest of the files in the folder."""
    return Manifest(
        name="small",
        version="1",
        architecture="none",
        tokenizer_fingerprint=Tokenizer.load(folder / "tokenizer.json").fingerprint,
        pad_id=0,
        max_length=48,
        stride=12,
        max_answer_tokens=8,
        variants=(Variant(file="model.int8.onnx", precision="int8", device="cpu"),),
        calibration=Calibration(
            name="small-1", bias=0.25, weights={"null_score_diff": -0.5}, thresholds={"default": 0.5}
        ),
        files={name: sha256_of_file(folder / name) for name in FILES},
    )


def write_small_artifact(folder: Path) -> Path:
    """Writes the artifact and returns its folder."""
    case = GoldenCase(question="who?", context="me", start_logits=(0.5, 1.5), end_logits=(2.5, 3.5))
    (folder / "golden.json").write_text(Golden(tolerance=0.1, cases=(case,)).model_dump_json())
    (folder / "model.int8.onnx").write_bytes(bytes(range(256)))
    (folder / "tokenizer.json").write_text(definition("wordpiece-uncased"), encoding="utf-8")
    write_manifest(folder, small_manifest(folder))
    return folder
