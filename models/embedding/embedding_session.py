"""Runs rows of tokens through an encoder's graph, and tests on a machine that it gives the vectors it should.

    token ids of texts -> TokenArrays -> the tokens' last states -> mean -> length 1

The mean is taken here, over each text's own tokens: kernels that add up the tokens of a batch do so in an order that
depends on how many texts there are and how far they are padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from spanstream.models.arrays import Float32Array, Int32Array
from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.embedding.encoder_artifact import EncoderArtifact, EncoderManifest
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.onnx_model import OnnxModel, SessionError
from spanstream.models.inference.packing import assemble_rows, split_by_budget
from spanstream.models.text.tokenization import Tokenizer

STATES: Final = "last_hidden_state"
"""The name of the graph's one output: (texts, padded length, dimensions)."""

# So many tokens are not in more characters of any text that has words; what is behind them is not tokenized.
_CHARS_PER_TOKEN: Final = 32


def row_of(text: str, tokenizer: Tokenizer, max_tokens: int) -> Int32Array:
    """Returns (tokens,) ids of a text with its special tokens, cut where `max_tokens` end.

    Raises:
        InvalidText: it holds half of a character.
    """
    template = tokenizer.template
    room = max_tokens - len(template.prefix) - len(template.middle)
    ids = tokenizer.tokenize_question(text[: max_tokens * _CHARS_PER_TOKEN]).ids[:room]
    # What ends the first text of a pair ends a single text too, as BERT has it.
    return np.concatenate([template.prefix, ids, template.middle])


class EmbeddingSession:
    """An encoder's graph in memory. Safe to run from several threads.

    Raises:
        ArtifactError: the file is no encoder that this runtime can run.
    """

    def __init__(self, path: Path, variant: Variant, *, pad_id: int, options: SessionOptions | None = None) -> None:
        self._model = OnnxModel(path, variant, options)
        self._pad_id = pad_id
        unknown = sorted(set(self._model.inputs) - {"input_ids", "attention_mask", "token_type_ids"})
        if unknown or STATES not in self._model.outputs:
            raise ArtifactError(f"{path}: no encoder: inputs {self._model.inputs}, outputs {self._model.outputs}")

    def run(self, rows: Sequence[Int32Array]) -> Float32Array:
        """Returns (texts, dimensions) of texts in one batch, in their order.

        Raises:
            SessionError: onnxruntime cannot run it, or what it gives are not all vectors.
        """
        arrays = assemble_rows([[(row, 0)] for row in rows], pad_id=self._pad_id)
        (states,) = self._model.run([STATES], {name: getattr(arrays, name) for name in self._model.inputs})
        if states.ndim != 3 or states.shape[:2] != arrays.input_ids.shape:  # noqa: PLR2004  (texts, tokens, numbers)
            raise SessionError(f"its states are {states.shape}, not those of {arrays.input_ids.shape} tokens")
        # The sum has the mean's direction.
        sums = np.stack([states[place, : len(row)].sum(axis=0) for place, row in enumerate(rows)])
        vectors: Float32Array = np.stack([total / np.linalg.norm(total) for total in sums])
        if not np.isfinite(vectors).all():
            raise SessionError("its vectors are not all numbers")
        return vectors


def open_session(artifact: EncoderArtifact) -> tuple[EmbeddingSession, SessionOptions]:
    """Opens and self-tests the artifact's session; where it fails the test, with the fallback options.

    Raises:
        ArtifactError: none gives the golden vectors on this machine.
    """
    variant, reasons = artifact.variant, []
    for options in (variant.session, *([variant.fallback] if variant.fallback else [])):
        session = EmbeddingSession(
            artifact.folder / variant.file, variant, pad_id=artifact.manifest.pad_id, options=options
        )
        try:
            distance = self_test(session, artifact, max_batch_tokens=options.max_batch_tokens)
        except SessionError as error:
            reasons.append(str(error))
            continue
        if distance <= (variant.tolerance or artifact.golden.tolerance):
            return session, options
        reasons.append(f"a golden text's vector is off by a cosine of {distance:.4f}")
    raise ArtifactError(
        f"{artifact.folder / variant.file}: this machine computes the encoder wrongly: {'; '.join(reasons)}"
    )


def self_test(session: EmbeddingSession, artifact: EncoderArtifact, *, max_batch_tokens: int) -> float:
    """Returns the largest distance (1 - cosine) of a golden text's vector, each alone and in padded batches.

    Raises:
        SessionError: the session cannot run a text.
    """
    manifest, cases = artifact.manifest, artifact.golden.cases
    rows = [row_of(case.text, artifact.tokenizer, manifest.max_tokens) for case in cases]
    groups = [[number] for number in range(len(rows))]
    groups += batches_of(rows, max_batch_tokens)
    return max(_distance(session.run([rows[one] for one in group]), group, artifact) for group in groups)


def batches_of(rows: Sequence[Int32Array], max_batch_tokens: int) -> list[list[int]]:
    """Returns the numbers of the rows that go together, the longest first: see `packing.split_by_budget`."""
    longest_first = sorted(range(len(rows)), key=lambda number: len(rows[number]), reverse=True)
    return split_by_budget(longest_first, lambda number: len(rows[number]), max_batch_tokens=max_batch_tokens)


def _distance(vectors: Float32Array, group: Sequence[int], artifact: EncoderArtifact) -> float:
    manifest: EncoderManifest = artifact.manifest
    if vectors.shape[1] != manifest.dimensions:
        raise SessionError(f"its vectors have {vectors.shape[1]} numbers, not {manifest.dimensions}")
    golden = np.array([artifact.golden.cases[number].vector for number in group], dtype=np.float32)
    return float(1 - (vectors * golden).sum(axis=1).min())
