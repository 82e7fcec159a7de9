"""Another version of an artifact, with the same weights: another calibration, and on demand another tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from spanstream.models.artifact import load_artifact, sha256_of_file, write_manifest
from spanstream.models.text.tokenization import Tokenizer


def write_next_version(
    artifact: Path, folder: Path, version: str = "next", *, other_tokenizer: bool = False, bias: float = 0.0
) -> Path:
    """Copies an artifact.

    Args:
        artifact: what to copy.
        folder: the copy.
        version: of the copy.
        other_tokenizer: it makes the same tokens, and is another one by its fingerprint.
        bias: more confidence, in logits; below 0 it declines more often.
    """
    shutil.copytree(artifact, folder)
    manifest = load_artifact(folder).manifest
    calibration = manifest.calibration.model_copy(
        update={"name": f"{version}-1", "bias": manifest.calibration.bias + bias}
    )
    changed: dict[str, object] = {"version": version, "calibration": calibration}
    if other_tokenizer:
        file = folder / "tokenizer.json"
        definition = json.loads(file.read_text(encoding="utf-8"))
        definition["model"]["max_input_chars_per_word"] += 1
        file.write_text(json.dumps(definition), encoding="utf-8")
        changed["tokenizer_fingerprint"] = Tokenizer.load(file).fingerprint
        changed["files"] = manifest.files | {file.name: sha256_of_file(file)}
    write_manifest(folder, manifest.model_copy(update=changed))
    load_artifact(folder)
    return folder
