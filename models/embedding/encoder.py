"""Embeds texts with the encoder that comes with the program.

encoder = Encoder.load()
vectors = encoder.embed(["The export stops.", "Nothing is exported any more."])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from spanstream.models.arrays import Float32Array, Int32Array
from spanstream.models.artifact import SessionOptions
from spanstream.models.defaults import DEFAULT_ENCODER
from spanstream.models.embedding.embedding_session import EmbeddingSession, batches_of, open_session, row_of
from spanstream.models.embedding.encoder_artifact import EncoderArtifact, load_encoder_artifact
from spanstream.models.errors import ForkedReader, InferenceFailed
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.inference.onnx_model import SessionError


class Encoder:
    """A loaded encoder. Safe to call from several threads: their batches share its own threads.

    A text's vector has the same bits whatever is embedded with it, on the same kind of CPU.

    Args:
        artifact: what to run.
        session: the artifact's, tested.
        options: what it was opened with.
        threads: CPU threads in all.

    Attributes:
        fingerprint: changes with anything that changes vectors.
        dimensions: numbers in a vector.
    """

    def __init__(
        self, artifact: EncoderArtifact, session: EmbeddingSession, options: SessionOptions, threads: int
    ) -> None:
        self.fingerprint = artifact.fingerprint
        self.dimensions = artifact.manifest.dimensions
        self._tokenizer = artifact.tokenizer
        self._max_tokens = artifact.manifest.max_tokens
        self._session = session
        self._max_batch_tokens = options.max_batch_tokens
        self._process = os.getpid()
        self._pool = ThreadPoolExecutor(max(1, threads // options.threads_per_run), thread_name_prefix="embed")

    @classmethod
    def load(cls, folder: Path = DEFAULT_ENCODER, threads: int | None = None) -> Encoder:
        """Loads an artifact, by default the one that comes with the program.

        Args:
            folder: the artifact's folder.
            threads: CPU threads; by default the CPUs this process may use (the cgroup's quota).

        Raises:
            ArtifactError: the artifact is damaged, or this machine computes it wrongly.
        """
        artifact = load_encoder_artifact(folder)
        return cls(artifact, *open_session(artifact), threads or available_cpus())

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Returns (texts, dimensions), rows of length 1.

        Of a text longer than the manifest's `max_tokens` (256) its beginning is read. An empty text has a vector too,
        which means nothing.

        Raises:
            InvalidText: a text holds half of a character.
            InferenceFailed: the session raised.
            ForkedReader: the threads are another process's.
        """
        if os.getpid() != self._process:
            raise ForkedReader("this encoder was loaded before the process was forked: load one in each process")
        rows = [row_of(text, self._tokenizer, self._max_tokens) for text in texts]
        vectors = np.empty((len(rows), self.dimensions), dtype=np.float32)
        batches = batches_of(rows, self._max_batch_tokens)
        try:
            for batch, found in zip(
                batches, self._pool.map(lambda batch: self._run(rows, batch), batches), strict=True
            ):
                vectors[batch] = found
        except SessionError as error:
            raise InferenceFailed(f"the encoder's session failed: {error}") from error
        return vectors

    def close(self) -> None:
        """Waits for the batches that are running and ends the threads."""
        self._pool.shutdown()

    def _run(self, rows: Sequence[Int32Array], batch: Sequence[int]) -> Float32Array:
        return self._session.run([rows[number] for number in batch])
