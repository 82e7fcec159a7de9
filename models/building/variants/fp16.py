"""Makes the variant for a GPU: fp16 weights and arithmetic, every fusion that CUDA has kernels for, logits in fp32.

It is checked on the CPU, where onnxruntime computes fp16 graphs by casting. Weights and what passes between operators
are rounded there as on the GPU; the order of sums differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanstream.models.artifact import Golden, GoldenCase, SessionOptions, Variant
from spanstream.models.building.build_context import BuildContext
from spanstream.models.building.golden_logits import compute_golden, golden_spans
from spanstream.models.building.graph.fusion import Fusions, fuse
from spanstream.models.errors import BuildError
from spanstream.models.inference.session import OnnxSession, Session
from spanstream.models.metrics.reading import ReadingOptions

FP16_FILE: Final = "model.fp16.onnx"
# A GPU is fed by one thread, and is not filled by the few windows that fit a CPU's cache.
_SESSION: Final = SessionOptions(max_batch_tokens=16_384)
_ON_CPU: Final = Variant(file=FP16_FILE, precision="fp16", device="cpu", session=_SESSION)
# The golden logits are the CPU variant's: int8 differs from fp16 by more than either differs from machine to machine.
_SLACK: Final = 1.5


@dataclass(frozen=True, slots=True)
class Fp16Variant:
    """The variant, and for how many of the golden windows it gives the span that fp32 gives."""

    variant: Variant
    same_spans: int
    spans: int


def write_fp16(
    context: BuildContext, folder: Path, reference: Session, expected: Golden, options: ReadingOptions
) -> Fp16Variant:
    """Writes the fp16 file into the artifact's folder.

    Args:
        context: holds the export.
        folder: the artifact's folder.
        reference: the fp32 session, whose spans the variant must give.
        expected: the artifact's golden logits, which set the variant's tolerance.
        options: how windows are read.

    Raises:
        BuildError: it does not give fp32's spans.
    """
    fusions = Fusions("Attention", skip_layer_norm=True, bias_gelu=True, embeddings=True)
    path = fuse(context.exported, context.checkpoint, folder / FP16_FILE, fusions, fp16=True).path
    session = OnnxSession(path, _ON_CPU)
    arguments = (options.tokenizer, options.shape, options.pad_id)
    expected_spans, spans = (
        golden_spans(any_session, *arguments, options.max_answer_tokens) for any_session in (reference, session)
    )
    same = sum(span == expected_span for span, expected_span in zip(spans, expected_spans, strict=True))
    if same < len(spans):
        raise BuildError(
            f"the fp16 variant answers {len(spans) - same} of {len(spans)} golden windows otherwise than fp32: build "
            "without --gpu"
        )
    worst = _greatest_difference(compute_golden(session, *arguments), expected)
    tolerance = round(max(expected.tolerance, _SLACK * worst), 2)
    variant = Variant(file=FP16_FILE, precision="fp16", device="cuda", session=_SESSION, tolerance=tolerance)
    return Fp16Variant(variant, same, len(spans))


def _greatest_difference(computed: Golden, expected: Golden) -> float:
    """Returns the greatest difference of a logit."""

    def gap(logits: Sequence[float], golden_logits: Sequence[float]) -> float:
        return max(abs(logit - golden) for logit, golden in zip(logits, golden_logits, strict=True))

    return max(
        gap(_all_logits(case), _all_logits(golden)) for case, golden in zip(computed.cases, expected.cases, strict=True)
    )


def _all_logits(case: GoldenCase) -> tuple[float, ...]:
    answerable = () if case.answerable_logit is None else (case.answerable_logit,)
    return (*case.start_logits, *case.end_logits, *answerable)
