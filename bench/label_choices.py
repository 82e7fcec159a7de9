"""Measures what choosing the questions to label is worth for training: how right a model is that learned from k labels.

    python -m bench.label_choices --seeds 10        needs the build group of requirements

The tickets are generated: six questions about each, two of which the house answers in a way of its own. Of each seed's
60 tickets labels are bought in four rounds, the bundled checkpoint is trained on them as `make adapt` does, and reads
other tickets in fp32: right are those whose text is the right one, at the best threshold. All ways have the same
tickets and the same questions to be measured on.

    uniform                 every question alike
    unsure                  the likelier, the less sure the model is
    phrasings disagree      those first whose candidate is another one when the question is phrased in another way
    clusters                k-means over the texts and questions, one of each cluster
    questions with errors   round by round, the likelier, the more of a question's answers were wrong so far
    each question alike     as many labels of each of the six questions
    alike and unsure        the same, of each question the likelier, the less sure the model is
    label next              half of them uniform, the others so that each question has as many: as it draws

With --tickets the texts are those of a file, which people wrote, and the questions about them are asked in one way
each. The house's own way is the whole sentence where it was asked what was tried and what is wanted.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer

from spanstream.models.arrays import BoolArray, Float64Array
from spanstream.models.defaults import DEFAULT_ARTIFACT, MAX_ANSWER_TOKENS, MAX_LENGTH, STRIDE
from spanstream.models.labelling.choosing import RANDOM_SHARE, Candidate, draw, group_of
from spanstream.models.labelling.exchange.squad import write_squad
from spanstream.models.metrics.reading import ReadingOptions, read_all
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.metrics.squad_metrics import best_f1, scores_at
from spanstream.models.reader import Reader
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.options import TrainingOptions
from spanstream.models.training.pretrained import load_pretrained
from spanstream.models.training.sources import DataSource
from spanstream.models.training.torch_session import TorchSession
from spanstream.models.training.train import train
from tests.support.events.house_tickets import (
    UNTIL_WHEN,
    WHICH_ERROR,
    WHICH_RELEASE,
    WHICH_SITE,
    WHO,
    WHO_CALLED,
    house_tickets,
)

_CHECKPOINT: Final = DEFAULT_ARTIFACT.with_name(f"{DEFAULT_ARTIFACT.name}-checkpoint")
_TICKETS: Final = 60
_ROUNDS: Final = 4
_LEAST: Final = 0.05
_TRIED, _WANTED = "What has already been tried?", "What does the customer ask for?"
_ASKED: Final = {
    "tried|attempt|remedy|troubleshoot|steps did": _TRIED,
    "outcome|want|request|asked of us|ask for|resolution|support to do": _WANTED,
    "version|release|build": "Version?",
    "error|message": "Which error does the system report?",
    "since when|first noticed|onset|start|begin": "Since when?",
    "reference|case number|identif": "Reference?",
}
_OTHER_WORDS: Final = {
    WHO: "Who is the customer?",
    WHICH_ERROR: "What error appears?",
    WHO_CALLED: "What is the caller's name?",
    WHICH_SITE: "At which site is it?",
    WHICH_RELEASE: "What version do they run?",
    UNTIL_WHEN: "When does the contract end?",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """Questions that labels are bought of, as the bundled model reads them; every array is (questions,)."""

    examples: Sequence[Example]
    confidence: Float64Array
    is_wrong: BoolArray
    disagrees: BoolArray
    vectors: Float64Array


Chances = Callable[[Pool, Sequence[int]], Float64Array]


def examples_of(count: int, seed: int, *, all_questions: bool) -> list[Example]:
    """Draws tickets and returns the questions about them."""
    examples: list[Example] = []
    for ticket in house_tickets(count, seed):
        answers = {**ticket.answers, **(ticket.plain if all_questions else {})}
        for question, answer in answers.items():
            golds = () if answer is None else (answer,)
            starts = tuple(map(ticket.text.index, golds))
            name = f"{ticket.document_id}-{len(examples)}"
            examples.append(Example(name, ticket.document_id, ticket.text, question, golds, starts))
    return examples


def examples_of_file(file: Path) -> list[Example]:
    """Returns the questions of a file that ask what a playbook does, in its words, answered as the house does."""
    examples: dict[tuple[str, str], Example] = {}
    for one in read_squad(file):
        asked = next((text for words, text in _ASKED.items() if re.search(words, one.question.lower())), None)
        if asked is not None:
            golds, starts = one.answers[:1], one.starts[:1]
            if asked in {_TRIED, _WANTED} and golds:
                start, end = _sentence(one.context, starts[0], starts[0] + len(golds[0]))
                golds, starts = (one.context[start:end],), (start,)
            examples.setdefault((one.context, asked), replace(one, question=asked, answers=golds, starts=starts))
    return list(examples.values())


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Returns the sentence, or sentences, that a span is in."""
    ends = [0, *(found.end() for found in re.finditer(r"[.!?]+\s+|\n+", text)), len(text)]
    first, last = max(place for place in ends if place <= start), min(place for place in ends if place >= end)
    return first, first + len(text[first:last].rstrip())


