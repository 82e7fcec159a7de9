"""Makes what all variants begin with: the export, and the best fp32 graph that still computes what the export does.

    exported -> fused -> rewritten (mask as a dimension) -> BuildContext

Fusions and rewritings recognise graphs by their shape, so the result of each step is compared with the export before it
is used. An architecture that a step does not fit goes on without it, and `note` says so in the card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanstream.models.artifact import SessionOptions, Variant
from spanstream.models.building.graph import rewrite
from spanstream.models.building.graph.export import greatest_difference
from spanstream.models.building.graph.fusion import FusedGraph, Fusions, fuse
from spanstream.models.building.graph.onnx_graph import Graph
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.errors import BuildError, ModelError, one_line
from spanstream.models.inference.packing import Batch, TokenArrays, assemble
from spanstream.models.inference.session import Logits, OnnxSession

_PLAIN: Final = SessionOptions(optimization_level="disabled")
# fp32 sums in another order; logits are about 10.
_EXACT: Final = 0.01


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What variants are made of.

    Attributes:
        checkpoint: what is built.
        exported: its plain graph, fp32.
        graph: the best exact fp32 graph.
        note: how far fusing went, for the card.
        folder: for intermediate files.
        samples: windows or texts, each alone in its batch, that show what activations look like.
    """

    checkpoint: Checkpoint
    exported: Path
    graph: Path
    note: str
    folder: Path
    samples: Sequence[TokenArrays]

    def fuse(self, name: str, fusions: Fusions) -> FusedGraph:
        """Fuses the export in another way, into a file of this name."""
        return fuse(self.exported, self.checkpoint, self.folder / f"{name}.onnx", fusions)


def open_context(checkpoint: Checkpoint, exported: Path, folder: Path, samples: Sequence[Batch]) -> BuildContext:
    """Fuses and rewrites the export as far as its logits stay the same.

    Raises:
        BuildError: the export itself does not give the same logits twice.
    """
    probes = probes_of(samples, checkpoint.pad_id)
    expected = [_run(exported, probe) for probe in probes]
    failures: list[str] = []
    for path, description in _steps(checkpoint, exported, folder, failures):
        try:
            worst = max(
                greatest_difference(_run(path, probe), wanted, probe)
                for probe, wanted in zip(probes, expected, strict=True)
            )
        except ModelError as error:
            failures.append(f"{description}: {error}")
            continue
        if worst < _EXACT:
            note = "; ".join([description, *(f"not {failure}" for failure in failures)])
            return BuildContext(checkpoint, exported, path, note, folder, samples)
        failures.append(f"{description}: its logits were {worst:.2f} off")
    raise BuildError(f"{checkpoint.name}: the export does not give the same logits twice: {'; '.join(failures)}")


def probes_of(samples: Sequence[Batch], pad_id: int) -> list[Batch]:
    """Returns a few windows alone, and the same windows in one batch with padding."""
    few = list(samples[:: max(1, len(samples) // 4)][:4])
    return [*few, assemble([batch.windows[0] for batch in few], pad_id=pad_id)]


def _steps(checkpoint: Checkpoint, exported: Path, folder: Path, failures: list[str]) -> Iterator[tuple[Path, str]]:
    """Yields graphs and what was done to them, the best first; adds to `failures` what could not be done."""
    try:
        fused = fuse(exported, checkpoint, folder / "fused.onnx", Fusions())
    except Exception as error:  # noqa: BLE001  the optimizer raises errors of many classes on graphs that it does not know
        failures.append(f"fused: {one_line(error)}")
    else:
        description = f"fused: {_describe(fused, checkpoint)}"
        if fused.attentions:
            graph = Graph.load(fused.path)
            head_size = checkpoint.hidden_size // checkpoint.heads
            rewrite.mask_by_dimension(graph, heads=checkpoint.heads, head_size=head_size)
            graph.save(folder / "rewritten.onnx")
            yield folder / "rewritten.onnx", f"{description}; the mask made a dimension of each head"
        yield fused.path, description
    yield exported, "nothing fused"


def _describe(fused: FusedGraph, checkpoint: Checkpoint) -> str:
    others = sum(count for name, count in fused.operators.items() if "Attention" not in name)
    return f"attention of {fused.attentions} of {checkpoint.layers} layers, {others} other operators"


def _run(path: Path, batch: Batch) -> Logits:
    return OnnxSession(path, Variant(file=path.name, precision="fp32", device="cpu"), _PLAIN).run(batch)
