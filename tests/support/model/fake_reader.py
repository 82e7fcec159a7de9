"""A reader without a model file: the real pipeline and a real tokenizer, and logits that are a function of the ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spanstream.models.artifact import Artifact, Golden, GoldenCase, Manifest, Variant
from spanstream.models.defaults import WindowMode
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits
from spanstream.models.reader import Reader
from spanstream.models.spans.calibration import Calibration
from tests.support.model.small_tokenizer import small_tokenizer

TOKENIZER = small_tokenizer("poison", "crash")
MAX_LENGTH, STRIDE = 48, 12
_FILES = ("model.int8.onnx", "tokenizer.json", "golden.json")

MANIFEST = Manifest(
    name="letters",
    version="1.2",
    architecture="none",
    tokenizer_fingerprint=TOKENIZER.fingerprint,
    pad_id=0,
    max_length=MAX_LENGTH,
    stride=STRIDE,
    max_answer_tokens=8,
    variants=(Variant(file="model.int8.onnx", precision="int8", device="cpu"),),
    calibration=Calibration(
        name="letters-1", bias=0.0, weights={"null_score_diff": -0.2}, thresholds={"default": 0.5, "sure": 0.9}
    ),
    files=dict.fromkeys(_FILES, "0" * 64),
)


class LetterSession:
    """Computes logits from the token ids of a window alone, so that the same window always has the same logits.

    A batch with the word `poison` in it is refused as a session refuses one; `crash` is an exception of another kind.
    """

    def __init__(self) -> None:
        self.batches = 0
        self._poison, self._crash = (TOKENIZER.token_id(word) for word in ("poison", "crash"))

    def run(self, batch: Batch) -> Logits:
        self.batches += 1
        if (batch.input_ids == self._poison).any():
            raise SessionError("the word makes it fail")
        if (batch.input_ids == self._crash).any():
            raise ZeroDivisionError("the text of a document, which must not be told")
        ids = batch.input_ids * batch.attention_mask
        asked = (ids * (batch.token_type_ids == 0)).sum(axis=1, keepdims=True)
        places = np.arange(ids.shape[1])
        start = (ids * 7919 + asked * 31 + places * 17) % 997
        end = (ids * 104_729 + asked * 13 + places * 29) % 991
        return Logits((start / 100).astype(np.float32), (end / 100).astype(np.float32))


def fake_reader(
    session: LetterSession | None = None,
    *,
    max_windows: int = 32,
    utf16_offsets: bool = False,
    windows: WindowMode | None = None,
) -> Reader:
    """Makes a reader of one thread; `tokenize`, `plan` and `conclude` are the real ones."""
    golden = Golden(
        tolerance=0.1, cases=(GoldenCase(question="q", context="c", start_logits=(0.0,), end_logits=(0.0,)),)
    )
    artifact = Artifact(Path("nowhere"), MANIFEST, TOKENIZER, golden)
    backend = Backend("letters", "int8", session or LetterSession(), parallel_runs=1, max_batch_tokens=512)
    return Reader(artifact, Backends(backend), max_windows=max_windows, utf16_offsets=utf16_offsets, windows=windows)
