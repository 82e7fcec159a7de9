"""The reader's session: batches of windows through a model of two or three outputs.

Batch -> Logits
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spanstream.models.arrays import Float32Array
from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.onnx_model import OnnxModel
from spanstream.models.inference.packing import Batch


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
        self._model = OnnxModel(path, variant, options)
        self.inputs = self._model.inputs
        names = set(self._model.outputs)
        unknown = sorted(set(self.inputs) - {"input_ids", "attention_mask", "token_type_ids"})
        if unknown or not {"start_logits", "end_logits"} <= names:
            raise ArtifactError(f"{path}: no question-answering model: inputs {self.inputs}, outputs {sorted(names)}")
        self._outputs = ["start_logits", "end_logits", *({"answerable_logits"} & names)]

    def run(self, batch: Batch) -> Logits:
        """Returns the logits of a batch.

        Raises:
            SessionError: onnxruntime cannot run it.
        """
        return Logits(*self._model.run(self._outputs, {name: getattr(batch, name) for name in self.inputs}))
