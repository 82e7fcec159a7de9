"""`make bench-windows`: sliding windows and windows of sentences beside each other, on long documents.

    validation texts, joined into long documents at run time -> read in both modes -> a table with 95 % intervals

Whole documents are drawn for the intervals; differences are of the same questions. Times are a ratio: the two modes
read the same documents in turns.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from spanstream.models import Reader
from spanstream.models.artifact import load_artifact
from spanstream.models.defaults import WindowMode
from spanstream.models.inference.backends import open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reliability import Interval, bootstrapped, expected_calibration_error
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.metrics.squad_metrics import Prediction
from spanstream.models.reader import Answer

_ROOT: Final = Path(__file__).resolve().parents[1]
_TICKETS: Final = _ROOT / "models" / "data" / "tickets"
_SQUAD: Final = Path(os.environ.get("SPANSTREAM_TEST_DATA") or _ROOT.parent / "shared" / "data") / "validation.json.gz"
MODES: Final[tuple[WindowMode, WindowMode]] = ("sliding", "sentences")
_CHUNK: Final = 16
_SEED: Final = 11
# Of a text that has more than one window.
_LONG_CHARS: Final = 1500


@dataclass(frozen=True, slots=True)
class Read:
    """One question about one long document, and the answer it got."""

    example: Example
    answer: Answer

    @property
    def prediction(self) -> Prediction:
        """The candidate, whether or not it would be given."""
        return Prediction(self.example, self.answer.candidate.text if self.answer.candidate else "", 0.0)

    @property
    def f1_at_threshold(self) -> float:
        """The F1, 0 to 1, of what is given: without an answer, declining is right."""
        return self.prediction.f1 if self.answer.quote else float(not self.example.has_answer)


def joined(examples: Sequence[Example], sizes: range, *, headed: bool = False) -> Iterator[Example]:
    """Yields the questions about long documents made of several texts of an article each.

    Those with an answer are asked of the document that holds their text; those without one, of a document that holds
    another article's texts, or another part of the same article where there is one article only.
    """
    generator = random.Random(_SEED)  # noqa: S311  no secret
    documents: list[tuple[str, list[str], str]] = []
    for article, group in groupby(examples, key=lambda example: example.article):
        texts = list(dict.fromkeys(example.context for example in group))
        while texts:
            size = generator.choice(sizes)
            taken, texts = texts[:size], texts[size:]
            parts = [
                f"{number}. Report {generator.randrange(10_000)}\n\n{text}" for number, text in enumerate(taken, 1)
            ]
            documents.append((article, taken, "\n\n".join(parts if headed else taken)))
    home = {text: (article, document) for article, taken, document in documents for text in taken}
    for example in examples:
        article, document = home[example.context]
        if example.has_answer:
            begin = document.index(example.context)
            starts = tuple(begin + start for start in example.starts)
            yield replace(example, context=document, starts=starts)
        else:
            others = [other for name, _, other in documents if name != article] or [
                other for _, _, other in documents if other != document
            ]
            yield replace(example, context=generator.choice(others))


def sets(most: int) -> Iterator[tuple[str, list[Example]]]:
    """Yields the sets of questions by name, of each so many at most (0: all)."""
    tickets = read_squad(_TICKETS / "validation_tickets.json.gz")
    long_tickets = [example for example in tickets if len(example.context) > _LONG_CHARS]
    yield "validation tickets of two windows and more", thinned(long_tickets, most)
    if _SQUAD.exists():
        examples = list(joined(read_squad(_SQUAD), range(3, 13)))
        yield "paragraphs of SQuAD's validation articles, joined", thinned(examples, most)
    yield "validation tickets, joined, with headings", thinned(list(joined(tickets, range(3, 7), headed=True)), most)
    trained_on = read_squad(_TICKETS / "train" / "tickets_long.json.gz")
    yield "tickets_long, which the model was trained on", thinned(trained_on, most)


def thinned(examples: list[Example], most: int) -> list[Example]:
    """Returns every so many-th example, so that about so many are left (0: all)."""
    return examples[:: max(1, len(examples) // most)] if most else examples


def read_in_turns(readers: Sequence[Reader], examples: Sequence[Example]) -> tuple[list[list[Read]], list[float]]:
    """Reads all questions with each reader, some at a time; returns what each read, and its seconds."""
    documents = {text: readers[0].tokenize(text) for text in {example.context for example in examples}}
    reads: list[list[Read]] = [[] for _ in readers]
    seconds = [0.0 for _ in readers]
    for first in range(0, len(examples), _CHUNK):
        chunk = examples[first : first + _CHUNK]
        for number, reader in enumerate(readers):
            started = time.perf_counter()
            plans = [reader.plan(one.context, documents[one.context], [one.question])[0] for one in chunk]
            outcomes = reader.score(plans)
            answers = [reader.conclude(plan, outcomes) for plan in plans]
            seconds[number] += time.perf_counter() - started
            reads[number] += map(Read, chunk, answers)
    return reads, seconds


def differences(sliding: Sequence[Read], sentences: Sequence[Read]) -> dict[str, Interval]:
    """Returns how much more windows of sentences score than sliding ones, in points, with 95 % intervals."""
    answerable = np.array([one.example.has_answer for one in sliding])
    f1, exact, given = (
        100 * (np.array([of(one) for one in sentences]) - np.array([of(one) for one in sliding]))
        for of in (
            lambda one: one.prediction.f1,
            lambda one: float(one.prediction.is_right),
            lambda one: one.f1_at_threshold,
        )
    )
    return bootstrapped(
        {
            "F1 of candidates": lambda drawn: float(f1[drawn][answerable[drawn]].mean()),
            "EM of candidates": lambda drawn: float(exact[drawn][answerable[drawn]].mean()),
            "F1 at the threshold": lambda drawn: float(given[drawn].mean()),
        },
        [one.example.context for one in sliding],
    )


def describe(reads: Sequence[Read]) -> str:
    """Returns the figures of one mode in one line."""
    answerable = [one for one in reads if one.example.has_answer]
    right = np.array([float(one.prediction.is_right) for one in reads])
    confidence = np.array([one.answer.confidence for one in reads])
    return (
        f"F1 {100 * np.mean([one.prediction.f1 for one in answerable]):.1f}, "
        f"EM {100 * np.mean([one.prediction.is_right for one in answerable]):.1f}, "
        f"F1 at the threshold {100 * np.mean([one.f1_at_threshold for one in reads]):.1f}, "
        f"calibration error {expected_calibration_error(confidence, right):.3f}, "
        f"windows {np.mean([one.answer.windows_read for one in reads]):.2f} "
        f"of {np.mean([one.answer.windows_total for one in reads]):.2f}"
    )


def main() -> None:
    """Measures all sets and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=0, help="questions of each set at most; 0: all")
    parser.add_argument("--max-windows", type=int, nargs="+", default=[32, 2], help="windows read of a document")
    parser.add_argument("--only", default="", help="only the sets with this in their name")
    arguments = parser.parse_args()
    artifact = load_artifact()
    backends = open_backends(artifact, threads=available_cpus(), report=say)
    for name, examples in sets(arguments.questions):
        if arguments.only not in name:
            continue
        answerable = sum(one.has_answer for one in examples)
        texts = len({one.context for one in examples})
        say(f"\n{name}: {len(examples)} questions, {answerable} with an answer, about {texts} documents")
        for most in arguments.max_windows:
            readers = [Reader(artifact, backends, max_windows=most, windows=mode) for mode in MODES]
            (sliding, sentences), seconds = read_in_turns(readers, examples)
            say(f"  at most {most} windows read")
            say(f"    sliding:    {describe(sliding)}")
            say(f"    sentences:  {describe(sentences)}; {seconds[1] / seconds[0]:.2f} of the time")
            for figure, by in differences(sliding, sentences).items():
                say(f"    {figure}: {by.value:+.1f} ({by.low:+.1f} to {by.high:+.1f})")


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)  # noqa: T201  what was measured


if __name__ == "__main__":
    main()
