"""Searches the texts of labelled questions as the stream searches a collection, in an index that is gone afterwards.

texts -> passages -> vectors -> an index in a temporary folder -> search -> the places to read of each text
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory
from typing import Final

from spanstream.consumer.answering.planned import places_by_document
from spanstream.consumer.passages.index import (
    DocumentPassages,
    IndexDescription,
    Passage,
    PassageIndex,
    PassageIndexes,
    PassagePlace,
    SearchScope,
)
from spanstream.consumer.passages.opening import open_encoder, open_passage_indexes
from spanstream.consumer.passages.retrieval import Embedder, search
from spanstream.consumer.settings import IndexSettings
from spanstream.models.arrays import Float32Array
from spanstream.models.collection import RetrievedPlace
from spanstream.models.text.passages import passages_of
from spanstream.models.text.tokenization import sha256_of

COLLECTION: Final = "all"
# Texts that are embedded and written together.
_BATCH: Final = 64
_TIMEOUT_SECONDS: Final = 60.0


class TextSearch:
    """Finds the texts that questions are about.

    Args:
        indexes: the engine; without generations.
        encoder: makes the vectors.
        settings: how many passages are looked at, and read.

    Attributes:
        encoder: the encoder's fingerprint.
        passages: of a question that are read, at most.
    """

    def __init__(self, indexes: PassageIndexes, encoder: Embedder, settings: IndexSettings) -> None:
        self.encoder = encoder.fingerprint
        self.passages = settings.passages
        self._embedder = encoder
        self._settings = settings
        description = IndexDescription(encoder.fingerprint, encoder.dimensions, "none", 1)
        self._index = indexes.create("texts", description)
        self._texts: dict[str, str] = {}

    def fill(self, texts: Sequence[str], progress: Callable[[int], None]) -> None:
        """Indexes these texts; calls `progress` with how many more are done."""
        self._texts = {sha256_of(text): text for text in texts}
        fill_index(self._index, texts, self._embedder.embed, progress)

    def find(self, questions: Sequence[str]) -> list[dict[str, tuple[RetrievedPlace, ...]]]:
        """Returns the texts to read for each question, the best first, and their places."""
        vectors = self._embedder.embed(questions)
        return [self._find(question, vector) for question, vector in zip(questions, vectors, strict=True)]

    def _find(self, question: str, vector: Float32Array) -> dict[str, tuple[RetrievedPlace, ...]]:
        found = search(self._index, question, vector, SearchScope(COLLECTION), self._settings)
        return {self._texts[name]: places for name, places in places_by_document(found).items()}


@contextmanager
def opened_text_search(settings: IndexSettings, threads: int | None = None) -> Iterator[TextSearch]:
    """Opens an empty one in a folder that is gone afterwards; the encoder and the numbers are those of the settings.

    Raises:
        Stop: the extra `collections` is not installed, or the encoder is damaged; the text is one line that says it.
    """
    with TemporaryDirectory(prefix="spanstream-") as folder:
        # Nobody waits for a single search, and the machine may be busy.
        own = settings.model_copy(update={"uri": folder, "timeout_seconds": _TIMEOUT_SECONDS})
        with closing(open_passage_indexes(own)) as indexes, closing(open_encoder(own, threads)) as encoder:
            yield TextSearch(indexes, encoder, own)


def fill_index(
    index: PassageIndex,
    texts: Sequence[str],
    embed: Callable[[Sequence[str]], Float32Array],
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Puts the passages of texts into an index, all in one collection; a text's document id is its SHA-256."""
    for first in range(0, len(texts), _BATCH):
        batch = texts[first : first + _BATCH]
        ranges = [(text, number, *place) for text in batch for number, place in enumerate(passages_of(text))]
        pieces = [text[start:end] for text, _, start, end in ranges]
        vectors = embed(pieces)
        passages: dict[str, list[Passage]] = {sha256_of(text): [] for text in batch}
        for (text, number, start, end), piece, vector in zip(ranges, pieces, vectors, strict=True):
            name = sha256_of(text)
            place = PassagePlace(name, number, start, end, name, 0)
            passages[name].append(Passage(place, piece, vector, (COLLECTION,), {}))
        index.apply([DocumentPassages(name, tuple(of_text)) for name, of_text in passages.items()], {0: first + 1})
        progress(len(batch))
    index.optimize()
