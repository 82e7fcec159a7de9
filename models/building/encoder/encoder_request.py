"""What the build of an encoder is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """What to build, and out of what.

    Attributes:
        checkpoint: folder of an encoder in Hugging Face layout, or its name on a hub.
        validation: SQuAD v2.0 files, whose passages fix the int8 scales and measure what is found.
        name: the encoder's name.
        version: the artifact's version.
        licence: of the weights, an SPDX identifier.
        about: Markdown file about data and licences, for the card.
    """

    checkpoint: str
    validation: tuple[Path, ...]
    name: str
    version: str
    licence: str
    about: Path | None = None
