"""`python -m bench.drift`: how often drift is told where there is none, and how soon where there is.

    tickets, other texts -> read once -> halved by text: one half is the reference, the other is streamed

Each halving streams 10,000 questions drawn of the other half, and looks at the drift after every chunk of 64, as the
consumer's metrics would show it. Then the stream changes to the other texts. Reported: the halvings with a false alarm
at any time, by figure, with an exact 95 % interval; and the questions until the change is told. Needs the evaluate
group.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from spanstream.consumer.drift.watch import DriftWatch
from spanstream.models.calibrating.guarantee import two_sided_interval
from spanstream.models.defaults import DRIFT_LIMIT
from spanstream.models.drift.figures import QuestionRead
from spanstream.models.drift.reference import Reference
from spanstream.models.metrics.squad_files import read_squad
from spanstream.models.reader import Reader

_DATA = Path("models/data")
_STREAM, _CHUNK, _LATEST = 10_000, 64, 1000


def main() -> None:
    """Reads all questions once, simulates and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--halvings", type=int, default=100, help="how often the tickets are halved (default 100)")
    parser.add_argument(
        "--other", type=Path, action="append", help="SQuAD files of other texts (default: the aircraft work orders)"
    )
    arguments = parser.parse_args()
    reader = Reader.load()
    tickets = _read(reader, [_DATA / "tickets" / "validation_tickets.json.gz"])
    work_orders = [_DATA / "work-orders" / f"{name}.json.gz" for name in ("train", "validation")]
    other = _read(reader, arguments.other or work_orders)
    random = np.random.default_rng(20)
    alarms: Counter[str] = Counter()
    streams, waits = 0, []
    for _ in range(arguments.halvings):
        watch, rest = _halved(tickets, reader, random)
        told = _stream(watch, [rest[number] for number in random.integers(0, len(rest), _STREAM)])
        alarms.update(told)
        streams += bool(told)
        waits.append(_questions_until_told(watch, [other[number] for number in random.permutation(len(other))]))
    low, high = two_sided_interval(streams, arguments.halvings)
    _print(f"false alarms: in {streams} of {arguments.halvings} streams ({low:.1%} to {high:.1%}); {dict(alarms)}")
    told_at = [questions for questions in waits if questions is not None]
    quantiles = np.percentile(told_at, [50, 90, 100]).round().tolist()
    _print(f"other texts are told in {len(told_at)} of {arguments.halvings} streams, within {len(other)} questions")
    _print(f"questions until then, in steps of {_CHUNK}: median, 90 %, most: {quantiles}")


def _read(reader: Reader, files: Sequence[Path]) -> list[QuestionRead]:
    reads = []
    for file in files:
        examples = read_squad(file)
        documents = {text: reader.tokenize(text) for text in {example.context for example in examples}}
        for example in examples:
            plans = reader.plan(example.context, documents[example.context], [example.question])
            answer = reader.conclude(plans[0], reader.score(plans))
            reads.append(QuestionRead.of(answer, plans[0].document, answered=answer.text is not None))
    return reads


def _halved(
    reads: Sequence[QuestionRead], reader: Reader, random: np.random.Generator
) -> tuple[DriftWatch, list[QuestionRead]]:
    """Returns a watch whose reference is one half, by text, and the other half's questions."""
    texts = random.permutation(sorted({read.text_sha256 for read in reads}))
    first = set(texts[: len(texts) // 2].tolist())
    unknown_id = reader.artifact.tokenizer.unknown_id
    half = [read for read in reads if read.text_sha256 in first]
    reference = Reference.of(half, threshold=reader.threshold, unknown_id=unknown_id)
    watch = DriftWatch(unknown_id, reference.counts(reader.threshold), _LATEST)
    return watch, [read for read in reads if read.text_sha256 not in first]


def _chunks(reads: Sequence[QuestionRead]) -> Iterator[Sequence[QuestionRead]]:
    ends = [*range(0, len(reads), _CHUNK), len(reads)]
    yield from (reads[start:end] for start, end in pairwise(ends))


def _stream(watch: DriftWatch, reads: Sequence[QuestionRead]) -> set[str]:
    """Returns the figures that were beyond the limit at any time."""
    told: set[str] = set()
    for chunk in _chunks(reads):
        watch.take(chunk)
        told |= _beyond(watch)
    return told


def _questions_until_told(watch: DriftWatch, reads: Sequence[QuestionRead]) -> int | None:
    asked = 0
    for chunk in _chunks(reads):
        watch.take(chunk)
        asked += len(chunk)
        if _beyond(watch):
            return asked
    return None


def _beyond(watch: DriftWatch) -> set[str]:
    return {drift.figure.name for drift in watch.drift() if drift.index > DRIFT_LIMIT}


def _print(line: str) -> None:
    print(line)  # noqa: T201  the result


if __name__ == "__main__":
    main()
