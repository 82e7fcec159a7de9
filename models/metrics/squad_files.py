"""Reads questions in the SQuAD v2.0 JSON layout (Rajpurkar, Jia and Liang 2018), gzip-compressed or not.

    {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "is_impossible", "answers":
        [{"text", "answer_start"}]}]}]}]} -> [Example]

Every answer must stand verbatim at its `answer_start` (code points): a shifted answer is an error, not a warning.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanstream.models.errors import SquadError

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Example:
    """A question about a paragraph.

    Attributes:
        id: unique in its file.
        article: title of the article the paragraph is from.
        context: the paragraph.
        question: as asked.
        answers: the gold answers, verbatim pieces of the context; empty where there is no answer.
        starts: where each of them begins in the context, in code points.
        weight: as how many questions it counts; other than 1 where questions were drawn with unequal chances.
    """

    id: str
    article: str
    context: str
    question: str
    answers: tuple[str, ...]
    starts: tuple[int, ...] = ()
    weight: float = 1.0

    @property
    def has_answer(self) -> bool:
        """Whether the context answers the question."""
        return bool(self.answers)


def read_squad(path: Path) -> list[Example]:
    """Reads all questions of a file, in its order.

    Raises:
        SquadError: the file cannot be read, is not in this layout, holds no question, names an id twice, or has an
            answer that does not stand where it says.
    """
    examples = read_paragraphs(path).examples
    if not examples:
        raise SquadError(f"{path}: holds no question")
    return examples


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """What a file holds: its paragraphs, those that nothing is asked about too, and its questions, in its order."""

    texts: list[str]
    examples: list[Example]


def read_paragraphs(path: Path) -> Paragraphs:
    """Reads all paragraphs and questions of a file. Raises as `read_squad`, but there need not be a question."""
    found = Paragraphs([], [])
    seen: set[str] = set()
    for title, context, questions in _paragraphs(path, _load(path)):
        found.texts.append(context)
        for question in questions:
            example = _example(path, title, context, question)
            if example.id in seen:
                raise SquadError(f"{path}: question {example.id}: the id is there twice")
            seen.add(example.id)
            found.examples.append(example)
    return found


def _load(path: Path) -> object:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise SquadError(f"{path}: cannot be read: {error}") from error
    if not content.strip():
        raise SquadError(f"{path}: is empty")
    try:
        return json.loads(content)
    except ValueError as error:  # also a text that is not UTF-8
        raise SquadError(f"{path}: is not JSON: {error}") from error


def _paragraphs(path: Path, content: object) -> Iterator[tuple[str, str, list[Any]]]:
    """Yields the article's title, the text and the questions of each paragraph."""
    for number, article in enumerate(_list(path, content, "data", "the file")):
        title = article.get("title", f"article {number}") if isinstance(article, dict) else ""
        for paragraph in _list(path, article, "paragraphs", f"article {number}"):
            context = _text(path, paragraph, "context", f"article {number}")
            yield str(title), context, _list(path, paragraph, "qas", f"article {number}")


def _example(path: Path, article: str, context: str, question: object) -> Example:
    question_id = _text(path, question, "id", f"a question of article {article!r}")
    where = f"question {question_id}"
    text = _text(path, question, "question", where)
    if not text.strip():
        raise SquadError(f"{path}: {where}: the question is blank")
    answers = _list(path, question, "answers", where)
    impossible = isinstance(question, dict) and question.get("is_impossible", False)
    if impossible and answers:
        raise SquadError(f"{path}: {where}: is_impossible, and yet has answers")
    if not impossible and not answers:
        raise SquadError(f"{path}: {where}: has no answer, and yet not is_impossible")
    golds = [_answer(path, where, context, answer) for answer in answers]
    return Example(
        question_id,
        article,
        context,
        text,
        tuple(text for text, _ in golds),
        tuple(start for _, start in golds),
        _weight(path, question, where),
    )


def _weight(path: Path, question: object, where: str) -> float:
    """Returns the question's `weight`, which the layout of SQuAD does not have; 1 without it."""
    weight = question.get("weight", 1.0) if isinstance(question, dict) else 1.0
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise SquadError(f"{path}: {where}: the weight {weight!r} should be a number above 0")
    return float(weight)


def _answer(path: Path, where: str, context: str, answer: object) -> tuple[str, int]:
    text = _text(path, answer, "text", where)
    start = answer.get("answer_start") if isinstance(answer, dict) else None
    if not text or not isinstance(start, int) or context[start : start + len(text)] != text or start < 0:
        raise SquadError(f"{path}: {where}: the answer {text!r} does not stand at answer_start {start}")
    return text, start


def _list(path: Path, holder: object, key: str, where: str) -> list[Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise SquadError(f"{path}: {where}: no list `{key}`: not the SQuAD v2.0 layout")
    return value


def _text(path: Path, holder: object, key: str, where: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str):
        raise SquadError(f"{path}: {where}: no text `{key}`: not the SQuAD v2.0 layout")
    return value
