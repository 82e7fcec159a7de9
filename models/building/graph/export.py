"""Exports a checkpoint with optimum, and checks that the export computes what the checkpoint does.

model (torch, fp32) -> optimum -> ONNX: input_ids, attention_mask[, token_type_ids] -> start_logits, end_logits
                                                                              [, answerable_logits]
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np

from spanstream.models.artifact import Variant
from spanstream.models.building.graph.answerability import add_answerable_logits
from spanstream.models.building.graph.longformer import dense_attention, let_question_attend_globally
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.checkpoints.quiet import quiet
from spanstream.models.errors import BuildError, one_line
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits, OnnxSession

_OPSET: Final = 18
# Sums in another order: a few in 100,000 of logits that are about 10.
_FAITHFUL: Final = 0.01


def export(model: Any, folder: Path, *, task: str = "question-answering") -> Path:  # noqa: ANN401  torch publishes no types
    """Exports a model into `folder`, with the outputs of a task; returns the ONNX file's path.

    Raises:
        BuildError: optimum cannot export this architecture.
    """
    from optimum.exporters.onnx import onnx_export_from_model  # noqa: PLC0415  seconds to import

    from spanstream.models.checkpoints.answerability import head_of  # noqa: PLC0415  imports torch

    is_longformer = model.config.model_type == "longformer"
    try:
        with quiet(), dense_attention(model) if is_longformer else nullcontext():
            onnx_export_from_model(model, output=folder, task=task, opset=_OPSET, do_validation=False)
    except Exception as error:  # torch's tracer and optimum raise errors of many classes
        raise BuildError(f"optimum cannot export a {model.config.model_type} model: {one_line(error)}") from error
    path = folder / "model.onnx"
    if is_longformer:
        graph = Graph.load(path)
        let_question_attend_globally(graph, separator=model.config.sep_token_id)
        graph.save(path)
    if (head := head_of(model)) is not None:
        graph = Graph.load(path)
        add_answerable_logits(graph, head)
        graph.save(path)
    return path


def check_export(path: Path, model: Any, batches: Sequence[Batch]) -> None:  # noqa: ANN401  torch publishes no types
    """Checks that the export gives the checkpoint's own logits.

    Raises:
        BuildError: it does not.
    """
    import torch  # noqa: PLC0415  seconds to import

    from spanstream.models.checkpoints.answerability import run_model  # noqa: PLC0415  imports torch

    session = OnnxSession(path, Variant(file=path.name, precision="fp32", device="cpu"))
    for batch in batches:
        feed = {name: torch.from_numpy(getattr(batch, name)) for name in session.inputs}
        with torch.inference_mode(), quiet():
            outputs, answerable = run_model(model, feed)
        expected = Logits(
            outputs.start_logits.numpy(),
            outputs.end_logits.numpy(),
            None if answerable is None else answerable.numpy(),
        )
        worst = greatest_difference(session.run(batch), expected, batch)
        if not worst < _FAITHFUL:
            raise BuildError(f"the export's logits are {worst:.3f} off the checkpoint's own")


def greatest_difference(computed: Logits, expected: Logits, batch: Batch) -> float:
    """Returns the greatest difference of a logit, padding left out; infinite where one is not a finite number."""
    if (computed.answerable is None) != (expected.answerable is None):
        return float("inf")
    is_token = batch.attention_mask == 1
    gaps = [(computed.start - expected.start)[is_token], (computed.end - expected.end)[is_token]]
    if computed.answerable is not None and expected.answerable is not None:
        gaps.append(computed.answerable - expected.answerable)
    greatest = np.abs(np.concatenate(gaps)).max()
    return float(greatest) if np.isfinite(greatest) else float("inf")
