"""An encoder for tests: texts that share words are near, and the same text always has the same vector."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np

from spanstream.models.arrays import Float32Array


class WordEncoder:
    """Counts words in `dimensions` places; keeps what it was asked, to see what was embedded again.

    It fails on texts that hold `poison`: on all of them where that is empty.
    """

    def __init__(self, dimensions: int = 64, fingerprint: str = "words") -> None:
        self.dimensions = dimensions
        self.fingerprint = fingerprint
        self.embedded: list[str] = []
        self.poison: str | None = None

    def embed(self, texts: Sequence[str]) -> Float32Array:
        if self.poison is not None and any(self.poison in text for text in texts):
            raise ValueError("a secret text")
        self.embedded.extend(texts)
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % self.dimensions] += 1
        normalised: Float32Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised

    def close(self) -> None:
        """Has nothing to let go of."""
