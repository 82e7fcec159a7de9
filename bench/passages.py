"""`make bench-passages`: how fast the engines of the passage index search and write, with how much memory and disk.

    passages of 100 made-up words (Zipf) and random vectors ──> apply, 64 documents at a time ──> optimize
    questions of 8 words, one after the other: by meaning and by words, in one collection, 50 passages each

Each engine runs in a process of its own, the server with 512 MB of heap. Random vectors are the hardest for a graph:
what share of the nearest ones OpenSearch finds of texts is higher. Linux; OpenSearch needs Java and Maven.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from bench.memory import status
from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageIndex,
    PassagePlace,
    SearchScope,
)
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from tests.support.opensearch.opensearch_server import OpenSearchServer

_DIMENSIONS: Final = 384
_PASSAGES_EACH: Final = 5
_BATCH: Final = 64
_HEAD: Final = (
    "engine | passages | written | by meaning, median / p95 | by words | client's memory | disk | server's memory"
)
# As OpenSearch's own script starts it, with little memory.
_JVM: Final = ("-Xms512m", "-Xmx512m", "--add-modules=jdk.incubator.vector")
_SCOPE: Final = SearchScope("kb")
_LIMIT: Final = 50
_WORDS: Final = [f"word{number}" for number in range(20_000)]
_WEIGHTS: Final = [1 / (number + 10) for number in range(20_000)]


def made_up(count: int) -> Iterator[DocumentPassages]:
    """Yields documents with as many passages in all."""
    words, numbers = random.Random(1), np.random.default_rng(1)  # noqa: S311  no secret
    for document in range(count // _PASSAGES_EACH):
        vectors = numbers.normal(size=(_PASSAGES_EACH, _DIMENSIONS)).astype(np.float32)
        passages = tuple(
            Passage(
                PassagePlace(f"d{document}", number, 0, 600, f"{document:064x}", 0),
                " ".join(words.choices(_WORDS, _WEIGHTS, k=100)),
                vector / np.linalg.norm(vector),
                ("kb",),
                {"team": "a"},
            )
            for number, vector in enumerate(vectors)
        )
        yield DocumentPassages(f"d{document}", passages)


def fill(index: PassageIndex, count: int) -> float:
    """Returns how long the engine took to take the passages."""
    taken, batch = 0.0, list[DocumentPassages]()
    for number, document in enumerate(made_up(count), start=1):
        batch.append(document)
        if len(batch) == _BATCH or number == count // _PASSAGES_EACH:
            began = time.perf_counter()
            index.apply(batch, {0: number})
            taken += time.perf_counter() - began
            batch = []
    index.optimize()
    return taken


def milliseconds(search: Callable[[Float32Array, str], object], questions: int) -> tuple[float, float]:
    """Returns the median and the 95th percentile of searches."""
    words, numbers = random.Random(2), np.random.default_rng(2)  # noqa: S311  no secret
    times = []
    for _ in range(questions + 5):
        vector = numbers.normal(size=_DIMENSIONS).astype(np.float32)
        vector, text = vector / np.linalg.norm(vector), " ".join(words.choices(_WORDS[200:5000], k=8))
        began = time.perf_counter()
        search(vector, text)
        times.append(1000 * (time.perf_counter() - began))
    times = sorted(times[5:])
    return statistics.median(times), times[int(0.95 * len(times))]


def megabytes(folder: Path) -> int:
    """Returns what the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20


def measure(uri: str, count: int, questions: int) -> str:
    """Returns a row of the table, without the engine's name."""
    indexes = open_passage_indexes(IndexSettings(uri=uri, name=f"bench-{count}", timeout_seconds=60))
    before = status("VmRSS")
    index = indexes.create("g1", IndexDescription("bench", _DIMENSIONS, "topic", 1))
    taken = fill(index, count)
    dense = milliseconds(lambda vector, _: index.nearest(vector, _SCOPE, _LIMIT), questions)
    lexical = milliseconds(lambda _, text: index.matching(text, _SCOPE, _LIMIT), questions)
    grown = (status("VmHWM") - before) >> 20
    cells = [
        f"{count:,}",
        f"{count / taken:,.0f}/s",
        *(f"{half:.1f} / {most:.1f} ms" for half, most in (dense, lexical)),
    ]
    return " | ".join([*cells, f"{grown} MB"])


def main() -> None:
    """Measures the engines, and prints a row for each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, nargs="+", default=[5_000, 20_000], help="(default 5000 20000)")
    parser.add_argument("--engines", nargs="+", default=["sqlite", "opensearch"], help="(default sqlite opensearch)")
    parser.add_argument("--questions", type=int, default=100, help="of each kind (default 100)")
    parser.add_argument("--at", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.at is not None:
        print(measure(arguments.at, arguments.passages[0], arguments.questions), flush=True)  # noqa: T201
        return
    print(_HEAD)  # noqa: T201  what was measured
    for engine in arguments.engines:
        for count in arguments.passages:
            with tempfile.TemporaryDirectory() as folder:
                run(engine, Path(folder), count, arguments.questions)


def run(engine: str, folder: Path, count: int, questions: int) -> None:
    """Measures one engine with so many passages, in a process of its own."""
    server = OpenSearchServer(folder, jvm=_JVM) if engine == "opensearch" else None
    if server is not None:
        server.restart()
    command = [sys.executable, "-m", "bench.passages", "--passages", str(count), "--questions", str(questions)]
    command += ["--at", server.url if server else str(folder)]
    row = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  itself
    held = f"{server.memory_bytes() >> 20} MB" if server else "-"
    print(f"{engine} | {row} | {megabytes(folder)} MB | {held}", flush=True)  # noqa: T201  what was measured
    if server is not None:
        server.kill()


if __name__ == "__main__":
    main()
