"""The variant for a GPU: fp16 weights and arithmetic, every fusion that CUDA has kernels for; logits come out as fp32.

It is checked on the CPU, where onnxruntime computes fp16 graphs by casting: the rounding of the weights and of what
passes between operators is the GPU's, the order of sums is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanstream.models.artifact import Golden, SessionOptions, Variant
from spanstream.models.building.golden import golden, golden_spans
from spanstream.models.building.graph.fusion import Fusions, fuse
from spanstream.models.building.variants.context import BuildContext
from spanstream.models.errors import BuildError
from spanstream.models.inference.session import OnnxSession, Session
from spanstream.models.metrics.reading import ReadingOptions

FILE: Final = "model.fp16.onnx"
# A GPU is fed by one thread, and is not filled by the few windows that fit a CPU's cache.
_SESSION: Final = SessionOptions(max_batch_tokens=16_384)
_ON_CPU: Final = Variant(file=FILE, precision="fp16", device="cpu", session=_SESSION)
# The golden logits are the CPU variant's: int8 differs from fp16 by more than either differs from machine to machine.
_SLACK: Final = 1.5


@dataclass(frozen=True, slots=True)
class Fp16Variant:
    """The variant, and how many golden windows gave fp32's span of how many."""

    variant: Variant
    same_spans: int
    spans: int


def write_fp16(
    workshop: BuildContext, folder: Path, reference: Session, expected: Golden, options: ReadingOptions
) -> Fp16Variant:
    """Write the fp16 file into the artifact's folder.

    Args:
        workshop: the export.
        folder: the artifact's.
        reference: fp32, whose spans it must give.
        expected: the artifact's golden logits, which set the variant's tolerance.
        options: how windows are read.

    Raises:
        BuildError: it does not give fp32's spans.
    """
    fusions = Fusions("Attention", skip_layer_norm=True, bias_gelu=True, embeddings=True)
    path = fuse(workshop.exported, workshop.checkpoint, folder / FILE, fusions, half=True).path
    session = OnnxSession(path, _ON_CPU)
    arguments = (options.tokenizer, options.shape, options.pad_id)
    wanted, found = (golden_spans(each, *arguments, options.max_answer_tokens) for each in (reference, session))
    same = sum(one == other for one, other in zip(wanted, found, strict=True))
    if same < len(wanted):
        raise BuildError(
            f"the fp16 variant answers {len(wanted) - same} of {len(wanted)} golden windows otherwise than fp32: build "
            "without --gpu"
        )
    worst = _worst(golden(session, *arguments), expected)
    tolerance = round(max(expected.tolerance, _SLACK * worst), 2)
    variant = Variant(file=FILE, precision="fp16", device="cuda", session=_SESSION, tolerance=tolerance)
    return Fp16Variant(variant, same, len(wanted))


def _worst(found: Golden, expected: Golden) -> float:
    """The greatest difference of a logit."""

    def gap(ours: Sequence[float], theirs: Sequence[float]) -> float:
        return max(abs(one - other) for one, other in zip(ours, theirs, strict=True))

    return max(
        max(gap(ours.start_logits, theirs.start_logits), gap(ours.end_logits, theirs.end_logits))
        for ours, theirs in zip(found.cases, expected.cases, strict=True)
    )
