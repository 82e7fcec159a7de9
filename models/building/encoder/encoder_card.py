"""Renders an encoder's card, for people: what it is for, what was measured, how it was built."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from spanstream.models.building.encoder.encoder_figures import RANKS, FileFigures, SpeedFigures
from spanstream.models.building.encoder.encoder_request import EncoderRequest
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.embedding.encoder_artifact import EncoderManifest
from spanstream.models.inference.cpu import cpu_name, has_int8_dot_product

_TOOLS: Final = ("onnxruntime", "optimum-onnx", "transformers", "torch", "tokenizers")


@dataclass(frozen=True, slots=True)
class EncoderCardFigures:
    """What the card of a build says.

    Attributes:
        request: what was asked for.
        checkpoint: what was built.
        files: the figures of each validation file.
        speed: beside fp32.
        megabytes: size of the model's file, in 10^6 bytes.
        about: Markdown about data and licences.
    """

    request: EncoderRequest
    checkpoint: Checkpoint
    files: Sequence[FileFigures]
    speed: SpeedFigures
    megabytes: float
    about: str | None


def render_encoder_card(manifest: EncoderManifest, figures: EncoderCardFigures) -> str:
    """Returns the card, in Markdown."""
    parts = [
        _head(manifest, figures),
        *([figures.about] if figures.about else []),
        f"## Figures\n\n{_found(figures)}\n\n{_near(figures)}\n\n{_speed(figures.speed)}",
        _rebuild(figures),
    ]
    return "\n\n".join(parts) + "\n"


def _head(manifest: EncoderManifest, figures: EncoderCardFigures) -> str:
    architecture = f"{manifest.architecture} architecture, {figures.checkpoint.layers} layers of {manifest.dimensions}"
    return f"""# {manifest.name} {manifest.version}

Embeds texts: a vector of {manifest.dimensions} numbers and length 1 for each, near where two texts mean the like.
{architecture}, int8 ({figures.megabytes:.1f} MB), for CPUs. Licence of the weights: {manifest.licence}.

**For** finding passages that may answer a question. **Not for** deciding whether they do.

The first {manifest.max_tokens} tokens of a text are read, and the mean of their last states is brought to length 1.
Scales are fixed at build, so that a text's vector has the same bits alone and in every batch."""


def _found(figures: EncoderCardFigures) -> str:
    header = " | ".join(f"first {rank}" for rank in RANKS)
    rows = []
    for file in figures.files:
        about = f"`{file.data.name}`: {len(file.data.questions):,} questions, {len(file.data.passages):,} passages"
        for precision, recall in zip(("fp32", "int8"), file.recall, strict=True):
            shares = " | ".join(f"{100 * share:.1f}" for share in recall)
            rows.append(f"| {about} | {precision} | {shares} |")
    return (
        "Recall: questions with a passage that holds their answer among the first so many of all passages, by cosine "
        f"alone, in percent.\n\n| | | {header} |\n|---|---|{'---|' * len(RANKS)}\n" + "\n".join(rows)
    )


def _near(figures: EncoderCardFigures) -> str:
    lines = [
        f"- `{file.data.name}`: mean {file.cosines[1]:.4f}, least {file.cosines[0]:.4f}; "
        f"{100 * file.overlap:.1f} % of the first ten passages of a question are fp32's"
        for file in figures.files
    ]
    return "Cosine of a passage's int8 vector with its fp32 vector:\n\n" + "\n".join(lines)


def _speed(speed: SpeedFigures) -> str:
    dot_product = {True: "with int8 dot products", False: "without them", None: "of unknown instructions"}
    ratios = f"{statistics.median(speed.ratios):.1f} times as fast as fp32 ({min(speed.ratios):.1f} to"
    return f"""Speed: {speed.per_second:.0f} passages a second on one thread, {ratios} {max(speed.ratios):.1f} in rounds
in turns over {speed.texts} passages). The CPU calls itself {cpu_name()}, {dot_product[has_int8_dot_product()]}."""


def _rebuild(figures: EncoderCardFigures) -> str:
    request = figures.request
    first, *others = request.validation
    options = [*(f"--validation path/to/{file.name}" for file in others), f"--version {request.version}"]
    if request.about:
        options.append(f"--about path/to/{request.about.name}")
    tools = ", ".join(f"{tool} {version(tool)}" for tool in _TOOLS)
    return f"""## Rebuild

```sh
make encoder VALIDATION=path/to/{first.name} \\
    ARGS="{" ".join(options)}"
```

The scales were fixed on a few hundred passages of these files.
Built with {tools}."""
