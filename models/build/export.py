"""Exports a checkpoint and fuses its operators.

    checkpoint (Hugging Face layout) -> optimum -> onnxruntime's BERT fusions -> fp32 graph

The fusions are those that were measured to pay on CPUs: MultiHeadAttention (its kernel without a mask is blocked for
the cache), Gelu (vectorized; BiasGelu is not) and LayerNormalization (SkipLayerNormalization on the CPU is slow).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.build.errors import BuildError

_TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer_config.json")
_OPSET: Final = 18
_MODEL_TYPE: Final = "bert"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A fine-tuned question-answering checkpoint in Hugging Face layout.

    Attributes:
        folder: config.json, model.safetensors, tokenizer.json, tokenizer_config.json.
        heads: attention heads of a layer.
        hidden_size: width of a layer.
        pad_id: the padding token.
        longest: tokens that the position embeddings reach.
    """

    folder: Path
    heads: int
    hidden_size: int
    pad_id: int
    longest: int

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Read a checkpoint's configuration.

        Raises:
            BuildError: a file is missing, or the architecture is not BERT's.
        """
        for name in ("config.json", "model.safetensors", *_TOKENIZER_FILES):
            if not (folder / name).is_file():
                raise BuildError(f"{folder}: no checkpoint: {name} is missing")
        try:
            config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise BuildError(f"{folder / 'config.json'}: is not JSON: {error}") from error
        if config.get("model_type") != _MODEL_TYPE:
            raise BuildError(f"{folder}: a {config.get('model_type')} model; only bert is supported")
        try:
            return cls(
                folder,
                heads=config["num_attention_heads"],
                hidden_size=config["hidden_size"],
                pad_id=config["pad_token_id"],
                longest=config["max_position_embeddings"],
            )
        except KeyError as error:
            raise BuildError(f"{folder / 'config.json'}: {error} is missing") from error


def export(checkpoint: Checkpoint, folder: Path) -> Path:
    """Export and fuse a checkpoint into `folder`; returns the fp32 model's path.

    Raises:
        BuildError: the weights do not fit the architecture, or onnxruntime found no attention to fuse.
    """
    with _silence():
        exported = _export(checkpoint, folder)
        return _fuse(exported, checkpoint, folder / "fused.onnx")


def _export(checkpoint: Checkpoint, folder: Path) -> Path:
    import torch  # noqa: PLC0415 - seconds to import; the command line lists its commands without it
    from optimum.exporters.onnx import main_export  # noqa: PLC0415 - as above
    from transformers import AutoModelForQuestionAnswering  # noqa: PLC0415 - as above

    float32 = folder / "float32"
    try:
        # Checkpoints are often stored in fp16; the exporter would keep that.
        model = AutoModelForQuestionAnswering.from_pretrained(
            checkpoint.folder, dtype=torch.float32, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BuildError(f"{checkpoint.folder}: cannot be loaded: {str(error).splitlines()[0]}") from error
    model.save_pretrained(float32)
    for name in _TOKENIZER_FILES:
        shutil.copy(checkpoint.folder / name, float32)
    main_export(str(float32), output=folder / "exported", task="question-answering", opset=_OPSET)
    return folder / "exported" / "model.onnx"


def _fuse(exported: Path, checkpoint: Checkpoint, fused: Path) -> Path:
    from onnxruntime.transformers.fusion_options import FusionOptions  # noqa: PLC0415 - as above
    from onnxruntime.transformers.optimizer import optimize_model  # noqa: PLC0415 - as above

    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_bias_gelu = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    optimizer = optimize_model(
        str(exported),
        model_type="bert",
        num_heads=checkpoint.heads,
        hidden_size=checkpoint.hidden_size,
        optimization_options=options,
        opt_level=0,
    )
    if not optimizer.get_fused_operator_statistics().get("MultiHeadAttention"):
        raise BuildError(f"{checkpoint.folder}: onnxruntime found no attention to fuse in the export")
    optimizer.save_model_to_file(str(fused))
    return fused


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Tracers, exporters and progress bars say much that helps nobody; errors still raise."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
