"""Fuses an export's operators into onnxruntime's own, as far as its optimizer knows the architecture.

The optimizer finds attention, Gelu and layer normalization by the shape of the graph, and all architectures here are
written like BERT's: where it finds nothing (the relative attention of DeBERTa, Longformer's), the operators stay as
they were exported, and the card says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.checkpoints.quiet import quiet


@dataclass(frozen=True, slots=True)
class Fusions:
    """What to fuse. The defaults are those that were measured to pay on CPUs in fp32 and in static int8.

    Attributes:
        attention: `MultiHeadAttention`, whose kernel without a mask is blocked for the cache, or `Attention`, the one
            that onnxruntime quantizes dynamically (QAttention) and that CUDA is fastest with.
        skip_layer_norm: SkipLayerNormalization, which is slow on CPUs.
        bias_gelu: BiasGelu, which is not vectorized on CPUs.
        embeddings: EmbedLayerNormalization; apart, the words' table can be quantized in every architecture.
    """

    attention: str = "MultiHeadAttention"
    skip_layer_norm: bool = False
    bias_gelu: bool = False
    embeddings: bool = False


@dataclass(frozen=True, slots=True)
class FusedGraph:
    """A fused graph, and how many operators of each kind were fused."""

    path: Path
    operators: dict[str, int]

    @property
    def attentions(self) -> int:
        """Layers whose attention was fused."""
        return self.operators.get("MultiHeadAttention", 0) + self.operators.get("Attention", 0)


def fuse(exported: Path, checkpoint: Checkpoint, output: Path, fusions: Fusions, *, fp16: bool = False) -> FusedGraph:
    """Fuses an export; `fp16` also converts everything but inputs and outputs to fp16."""
    from onnxruntime.transformers.fusion_options import FusionOptions  # noqa: PLC0415  seconds to import
    from onnxruntime.transformers.optimizer import optimize_model  # noqa: PLC0415  seconds to import

    options = FusionOptions("bert")
    options.use_multi_head_attention = fusions.attention == "MultiHeadAttention"
    options.enable_bias_gelu = fusions.bias_gelu
    options.enable_skip_layer_norm = fusions.skip_layer_norm
    options.enable_bias_skip_layer_norm = fusions.skip_layer_norm
    options.enable_embed_layer_norm = fusions.embeddings
    with quiet():
        optimizer = optimize_model(
            str(exported),
            model_type="bert",
            num_heads=checkpoint.heads,
            hidden_size=checkpoint.hidden_size,
            optimization_options=options,
            opt_level=0,
        )
        operators = {name: count for name, count in optimizer.get_fused_operator_statistics().items() if count}
        if fp16:
            optimizer.convert_float_to_float16(keep_io_types=True)
        optimizer.save_model_to_file(str(output))
    return FusedGraph(output, operators)