def read_pool(examples: Sequence[Example], reader: Reader) -> Pool:
    """Reads the questions, each in two ways."""
    pairs = [(one.question, _OTHER_WORDS.get(one.question, one.question)) for one in examples]
    answers = [reader.read(one.context, pair) for one, pair in zip(examples, pairs, strict=True)]
    candidates = [[one.candidate and one.candidate.text for one in pair] for pair in answers]
    right = [
        (first.text or None) == next(iter(one.answers), None) for one, (first, _) in zip(examples, answers, strict=True)
    ]
    vectors = TfidfVectorizer(sublinear_tf=True).fit_transform([f"{one.question} {one.context}" for one in examples])
    return Pool(
        examples,
        np.array([first.confidence for first, _ in answers]),
        ~np.array(right),
        np.array([first != second for first, second in candidates]),
        vectors.toarray(),
    )


def uniform(pool: Pool, _: Sequence[int]) -> Float64Array:
    """Every question alike."""
    return np.ones(len(pool.examples))


def unsure(pool: Pool, _: Sequence[int]) -> Float64Array:
    """By the standard deviation of being right, as Neyman (1934) allocates."""
    return np.maximum(np.sqrt(pool.confidence * (1 - pool.confidence)), _LEAST)


def phrasings(pool: Pool, _: Sequence[int]) -> Float64Array:
    """Those that two phrasings disagree on, and hardly the others."""
    return np.where(pool.disagrees, 1.0, _LEAST)


def with_errors(pool: Pool, bought: Sequence[int]) -> Float64Array:
    """By the share of wrong answers among a question's labels, which begins at a half."""
    asked = np.array([one.question for one in pool.examples])
    chances = np.empty(len(asked))
    for question in set(asked.tolist()):
        labels = [place for place in bought if asked[place] == question]
        chances[asked == question] = (pool.is_wrong[labels].sum() + 1) / (len(labels) + 2)
    return chances


def buy(pool: Pool, way: str, count: int, random: np.random.Generator) -> list[int]:
    """Buys labels in rounds; returns their places."""
    if way == "clusters":
        groups = KMeans(count, n_init=1, random_state=int(random.integers(2**31))).fit_predict(pool.vectors)
        return [int(random.choice(np.flatnonzero(groups == group))) for group in range(count)]
    asked = [one.question for one in pool.examples]
    if way == "label next":
        draw_name = int(random.integers(2**31))
        candidates = [Candidate(f"{draw_name}-{place}", group_of(question)) for place, question in enumerate(asked)]
        return [int(one.question_id.partition("-")[2]) for one in draw(candidates, (), count, RANDOM_SHARE)]
    if way == "each question alike":
        return _in_turns(asked, random.permutation(len(asked)).tolist())[:count]
    if way == "alike and unsure":
        return _in_turns(asked, np.argsort(random.random(len(asked)) / unsure(pool, ())).tolist())[:count]
    bought: list[int] = []
    for number in range(_ROUNDS):
        left = (number + 1) * count // _ROUNDS - len(bought)
        weights = WAYS[way](pool, bought)
        weights[bought] = 0
        bought += random.choice(len(weights), left, replace=False, p=weights / weights.sum()).tolist()
    return bought


def _in_turns(questions: Sequence[str], order: Sequence[int]) -> list[int]:
    """Returns the places in this order, but one of each question, then another of each, and so on."""
    turns = Counter[str]()
    ordered: list[tuple[int, int, int]] = []
    for place in order:
        ordered.append((turns[questions[place]], len(ordered), place))
        turns[questions[place]] += 1
    return [place for _, _, place in sorted(ordered)]


