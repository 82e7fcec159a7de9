"""The variants that a build tries, each a way from the exported graph to one model file.

    fp32                 fused; the reference for accuracy and speed
    int8-static-tamed    scales fixed at build, channels with extreme activations tamed
    int8-static          the same without taming
    int8-dynamic         scales taken from each batch at run time, by onnxruntime's quantizer
    int8-dynamic-skip    the same with SkipLayerNormalization fused

A variant that cannot be made for an architecture raises, and the card says why.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from spanstream.models.artifact import SessionOptions
from spanstream.models.building.graph import activations, outliers, quantize, rewrite
from spanstream.models.building.graph.fusion import Fused, Fusions
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.building.variants.context import BuildContext
from spanstream.models.checkpoints.quiet import quiet
from spanstream.models.errors import BuildError

# Threads that wait do not take the CPU from the consumer's other work.
_PATIENT: Final = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}
_AS_BUILT: Final = SessionOptions(optimization_level="disabled", max_batch_tokens=512, config=_PATIENT)
_ALL: Final = SessionOptions(max_batch_tokens=512, config=_PATIENT)
# On CPUs the fused kernel takes several times as long as its parts.
_NO_SKIP: Final = _ALL.model_copy(update={"disabled_optimizers": ("SkipLayerNormFusion",)})


@dataclass(frozen=True, slots=True)
class Recipe:
    """One variant.

    Attributes:
        name: for `--variant` and the card.
        precision: of the weights.
        about: one line for the card.
        make: writes the model file.
        sessions: the session options to try; the fastest is taken.
    """

    name: str
    precision: Literal["int8", "fp32"]
    about: str
    make: Callable[[BuildContext, Path], None]
    sessions: tuple[SessionOptions, ...]


def _float(workshop: BuildContext, output: Path) -> None:
    shutil.copy(workshop.graph, output)


def _static(workshop: BuildContext, output: Path) -> None:
    _quantize_statically(workshop, output, tame=False)


def _static_tamed(workshop: BuildContext, output: Path) -> None:
    _quantize_statically(workshop, output, tame=True)


def _quantize_statically(workshop: BuildContext, output: Path, *, tame: bool) -> None:
    graph = Graph.load(workshop.graph)
    rewrite.quantize_word_embeddings(graph, words=workshop.checkpoint.vocabulary)
    ranges = activations.measure(graph, workshop.samples)
    quantize.quantize(graph, outliers.tame(graph, ranges) if tame else ranges)
    graph.save(output)


def _dynamic(workshop: BuildContext, output: Path) -> None:
    _quantize_dynamically(workshop.fuse("for-dynamic", Fusions("Attention", embeddings=True)), output)


def _dynamic_skip(workshop: BuildContext, output: Path) -> None:
    fusions = Fusions("Attention", skip_layer_norm=True, bias_gelu=True, embeddings=True)
    _quantize_dynamically(workshop.fuse("for-dynamic-skip", fusions), output)


def _quantize_dynamically(fused: Fused, output: Path) -> None:
    from onnx import TensorProto  # noqa: PLC0415  with the quantizer
    from onnxruntime.quantization import quantize_dynamic  # noqa: PLC0415  seconds to import

    # The quantizer wants to know what fused operators give, and is told that it is fp32.
    with quiet():
        quantize_dynamic(fused.path, output, per_channel=True, extra_options={"DefaultTensorType": TensorProto.FLOAT})


RECIPES: Final = (
    Recipe("fp32", "fp32", "not quantized: the reference", _float, (_NO_SKIP, _AS_BUILT)),
    Recipe(
        "int8-static-tamed",
        "int8",
        "scales fixed at build; channels with extreme activations scaled down exactly (SmoothQuant) or computed beside "
        "the others in fp32",
        _static_tamed,
        (_AS_BUILT, _NO_SKIP),
    ),
    Recipe("int8-static", "int8", "scales fixed at build", _static, (_AS_BUILT, _NO_SKIP)),
    Recipe(
        "int8-dynamic",
        "int8",
        "scales of each batch, taken at run time, one a channel of the weights",
        _dynamic,
        (_NO_SKIP, _ALL),
    ),
    Recipe(
        "int8-dynamic-skip",
        "int8",
        "the same, every fusion that the optimizer knows, SkipLayerNormalization among them",
        _dynamic_skip,
        (_ALL, _NO_SKIP),
    ),
)
NAMES: Final = tuple(recipe.name for recipe in RECIPES)


def recipes(names: Sequence[str]) -> list[Recipe]:
    """The recipes of these names, all of them for none; the reference is always among them, as the first.

    Raises:
        BuildError: a name is not known.
    """
    if unknown := sorted(set(names) - set(NAMES)):
        raise BuildError(f"no variant is called {unknown[0]!r}: there are {', '.join(NAMES)}")
    return [recipe for recipe in RECIPES if not names or recipe.name in {"fp32", *names}]
