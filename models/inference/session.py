"""Runs batches through onnxruntime. Of what serves, only this file imports it.

Batch -> Logits
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import onnxruntime as ort

from spanstream.models.arrays import Float32Array
from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.errors import ArtifactError, ModelError, first_line
from spanstream.models.inference.packing import Batch

_LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True)
class Logits:
    """What a model says of a batch.

    Attributes:
        start: (windows, padded length) of an answer that begins here.
        end: the same for its end.
        answerable: (windows,) of "this window holds an answer"; None where the model has no such head.
    """

    start: Float32Array
    end: Float32Array
    answerable: Float32Array | None = None


class SessionError(ModelError):
    """The session raised while running a batch."""


class Session(Protocol):
    """What inference needs of a session; safe to call from several threads."""

    def run(self, batch: Batch) -> Logits:
        """Returns the logits of a batch.

        Raises:
            SessionError: the session cannot run it.
        """


class OnnxSession:
    """One variant of an artifact in memory.

    Args:
        path: the variant's file.
        variant: its precision, device and session options.
        options: other session options than the variant's own.

    Attributes:
        inputs: the arrays of a batch that the model takes, by name.

    Raises:
        ArtifactError: the file is no model this runtime can run, or the device is not there.
    """

    def __init__(self, path: Path, variant: Variant, options: SessionOptions | None = None) -> None:
        options = options or variant.session
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = options.threads_per_run
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _ERRORS_ONLY
        settings.graph_optimization_level = _LEVELS[options.optimization_level]
        for key, value in options.config.items():
            settings.add_session_config_entry(key, value)
        try:
            self._session = ort.InferenceSession(
                path,
                sess_options=settings,
                providers=[_PROVIDERS[variant.device]],
                disabled_optimizers=list(options.disabled_optimizers),
            )
        except Exception as error:  # onnxruntime raises a class of its own for every status code
            raise ArtifactError(f"{path}: onnxruntime cannot load it: {first_line(error)}") from error
        self.inputs = [tensor.name for tensor in self._session.get_inputs()]
        self._outputs = self._output_names(path)

    def run(self, batch: Batch) -> Logits:
        """Returns the logits of a batch.

        Raises:
            SessionError: onnxruntime cannot run it.
        """
        feed: dict[str, Any] = {name: getattr(batch, name) for name in self.inputs}
        try:
            logits = self._session.run(self._outputs, feed)
        except Exception as error:  # onnxruntime raises a class of its own for every status code
            raise SessionError(first_line(error)) from error
        return Logits(*logits)

    def _output_names(self, path: Path) -> list[str]:
        names = {tensor.name for tensor in self._session.get_outputs()}
        unknown = sorted(set(self.inputs) - {"input_ids", "attention_mask", "token_type_ids"})
        if unknown or not {"start_logits", "end_logits"} <= names:
            raise ArtifactError(f"{path}: no question-answering model: inputs {self.inputs}, outputs {sorted(names)}")
        return ["start_logits", "end_logits", *({"answerable_logits"} & names)]


def cuda_is_available() -> bool:
    """Whether this build of onnxruntime brings the CUDA provider (a driver may still be missing)."""
    return _PROVIDERS["cuda"] in ort.get_available_providers()
