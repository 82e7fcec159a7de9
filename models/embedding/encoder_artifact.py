"""Reads and verifies an encoder's artifact: a folder like a reader's, whose graph pools and normalises by itself.

manifest.json     what the encoder is, and the SHA-256 of each file below
tokenizer.json    the tokenizer
model.*.onnx      tokens in, one vector of length 1 a text out
golden.json       a few texts and the vectors that they must have on a sound CPU
README.md         the card, for people
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from spanstream.models.artifact import FrozenModel, SealedManifest, Variant, load_golden, load_sealed
from spanstream.models.defaults import DEFAULT_ENCODER
from spanstream.models.text.tokenization import Tokenizer


class EncoderManifest(SealedManifest):
    """The manifest of an encoder's artifact."""

    licence: str = Field(min_length=1, description="Of the weights: an SPDX identifier.")
    dimensions: int = Field(gt=0, description="Numbers in a vector.")
    pooling: Literal["mean"] = Field("mean", description="Over the tokens' last states, then to length 1.")
    max_tokens: int = Field(gt=2, description="Tokens that are read of a text, special tokens included.")
    variants: tuple[Variant]


class GoldenVector(FrozenModel):
    """One text's vector, as measured when the artifact was built."""

    text: str
    vector: tuple[float, ...]


class GoldenVectors(FrozenModel):
    """What a session must reproduce: every text's cosine with its golden vector is at least 1 - `tolerance`."""

    tolerance: float = Field(gt=0)
    cases: tuple[GoldenVector, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class EncoderArtifact:
    """A verified artifact."""

    folder: Path
    manifest: EncoderManifest
    tokenizer: Tokenizer
    golden: GoldenVectors

    @property
    def variant(self) -> Variant:
        """The model's file, and how it is run."""
        return self.manifest.variants[0]

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that change with anything that changes vectors; not with the card."""
        manifest = self.manifest
        weights = manifest.files[self.variant.file]
        made_of = [weights, manifest.tokenizer_fingerprint, manifest.pooling, manifest.max_tokens]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def load_encoder_artifact(folder: Path = DEFAULT_ENCODER) -> EncoderArtifact:
    """Reads and verifies an encoder's artifact.

    Raises:
        ArtifactError: something is missing, damaged or not understood; the text names the file.
    """
    manifest, tokenizer = load_sealed(folder, EncoderManifest)
    return EncoderArtifact(folder, manifest, tokenizer, load_golden(folder, GoldenVectors))
