"""Questions with several right answers, about texts that nothing was trained, chosen or calibrated on.

`make test-quality ARGS="-k several_right_answers -s"` prints the figures.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spanstream.models.metrics.reliability import Interval, bootstrapped
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.metrics.squad_metrics import normalize_answer
from spanstream.models.reader import Answer, Reader

QUESTIONS = Path(__file__).parent / "examples" / "several_answers.json"
MOST = 10


@dataclass(frozen=True, slots=True)
class AskedExample:
    """A question, its right answers (each in all its wordings), and the texts given, best first, with confidences."""

    example: Example
    right: list[set[str]]
    given: list[tuple[str, float]]

    def found(self, first: int, *, in_lists: bool) -> float:
        """The share of the right answers that is among the first given, each alone or also in a list of them."""
        named = [self.named_by(text) for text, _ in self.given[:first]]
        found = {number for numbers in named for number in numbers if in_lists or len(numbers) == 1}
        return len(found) / len(self.right)

    def named_by(self, text: str) -> set[int]:
        """The right answers that a text consists of: one, or several with commas, "and" and "or" between them."""
        rest, named = f" {normalize_answer(text)} ", set()
        for number, wordings in enumerate(self.right):
            for wording in sorted(wordings, key=len, reverse=True):
                if f" {wording} " in rest:
                    rest = rest.replace(f" {wording} ", "  ")
                    named.add(number)
        return set() if set(rest.split()) - {"and", "or"} else named


def right_answers(example: Example) -> list[set[str]]:
    """Joins gold answers that overlap, or say the same at another place, to one answer with several wordings."""
    answers: list[tuple[set[str], set[int]]] = []
    for text, start in zip(example.answers, example.starts, strict=True):
        wordings, places = {normalize_answer(text)}, set(range(start, start + len(text)))
        apart = []
        for other in answers:
            if other[0] & wordings or other[1] & places:
                wordings, places = wordings | other[0], places | other[1]
            else:
                apart.append(other)
        answers = [*apart, (wordings, places)]
    return [wordings for wordings, _ in answers]


def given_answers(answer: Answer) -> list[tuple[str, float]]:
    assert answer.candidate is not None
    others = [(one.quote.text, one.confidence) for one in answer.alternatives]
    assert all(confidence is not None for _, confidence in others)
    return [(answer.candidate.text, answer.confidence), *((text, confidence or 0.0) for text, confidence in others)]


@pytest.fixture(scope="module")
def reader(calibrated_artifact: Path) -> Reader:
    return Reader.load(calibrated_artifact)


@pytest.fixture(scope="module")
def asked(reader: Reader) -> list[AskedExample]:
    return [
        AskedExample(
            example,
            right_answers(example),
            given_answers(reader.read(example.context, [example.question], max_answers=MOST)[0]),
        )
        for example in read_squad(QUESTIONS)
    ]


def recall_at(asked: list[AskedExample], first: int, *, in_lists: bool) -> Interval:
    shares = np.array([one.found(first, in_lists=in_lists) for one in asked])
    return bootstrapped({"": lambda drawn: float(shares[drawn].mean())}, [one.example.context for one in asked])[""]


def precision_from(asked: list[AskedExample], threshold: float, *, skip: int = 0) -> tuple[int, Interval]:
    """Returns how many answers behind the first few are as sure, and the share of them that is right."""
    given = [
        (one.example.context, bool(one.named_by(text)))
        for one in asked
        for text, confidence in one.given[skip:]
        if confidence >= threshold
    ]
    right = np.array([float(is_right) for _, is_right in given])
    return len(given), bootstrapped({"": lambda drawn: float(right[drawn].mean())}, [text for text, _ in given])[""]


def test_the_questions_have_several_right_answers_that_lie_apart() -> None:
    examples = read_squad(QUESTIONS)
    assert len(examples) >= 60
    assert len({example.context for example in examples}) >= 25
    assert all(len(right_answers(example)) > 1 for example in examples)


def test_most_of_the_right_answers_are_among_the_first_few(asked: list[AskedExample]) -> None:
    sys.stdout.write(f"\n{len(asked)} questions, {sum(len(one.right) for one in asked)} right answers\n")
    for first in (1, 3, 5, 10):
        alone, in_lists = (recall_at(asked, first, in_lists=wanted) for wanted in (False, True))
        sys.stdout.write(f"among the first {first}: {alone} alone, {in_lists} with those in lists\n")
    assert recall_at(asked, 3, in_lists=False).value > 0.5
    assert recall_at(asked, 5, in_lists=True).value > 0.75


def test_what_is_surer_than_the_threshold_is_mostly_right(asked: list[AskedExample], reader: Reader) -> None:
    for threshold, skip in ((reader.threshold, 0), (0.1, 1), (0.05, 1)):
        count, precision = precision_from(asked, threshold, skip=skip)
        of = "alternatives" if skip else "answers"
        sys.stdout.write(f"{of} from {threshold:.3f} on: {count}, {precision} right\n")
    assert precision_from(asked, reader.threshold)[1].value > 0.7
    assert precision_from(asked, 0.1, skip=1)[1].value > 0.5
