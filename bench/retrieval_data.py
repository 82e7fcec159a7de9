"""The collections that `make bench-retrieval` asks: their texts, their questions, and the index of their passages."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from spanstream.consumer.passages.index import IndexDescription, PassageIndex
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from spanstream.models.embedding.encoder import Encoder
from spanstream.models.metrics.squad_files import Example, read_squad

_Item = TypeVar("_Item")

_ROOT: Final = Path(__file__).resolve().parents[1]
_TICKETS: Final = _ROOT / "models" / "data" / "tickets"
_KNOWLEDGE_BASE: Final = _ROOT / "tests" / "quality" / "examples" / "knowledge_base.json"
_SHARED: Final = Path(os.environ.get("SPANSTREAM_TEST_DATA") or _ROOT.parent / "shared" / "data")
_BATCH: Final = 256
_SEED: Final = 17


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of texts, and the questions about one of them each.

    Attributes:
        name: what it is.
        texts: all its texts.
        examples: the questions; each context is one of the texts.
        is_fitted: whether the confidence is fitted to what is read of it.
    """

    name: str
    texts: Sequence[str]
    examples: Sequence[Example]
    is_fitted: bool = True


def collections(distractors: int, most: int) -> Iterator[Collection]:
    """Yields the collections, with so many texts of other articles and so many questions at most (0: all)."""
    for kind in ("same words", "other words"):
        yield knowledge_base(kind, most)
    if (squad := _SHARED / "validation.json.gz").exists():
        examples = read_squad(squad)
        texts = _texts(examples)
        yield Collection("SQuAD's validation articles", texts, thinned(examples, most))
        others = [text for text in other_paragraphs(distractors) if text not in set(texts)]
        name = f"the same among {len(others):,} paragraphs of other articles"
        yield Collection(name, [*texts, *others], thinned(examples, most))
    tickets = validation_tickets(most)
    yield tickets
    others = _texts(
        [example for file in sorted((_TICKETS / "train").glob("*.json.gz")) for example in read_squad(file)]
    )
    name = f"the same among {len(others):,} training tickets and records"
    known = set(tickets.texts)
    yield Collection(name, [*tickets.texts, *(text for text in others if text not in known)], tickets.examples)


def validation_tickets(most: int = 0) -> Collection:
    """Returns the validation tickets and records, with so many questions at most (0: all)."""
    examples = read_squad(_TICKETS / "validation_tickets.json.gz")
    return Collection("validation tickets and records", _texts(examples), thinned(examples, most))


def knowledge_base(kind: str, most: int = 0) -> Collection:
    """Returns the knowledge base and its questions of a kind, with those that no article answers.

    Args:
        kind: "same words" as the article's, or "other words".
        most: questions at most (0: all).
    """
    examples = read_squad(_KNOWLEDGE_BASE)
    kinds = _question_kinds(json.loads(_KNOWLEDGE_BASE.read_text(encoding="utf-8")))
    asked = [example for example in examples if kinds[example.id] in (kind, "no answer")]
    return Collection(f"knowledge base, {kind}", _texts(examples), thinned(asked, most), is_fitted=False)


def _question_kinds(squad: dict[str, Any]) -> dict[str, str]:
    paragraphs = [paragraph for article in squad["data"] for paragraph in article["paragraphs"]]
    return {question["id"]: question["kind"] for paragraph in paragraphs for question in paragraph["qas"]}


def other_paragraphs(most: int) -> list[str]:
    """Returns paragraphs of the training data that are no tickets: of SQuAD's other articles first, then of others."""
    # Single sentences and lower-cased copies are no paragraphs that anybody searches.
    others = re.compile("tickets|sentence|lowercase|qamr|-neg")
    files = [file for file in sorted((_SHARED / "train").glob("*.json.gz")) if not others.search(file.name)]
    texts = []
    for of_squad in (True, False):
        some = [file for file in files if ("squad" in file.name) is of_squad]
        found = _texts([example for file in some for example in read_squad(file) if example.context.strip()])
        random.Random(_SEED).shuffle(found)  # noqa: S311  no secret
        texts += found
    return list(dict.fromkeys(texts))[:most]


def thinned(items: Sequence[_Item], most: int) -> Sequence[_Item]:
    """Returns every so many-th item, so that about so many are left (0: all)."""
    return items[:: max(1, len(items) // most)] if most else items


def _texts(examples: Sequence[Example]) -> list[str]:
    return list(dict.fromkeys(example.context for example in examples))


class KeptVectors:
    """Vectors of passages, kept in a folder by the passage's hash: 100,000 of them take a while to make."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self._file = folder / f"vectors-{encoder.fingerprint[:12]}.npz"
        self._vectors: dict[str, Float32Array] = {}
        if self._file.exists():
            kept = np.load(self._file)
            self._vectors = dict(zip(kept["names"].tolist(), kept["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Returns a vector for each text, as the encoder does."""
        names = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in self._vectors}
        for first in range(0, len(missing), _BATCH):
            batch = list(missing.items())[first : first + _BATCH]
            vectors = self._encoder.embed([text for _, text in batch])
            self._vectors |= {name: vector for (name, _), vector in zip(batch, vectors, strict=True)}
        if missing:
            np.savez(self._file, names=list(self._vectors), vectors=np.stack(list(self._vectors.values())))
        return np.array([self._vectors[name] for name in names], dtype=np.float32)


def new_index(folder: Path, encoder: Encoder) -> PassageIndex:
    """Makes an empty index of the embedded engine in a folder."""
    indexes = open_passage_indexes(IndexSettings(uri=str(folder)))
    return indexes.create("bench", IndexDescription(encoder.fingerprint, encoder.dimensions, "bench", 1))
