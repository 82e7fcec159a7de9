"""Runs a model file with onnxruntime. Of what serves, only this file imports it.

arrays by their names -> arrays
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort

from spanstream.models.arrays import AnyArray
from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.errors import ArtifactError, ModelError, first_line

_LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3


class SessionError(ModelError):
    """The session raised while running a batch."""


class OnnxModel:
    """One variant of an artifact in memory. Safe to run from several threads.

    Args:
        path: the variant's file.
        variant: its precision, device and session options.
        options: other session options than the variant's own.

    Attributes:
        inputs: the names of the arrays that the model takes.
        outputs: the names of those it gives.

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
        self.outputs = [tensor.name for tensor in self._session.get_outputs()]

    def run(self, outputs: Sequence[str], feed: Mapping[str, AnyArray]) -> list[Any]:
        """Returns these outputs, in this order.

        Raises:
            SessionError: onnxruntime cannot run it.
        """
        try:
            arrays: list[Any] = self._session.run(list(outputs), dict(feed))
        except Exception as error:  # onnxruntime raises a class of its own for every status code
            raise SessionError(first_line(error)) from error
        return arrays


def cuda_is_available() -> bool:
    """Whether this build of onnxruntime brings the CUDA provider (a driver may still be missing)."""
    return _PROVIDERS["cuda"] in ort.get_available_providers()
