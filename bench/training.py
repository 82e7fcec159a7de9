"""`make bench-training`: speed and memory of `model train` on this CPU, with few shapes of batches and with many.

    each way of training, in a process of its own: one epoch of the same questions -> questions/s, peak memory

A CPU compiles its kernels for every new shape, so the first steps are slow; they are counted. Needs the build group of
requirements.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from spanstream.models.inference.cpu import cpu_name

_REPOSITORY: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to train: lengths are padded to a multiple of `length_step`; with 1, to the longest window of a batch."""

    name: str
    length_step: int
    attention_dropout: float | None = None
    freeze_embeddings: bool = False


_WAYS: Final = (
    Way("ever new shapes", 1),
    Way("few shapes, as it is", 32),
    Way("and --attention-dropout 0", 32, 0.0),
    Way("and --freeze-embeddings", 32, 0.0, freeze_embeddings=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One epoch: questions a second, padded tokens a second, and the process's peak memory in GiB."""

    questions_per_second: float
    tokens_per_second: float
    peak_gib: float


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=_REPOSITORY / "models/artifacts/minilm-l6-qa-checkpoint")
    parser.add_argument("--data", type=Path, default=_REPOSITORY / "models/data/tickets/train/tickets_it3.json.gz")
    parser.add_argument("--way", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way is not None:
        print(json.dumps(_measure(_WAYS[arguments.way], arguments.model, arguments.data)))  # noqa: T201  to the parent
        return
    table = Table("", "questions/s", "ratio", "tokens/s", "peak memory", title=f"{arguments.data.name}; {cpu_name()}")
    first = 0.0
    for number, way in enumerate(_WAYS):
        command = [sys.executable, "-m", "bench.training", *sys.argv[1:], "--way", str(number)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603  this module
        measured = Measured(*json.loads(output.splitlines()[-1]))
        rate = measured.questions_per_second
        first = first or rate
        speed, memory = f"{measured.tokens_per_second:,.0f}", f"{measured.peak_gib:.1f} GiB"
        table.add_row(way.name, f"{rate:.2f}", f"{rate / first:.2f}", speed, memory)
    Console().print(table)


def _measure(way: Way, model: Path, data: Path) -> tuple[float, float, float]:
    """Trains one epoch and returns the fields of `Measured`."""
    from spanstream.models.training import batches  # noqa: PLC0415  torch: not in the process that prints
    from spanstream.models.training.options import TrainingOptions  # noqa: PLC0415
    from spanstream.models.training.sources import DataSource, load_sources  # noqa: PLC0415
    from spanstream.models.training.train import train  # noqa: PLC0415
    from spanstream.models.training.trainer import TrainingProgress  # noqa: PLC0415

    batches.LENGTH_STEP = way.length_step  # type: ignore[misc]  # what is compared; nobody else may change it
    source = DataSource(data)
    options = TrainingOptions(
        str(model),
        (source,),
        epochs=1,
        attention_dropout=way.attention_dropout,
        freeze_embeddings=way.freeze_embeddings,
        save_minutes=1e6,
    )
    latest: list[TrainingProgress] = []
    started = time.monotonic()

    def begin(line: str) -> None:
        nonlocal started
        started = time.monotonic()  # the last line is said just before the first step
        print(line, file=sys.stderr)  # noqa: T201

    seconds = 0.0

    def watch(progress: TrainingProgress) -> None:
        nonlocal seconds
        seconds, latest[:] = time.monotonic() - started, [progress]

    with tempfile.TemporaryDirectory() as folder:
        train(options, Path(folder) / "checkpoint", say=begin, watch=watch)
    questions = len(load_sources([source])[0].examples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return questions / seconds, latest[0].tokens_per_second, peak


if __name__ == "__main__":
    main()
