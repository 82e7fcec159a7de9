"""Opens what questions about collections need: the passage index with its encoder, and the collections' thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spanstream.consumer.answering.open_reader import threshold_of
from spanstream.consumer.clock import Clock
from spanstream.consumer.passages.opening import open_encoder, open_passage_indexes
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import IndexSettings, Settings
from spanstream.models.collection import CollectionReader
from spanstream.models.reader import Reader


def open_retriever(settings: IndexSettings, clock: Clock) -> Retriever | None:
    """Opens the index and its encoder; None where no index is set, and nothing is imported then.

    Raises:
        Stop: the engine cannot be opened, or the encoder is damaged.
    """
    if settings.uri is None:
        return None
    return Retriever(open_passage_indexes(settings), open_encoder(settings), settings, clock)


@contextmanager
def opened_retriever(settings: IndexSettings, clock: Clock) -> Iterator[Retriever | None]:
    """Opens a retriever as `open_retriever` does, and closes it."""
    retriever = open_retriever(settings, clock)
    try:
        yield retriever
    finally:
        if retriever is not None:
            retriever.close()


def open_collection_reader(settings: Settings, reader: Reader) -> CollectionReader:
    """Opens what concludes over documents, with the threshold that the settings name.

    Raises:
        Stop: the artifact has no such threshold for collections, and an index is set.
    """
    if settings.index.uri is None:
        return CollectionReader(reader)
    resolve = reader.artifact.manifest.calibration.collection_threshold
    return CollectionReader(
        reader, threshold_of(resolve, settings.model, "SPANSTREAM_MODEL__THRESHOLD, of questions about collections")
    )
