"""Lists the variants that a build tries. Each recipe makes one model file out of the exported graph.

    fp32                 fused; the reference for accuracy and speed
    int8-static-tamed    scales fixed at build, channels with extreme activations scaled down
    int8-static          the same without scaling channels down
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

from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.building.build_context import BuildContext
from spanstream.models.building.graph import activation_ranges, outliers, quantize, rewrite
from spanstream.models.building.graph.fusion import FusedGraph, Fusions
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.checkpoints.quiet import quiet
from spanstream.models.errors import BuildError
from spanstream.models.inference.session import OnnxSession

# Threads that wait without spinning leave the CPU to the consumer's other work.
_NO_SPINNING: Final = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}
_AS_BUILT: Final = SessionOptions(optimization_level="disabled", max_batch_tokens=512, config=_NO_SPINNING)
_ALL: Final = SessionOptions(max_batch_tokens=512, config=_NO_SPINNING)
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


@dataclass(frozen=True, slots=True)
class BuiltVariant:
    """The model file that a recipe made."""

    recipe: Recipe
    path: Path

    @property
    def megabytes(self) -> float:
        """Size of the file, in 10^6 bytes."""
        return self.path.stat().st_size / 1e6

    def variant(self, session: SessionOptions) -> Variant:
        """Returns the manifest's entry for it."""
        precision = self.recipe.precision
        return Variant(file=f"model.{precision}.onnx", precision=precision, device="cpu", session=session)

    def open(self, session: SessionOptions) -> OnnxSession:
        """Opens a session with these options."""
        return OnnxSession(self.path, self.variant(session))


def _make_fp32(context: BuildContext, output: Path) -> None:
    shutil.copy(context.graph, output)


def _make_static(context: BuildContext, output: Path) -> None:
    _quantize_statically(context, output, tame=False)


def _make_static_tamed(context: BuildContext, output: Path) -> None:
    _quantize_statically(context, output, tame=True)


def _quantize_statically(context: BuildContext, output: Path, *, tame: bool) -> None:
    graph = Graph.load(context.graph)
    rewrite.quantize_word_embeddings(graph, words=context.checkpoint.vocabulary)
    ranges = activation_ranges.measure_ranges(graph, context.samples)
    quantize.quantize_products(graph, outliers.tame_outliers(graph, ranges) if tame else ranges)
    graph.save(output)


def _make_dynamic(context: BuildContext, output: Path) -> None:
    _quantize_dynamically(context.fuse("for-dynamic", Fusions("Attention", embeddings=True)), output)


def _make_dynamic_skip(context: BuildContext, output: Path) -> None:
    fusions = Fusions("Attention", skip_layer_norm=True, bias_gelu=True, embeddings=True)
    _quantize_dynamically(context.fuse("for-dynamic-skip", fusions), output)


def _quantize_dynamically(fused: FusedGraph, output: Path) -> None:
    from onnx import TensorProto  # noqa: PLC0415  with the quantizer
    from onnxruntime.quantization import quantize_dynamic  # noqa: PLC0415  seconds to import

    # The quantizer has to know what type fused operators return.
    with quiet():
        quantize_dynamic(fused.path, output, per_channel=True, extra_options={"DefaultTensorType": TensorProto.FLOAT})


RECIPES: Final = (
    Recipe("fp32", "fp32", "not quantized: the reference", _make_fp32, (_NO_SKIP, _AS_BUILT)),
    Recipe(
        "int8-static-tamed",
        "int8",
        "scales fixed at build; channels with extreme activations scaled down exactly (SmoothQuant) or computed beside "
        "the others in fp32",
        _make_static_tamed,
        (_AS_BUILT, _NO_SKIP),
    ),
    Recipe("int8-static", "int8", "scales fixed at build", _make_static, (_AS_BUILT, _NO_SKIP)),
    Recipe(
        "int8-dynamic",
        "int8",
        "scales of each batch, taken at run time, one a channel of the weights",
        _make_dynamic,
        (_NO_SKIP, _ALL),
    ),
    Recipe(
        "int8-dynamic-skip",
        "int8",
        "the same, every fusion that the optimizer knows, SkipLayerNormalization among them",
        _make_dynamic_skip,
        (_ALL, _NO_SKIP),
    ),
)
RECIPE_NAMES: Final = tuple(recipe.name for recipe in RECIPES)


def select_recipes(names: Sequence[str]) -> list[Recipe]:
    """Returns the recipes of these names, or all of them if none is named. The reference always comes first.

    Raises:
        BuildError: a name is not known.
    """
    if unknown := sorted(set(names) - set(RECIPE_NAMES)):
        raise BuildError(f"no variant is called {unknown[0]!r}: there are {', '.join(RECIPE_NAMES)}")
    return [recipe for recipe in RECIPES if not names or recipe.name in {"fp32", *names}]
