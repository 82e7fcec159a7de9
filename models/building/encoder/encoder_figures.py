"""Measures an int8 encoder beside fp32: how near its vectors are, what it finds, how fast it is."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spanstream.models.arrays import Float32Array, Int32Array
from spanstream.models.artifact import SessionOptions
from spanstream.models.building.encoder.labelled_passages import LabelledPassages
from spanstream.models.building.variants.recipes import BuiltVariant
from spanstream.models.embedding.embedding_session import EmbeddingSession, batches_of, row_of
from spanstream.models.errors import BuildError
from spanstream.models.text.tokenization import Tokenizer

RANKS: Final = (1, 5, 20)
"""Recall is measured among so many first passages."""

_OVERLAP: Final = 10
_BATCH_TOKENS: Final = (256, 512, 1024)
_TUNING_ROUNDS: Final = 3
_ROUNDS: Final = 5
_MIXED_BATCHES: Final = 60
_MOST_IN_A_BATCH: Final = 8


@dataclass(frozen=True, slots=True)
class OpenVariant:
    """A variant that is being measured."""

    built: BuiltVariant
    session: EmbeddingSession
    options: SessionOptions

    @classmethod
    def open(cls, built: BuiltVariant, options: SessionOptions, *, pad_id: int) -> OpenVariant:
        """Opens a session with these options."""
        return cls(built, EmbeddingSession(built.path, built.variant(options), pad_id=pad_id), options)

    def embed(self, rows: Sequence[Int32Array]) -> Float32Array:
        """Returns (texts, dimensions), in batches as when serving, on one thread."""
        batches = batches_of(rows, self.options.max_batch_tokens)
        found = np.concatenate([self.session.run([rows[number] for number in batch]) for batch in batches])
        vectors = np.empty_like(found)
        vectors[[number for batch in batches for number in batch]] = found
        return vectors

    def seconds(self, rows: Sequence[Int32Array]) -> float:
        """Embeds texts and returns how long it took."""
        started = time.perf_counter()
        self.embed(rows)
        return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class FileFigures:
    """What was measured on one file.

    Attributes:
        data: its passages and questions.
        cosines: (least, mean) of a passage's int8 vector with its fp32 one.
        recall: of fp32 and of int8, at each of `RANKS`.
        overlap: the share of fp32's first ten passages that are among int8's.
    """

    data: LabelledPassages
    cosines: tuple[float, float]
    recall: tuple[tuple[float, ...], tuple[float, ...]]
    overlap: float


@dataclass(frozen=True, slots=True)
class SpeedFigures:
    """Texts a second of int8 (median of the rounds), and how many times as fast as fp32 it was in each round."""

    texts: int
    per_second: float
    ratios: tuple[float, ...]


def measure_file(
    data: LabelledPassages, fp32: OpenVariant, int8: OpenVariant, tokenizer: Tokenizer, most: int
) -> FileFigures:
    """Embeds a file's passages and questions with both; `most` tokens are read of each."""
    passages, questions = (
        [row_of(text, tokenizer, most) for text in texts] for texts in (data.passages, data.questions)
    )
    exact, quantized = fp32.embed(passages), int8.embed(passages)
    cosines = (exact * quantized).sum(axis=1)
    exact_scores, scores = fp32.embed(questions) @ exact.T, int8.embed(questions) @ quantized.T
    first, others = (np.argsort(-one, axis=1)[:, :_OVERLAP] for one in (exact_scores, scores))
    shared = [len(set(one) & set(other)) / len(one) for one, other in zip(first.tolist(), others.tolist(), strict=True)]
    return FileFigures(
        data,
        (float(cosines.min()), float(cosines.mean())),
        (_recall(exact_scores, data), _recall(scores, data)),
        statistics.fmean(shared),
    )


def fastest(built: BuiltVariant, rows: Sequence[Int32Array], *, pad_id: int) -> OpenVariant:
    """Opens a variant with the session options and the batches that are fastest with it."""
    variants = [
        OpenVariant.open(built, options.model_copy(update={"max_batch_tokens": tokens}), pad_id=pad_id)
        for options in built.recipe.sessions
        for tokens in _BATCH_TOKENS
    ]
    rounds = [[one.seconds(rows) for one in variants] for _ in range(_TUNING_ROUNDS)]
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return variants[min(range(len(variants)), key=medians.__getitem__)]


def compare_speed(fp32: OpenVariant, int8: OpenVariant, rows: Sequence[Int32Array]) -> SpeedFigures:
    """Times both in turns."""
    rounds = [(fp32.seconds(rows), int8.seconds(rows)) for _ in range(_ROUNDS)]
    per_second = statistics.median(len(rows) / seconds for _, seconds in rounds)
    return SpeedFigures(len(rows), per_second, tuple(exact / quantized for exact, quantized in rounds))


def check_batch_invariance(variant: OpenVariant, rows: Sequence[Int32Array]) -> None:
    """Checks that a text's vector has the same bits alone and in batches of texts of any length.

    Raises:
        BuildError: it has not; an index that is built anew would not be the same.
    """
    alone = [variant.session.run([row])[0] for row in rows]
    dice = random.Random(0)  # noqa: S311  no secrets
    for _ in range(_MIXED_BATCHES):
        batch = dice.sample(range(len(rows)), dice.randint(2, _MOST_IN_A_BATCH))
        together = variant.session.run([rows[number] for number in batch])
        if not all(np.array_equal(vector, alone[number]) for number, vector in zip(batch, together, strict=True)):
            raise BuildError(f"{variant.built.recipe.name}: a text's vector depends on the texts beside it")


def _recall(scores: Float32Array, data: LabelledPassages) -> tuple[float, ...]:
    """Returns the share of questions with a gold passage among the first so many, for each of `RANKS`."""
    best = np.array([row[list(gold)].max() for row, gold in zip(scores, data.gold, strict=True)])
    ranks = 1 + (scores > best[:, None]).sum(axis=1)
    return tuple(float((ranks <= rank).mean()) for rank in RANKS)
