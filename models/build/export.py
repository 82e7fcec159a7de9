"""Exports a checkpoint with optimum, and sees that the export computes what the checkpoint does.

model (torch, fp32) -> optimum -> ONNX: input_ids, attention_mask[, token_type_ids] -> start_logits, end_logits
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from onnx import TensorProto

from models.artifact import Variant
from models.build.errors import BuildError
from models.build.graph import Graph
from models.build.silence import silence
from models.build.workshop import difference
from models.packing import Batch
from models.session import Logits, OnnxSession

_OPSET: Final = 18
_GLOBAL: Final = "global_attention_mask"
# Sums in another order: a few in 100,000 of logits that are about 10.
_FAITHFUL: Final = 0.01


def export(model: Any, folder: Path) -> Path:  # noqa: ANN401  torch publishes no types
    """Export a model into `folder`; returns the ONNX file's path.

    Raises:
        BuildError: optimum cannot export this architecture.
    """
    from optimum.exporters.onnx import onnx_export_from_model  # noqa: PLC0415  seconds to import

    try:
        with silence():
            onnx_export_from_model(model, output=folder, task="question-answering", opset=_OPSET, do_validation=False)
    except Exception as error:  # torch's tracer and optimum raise whatever they meet
        reason = " ".join(str(error).split())[:200]
        raise BuildError(f"optimum cannot export a {model.config.model_type} model: {reason}") from error
    path = folder / "model.onnx"
    if model.config.model_type == "longformer":
        _let_question_attend_globally(path, separator=model.config.sep_token_id)
    return path


def check_export(path: Path, model: Any, batches: Sequence[Batch]) -> None:  # noqa: ANN401  as above
    """See that the export gives the checkpoint's own logits.

    Raises:
        BuildError: it does not.
    """
    import torch  # noqa: PLC0415  seconds to import

    session = OnnxSession(path, Variant(file=path.name, precision="fp32", device="cpu"))
    for batch in batches:
        feed = {name: torch.from_numpy(getattr(batch, name)) for name in session.inputs}
        with torch.inference_mode(), silence():
            given = model(**feed)
        worst = difference(session.run(batch), Logits(given.start_logits.numpy(), given.end_logits.numpy()), batch)
        if not worst < _FAITHFUL:
            raise BuildError(f"the export's logits are {worst:.3f} off the checkpoint's own")


def _let_question_attend_globally(path: Path, *, separator: int) -> None:
    """Compute Longformer's global attention in the graph: every token before the first separator, so the question.

    It is an input of the export; transformers computes the same where it is not given.
    """
    graph = Graph.load(path)
    separators = graph.add("Equal", ["input_ids", graph.add_constant("separator", np.array(separator))], "separators")
    ones = graph.add("Cast", [separators], "separators_as_int", to=TensorProto.INT64)
    seen = graph.add("CumSum", [ones, graph.add_constant("length_axis", np.array(1))], "separators_seen")
    before = graph.add("Equal", [seen, graph.add_constant("no_separator", np.array(0))], "before_separator")
    kept = [tensor for tensor in graph.model.graph.input if tensor.name != _GLOBAL]
    del graph.model.graph.input[:]
    graph.model.graph.input.extend(kept)
    graph.add("Cast", [before], _GLOBAL, to=TensorProto.INT64)
    graph.save(path)
