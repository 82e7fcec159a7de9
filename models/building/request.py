"""What a build is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spanstream.models.defaults import MAX_LENGTH, STRIDE


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build, and out of what.

    Attributes:
        checkpoint: folder of a fine-tuned checkpoint in Hugging Face layout, or its name on a hub.
        validation: SQuAD v2.0 files for calibration, figures and the choice of the variant. Thresholds are chosen on
            the first, which should be most like the use.
        name: the model's name.
        version: the artifact's version.
        samples: SQuAD v2.0 files whose texts fix the int8 scales; none: the validation files.
        max_length: tokens of a window; fewer where the model's positions end sooner.
        stride: tokens that neighbouring windows share.
        variants: names of the variants to try; none: all.
        quick: take the first variant within the margin, without timing any.
        gpu: also make the fp16 variant.
        compare: an earlier artifact or checkpoint whose figures stand in the card beside the new ones.
        about: Markdown file about data and licences, for the card.
    """

    checkpoint: str
    validation: tuple[Path, ...]
    name: str
    version: str = "1.0.0"
    samples: tuple[Path, ...] = ()
    max_length: int = MAX_LENGTH
    stride: int = STRIDE
    variants: tuple[str, ...] = ()
    quick: bool = False
    gpu: bool = False
    compare: str | None = None
    about: Path | None = None
