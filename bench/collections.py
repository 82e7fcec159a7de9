"""`make bench-collections`: a collection of 100,000 passages in the embedded engine: disk, memory, rates, searches.

    texts of SQuAD files -> passages -> apply, 64 documents at a time -> optimize      as `index run` does it
    questions of the same files -> embed -> by meaning and by words, fused             as `run` does it

A share of the passages is embedded, and that is timed; the others have random vectors: a search by meaning compares
all of them, whatever they are. Where there are too few texts, their passages come again with their words in another
order. The writer and the searcher are processes of their own. Linux.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np

from bench.memory import say, status
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageIndex,
    PassagePlace,
    SearchScope,
)
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.text.passages import passages_of
from spanstream.models.text.tokenization import sha256_of

_TICKETS: Final = Path(__file__).resolve().parents[1] / "models" / "data" / "tickets"
_BATCH: Final = 64
_SCOPE: Final = SearchScope("kb")
_THREADS: Final = (1, 2)


class Stopwatch:
    """Sums up how long something took, and how long the CPUs worked for it: others may be at work there too."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self._began = (0.0, 0.0)

    def __enter__(self) -> Self:
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += time.process_time() - self._began[1]

    def of(self, count: int) -> str:
        """Says the rate of so many."""
        return f"{count / self.seconds:,.1f}/s, {1000 * self.cpu_seconds / count:.2f} ms of a CPU each"


def examples_of(folders: Sequence[Path]) -> list[Example]:
    """Returns the questions of all files, the texts with them."""
    return [one for folder in folders for file in sorted(folder.rglob("*.json.gz")) for one in read_squad(file)]


def documents_of(texts: Sequence[str], count: int) -> Iterator[tuple[str, list[str]]]:
    """Yields ids and passages of documents, `count` passages in all."""
    numbers = random.Random(1)  # noqa: S311  no secret
    left, turn = count, 0
    while left > 0:
        for number, text in enumerate(texts):
            passages = [text[start:end] for start, end in passages_of(text)][:left]
            if turn:
                passages = [" ".join(numbers.sample(words, len(words))) for words in map(str.split, passages)]
            if passages:
                yield f"d{turn}-{number}", passages
            left -= len(passages)
            if left <= 0:
                return
        turn += 1


def change(document_id: str, texts: Sequence[str], vectors: Float32Array) -> DocumentPassages:
    """Returns a document as the index is to hold it."""
    version = sha256_of(" ".join(texts))
    return DocumentPassages(
        document_id,
        tuple(
            Passage(PassagePlace(document_id, number, 0, len(text), version, 0), text, vector, ("kb",), {"team": "a"})
            for number, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ),
    )


def write(index: PassageIndex, encoder: Encoder, texts: Sequence[str], count: int, embedded: int) -> None:
    """Fills an index, and says how long the encoder and the engine took."""
    numbers = np.random.default_rng(1)
    embedding, applying = Stopwatch(), Stopwatch()
    done = 0
    stream, number = documents_of(texts, count), 0
    while documents := list(islice(stream, _BATCH)):
        number += 1
        passages = [text for _, of_document in documents for text in of_document]
        if done < embedded:
            with embedding:
                vectors = encoder.embed(passages)
            done += len(passages)
        else:
            vectors = numbers.normal(size=(len(passages), encoder.dimensions)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ends = np.cumsum([len(of_document) for _, of_document in documents])
        parts = np.split(vectors, ends[:-1])
        changes = [change(name, of_document, part) for (name, of_document), part in zip(documents, parts, strict=True)]
        with applying:
            index.apply(changes, {0: number})
    with Stopwatch() as upkeep:
        index.optimize()
    say(f"embedded {done:,}: {embedding.of(done)}")
    say(f"written: {applying.of(count)}; upkeep {upkeep.seconds:.2f} s; peak of the writer {status('VmHWM') >> 20} MB")


def search(retriever: Retriever, questions: Sequence[str]) -> None:
    """Searches from so many threads, and says how long it took."""
    for threads in _THREADS:
        times: list[float] = []

        def ask(part: Sequence[str], times: list[float] = times) -> None:
            for question in part:
                began = time.perf_counter()
                retriever.retrieve(question, retriever.embed([question])[0], _SCOPE)
                times.append(1000 * (time.perf_counter() - began))

        parts = [threading.Thread(target=ask, args=(questions[first::threads],)) for first in range(threads)]
        with Stopwatch() as watch:
            for part in parts:
                part.start()
            for part in parts:
                part.join()
        most = statistics.quantiles(times, n=20)[-1]
        say(f"{threads} threads: {watch.of(len(times))}, {statistics.median(times):.0f} / {most:.0f} ms")
    say(f"peak of the searcher {status('VmHWM') >> 20} MB")


def main() -> None:
    """Fills an index, then searches it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, default=100_000, help="(default 100000)")
    parser.add_argument("--embedded", type=int, default=2_000, help="of them, with vectors of their own (default 2000)")
    parser.add_argument("--questions", type=int, default=100, help="for each number of threads (default 100)")
    parser.add_argument("--data", type=Path, nargs="+", default=[_TICKETS], help="folders of SQuAD files, .json.gz")
    parser.add_argument("--index", type=Path, help="folder of the index (default: a new one, deleted afterwards)")
    parser.add_argument("--step", choices=("write", "search"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.index or Path(scratch)
        command = [sys.executable, "-m", "bench.collections", *sys.argv[1:], "--index", str(folder), "--step"]
        subprocess.run([*command, "write"], check=True)  # noqa: S603  itself
        say(f"disk {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) >> 20} MB")
        subprocess.run([*command, "search"], check=True)  # noqa: S603  itself


def step(arguments: argparse.Namespace) -> None:
    """Does one half, in a process of its own."""
    examples = examples_of(arguments.data)
    settings = IndexSettings(uri=str(arguments.index), name="bench", timeout_seconds=60)
    indexes, encoder = open_passage_indexes(settings), Encoder.load()
    loaded = status("VmRSS") >> 20
    if arguments.step == "write":
        texts = list(dict.fromkeys(one.context for one in examples))
        say(f"{len(texts):,} texts of {sum(map(len, texts)):,} characters; {loaded} MB with them and the encoder")
        description = IndexDescription(encoder.fingerprint, encoder.dimensions, "topic", 1)
        index = indexes.create("g1", description)
        indexes.switch("g1")
        write(index, encoder, texts, arguments.passages, arguments.embedded)
        index.close()
        return
    say(f"{loaded} MB with the questions and the encoder")
    questions = [one.question for one in examples]
    random.Random(1).shuffle(questions)  # noqa: S311  no secret
    search(Retriever(indexes, encoder, settings, SystemClock()), questions[: arguments.questions])


if __name__ == "__main__":
    main()