WAYS: Final[dict[str, Chances]] = {
    "uniform": uniform,
    "unsure": unsure,
    "phrasings disagree": phrasings,
    "clusters": uniform,
    "questions with errors": with_errors,
    "each question alike": uniform,
    "alike and unsure": unsure,
    "label next": uniform,
}


def right_after(labels: Sequence[Example], measured: Sequence[Example], seed: int) -> float:
    """Trains on labels; returns the percentage of right answers on other questions."""
    with tempfile.TemporaryDirectory() as folder:
        data, output = Path(folder, "labels.json"), Path(folder, "checkpoint")
        data.write_text(json.dumps(write_squad(labels)), encoding="utf-8")
        options = TrainingOptions(
            str(_CHECKPOINT), (DataSource(data),), attention_dropout=0.0, freeze_embeddings=True, seed=seed
        )
        train(options, output, say=lambda _: None)
        trained = load_pretrained(str(output))
        session = TorchSession(trained.model, takes_token_types=trained.takes_token_types)
        shape = WindowShape(MAX_LENGTH, STRIDE, trained.tokenizer.template)
        reading = ReadingOptions(trained.tokenizer, shape, trained.checkpoint.pad_id, MAX_ANSWER_TOKENS, 2048, 1)
        reads = read_all(measured, session, reading)
    predictions = [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]
    return scores_at(predictions, best_f1(predictions)[1]).exact


def _texts(arguments: argparse.Namespace) -> tuple[list[Example], Callable[[int], list[Example]]]:
    """Returns the questions to measure on, and what gives those of a seed that labels are bought of."""
    if arguments.tickets is None:
        is_whole = not arguments.two
        measured = examples_of(arguments.measured, 1_000, all_questions=is_whole)
        return measured, lambda seed: examples_of(_TICKETS, seed, all_questions=is_whole)
    examples = examples_of_file(arguments.tickets)
    texts = sorted({one.context for one in examples})
    np.random.default_rng(0).shuffle(texts)

    def about(some: Collection[str]) -> list[Example]:
        return [one for one in examples if one.context in some]

    return about(texts[: arguments.measured]), lambda seed: about(
        np.random.default_rng(seed).choice(texts[arguments.measured :], _TICKETS, replace=False).tolist()
    )


def _with_interval(values: Sequence[float] | Float64Array, sign: str) -> str:
    """Writes a mean with its 95 % interval over the draws."""
    half = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):{sign}.1f} ± {half:.1f}"


def main() -> None:
    """Prints a table: the mean over the seeds, and its difference from uniform, with 95 % intervals."""
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(prog="python -m bench.label_choices", description=summary)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 16], help="Numbers of labels (default 8 16).")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, help="How they are chosen.")
    parser.add_argument("--seeds", type=int, default=10, help="How often tickets are drawn (default 10).")
    parser.add_argument("--two", action="store_true", help="Only the two questions that the house answers its own way.")
    parser.add_argument("--measured", type=int, default=40, help="Tickets that are measured on (default 40).")
    parser.add_argument("--tickets", type=Path, help="A SQuAD v2 file of tickets in place of generated ones.")
    arguments = parser.parse_args()
    reader = Reader.load()
    measured, pool_of = _texts(arguments)
    results: dict[tuple[int, str], list[float]] = {}
    for seed in range(arguments.seeds):
        pool = read_pool(pool_of(seed), reader)
        for count in arguments.sizes:
            for way in arguments.ways:
                places = buy(pool, way, count, np.random.default_rng((seed, count)))
                right = right_after([pool.examples[place] for place in places], measured, seed)
                results.setdefault((count, way), []).append(right)
                print(seed, count, way, f"{right:.1f}", flush=True)  # noqa: T201  it takes long
    reader.close()
    table = Table("labels", "chosen", "right, %", "more than uniform")
    for (count, way), values in results.items():
        differences = np.array(values) - np.array(results.get((count, "uniform"), [np.nan]))
        table.add_row(str(count), way, _with_interval(values, ""), _with_interval(differences, "+"))
    Console().print(table)


if __name__ == "__main__":
    main()
