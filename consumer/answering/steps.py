"""Wires the steps from records to answers, for the stream and for commands that answer as it does."""

from __future__ import annotations

from dataclasses import dataclass

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.open_collections import open_collection_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.retrieve import CollectionResolver
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.clock import Clock
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.metrics import Metrics, RetrievalMetrics
from spanstream.consumer.passages.recall_sample import RecallSample
from spanstream.consumer.passages.retrieval import Retriever
from spanstream.consumer.settings import Settings
from spanstream.models.reader import Reader
from spanstream.models.text.tokenization import TokenizedDocument


@dataclass(frozen=True, slots=True)
class AnsweringSteps:
    """Takes records and plans a chunk of them; answers what was planned."""

    preparer: Preparer
    answerer: Answerer


def open_steps(  # noqa: PLR0913  what they work with, by name
    settings: Settings,
    *,
    reader: Reader,
    cache: TokenCache[TokenizedDocument],
    documents: Documents,
    formats: EventFormats,
    outcomes: Outcomes,
    retriever: Retriever | None,
    clock: Clock,
    metrics: RetrievalMetrics | None = None,
) -> AnsweringSteps:
    """Wires the two steps, for chunks as large as the settings allow.

    Args:
        settings: all settings.
        reader: the model.
        cache: its tokenizations.
        documents: has the documents as they stand.
        formats: reads the records.
        outcomes: makes what becomes of them.
        retriever: searches collections; None: no index is set.
        clock: bounds and times what is waited for.
        metrics: count the searches, and what a sample of them missed; None: nobody looks.

    Raises:
        Stop: the artifact has no threshold of that name for collections.
    """
    collections = open_collection_reader(settings, reader)
    resolver = CollectionResolver(
        retriever,
        documents,
        collections,
        outcomes,
        metrics=metrics or Metrics().retrieval,
        clock=clock,
        recall=None if metrics is None else RecallSample(settings.index.recall_sample, metrics.recall.observe),
    )
    preparer = Preparer(
        reader,
        documents,
        resolver,
        cache,
        outcomes,
        formats=formats,
        max_windows=settings.chunk.max_windows,
        max_bytes=settings.chunk.max_bytes,
        clock=clock,
    )
    return AnsweringSteps(preparer, Answerer(reader, collections, outcomes, cache))
