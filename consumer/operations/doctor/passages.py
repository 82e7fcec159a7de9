"""Checks the passage index: its engine, its encoder, its topic, and how far behind it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.indexing.generations import REBUILD
from spanstream.consumer.indexing.status import IndexStatus, index_status, open_current
from spanstream.consumer.operations.doctor.finding import Finding, failed, ok, warning
from spanstream.consumer.passages.index import PassageIndex, SearchScope
from spanstream.consumer.passages.opening import encoder_fingerprint, open_passage_indexes
from spanstream.consumer.settings import Settings

SUBJECT = "passage index"
ADVICE = "correct SPANSTREAM_INDEX__*, or start its server"


def passages(settings: Settings, open_reader: Callable[[], PartitionReader]) -> Finding:
    """Tells whether collections can be searched, and what is searched is current.

    Args:
        settings: of the consumer that is looked after.
        open_reader: opens a reader of the documents topic.

    Raises:
        Stop: the engine cannot be used.
        Retryable: the engine or Kafka does not answer.
    """
    if settings.index.uri is None:
        return ok(SUBJECT, "not configured (SPANSTREAM_INDEX__URI): questions about collections become dead letters")
    with closing(open_passage_indexes(settings.index)) as indexes, closing(open_reader()) as reader:
        found = open_current(indexes)
        if found is None:
            return warning(SUBJECT, "there is none yet: questions about collections wait", "`spanstream index run`")
        with closing(found[1]):
            check_search(found[1])
            status = index_status(indexes, *found, reader, settings.topics.documents, now_ms=SystemClock().now_ms())
    return judge(status, encoder_fingerprint(settings.index))


def check_search(index: PassageIndex) -> None:
    """Searches once, as for a question. Raises `Stop` and `Retryable` as the engine."""
    one = next(index.contents(), None)
    if one is not None:
        scope = SearchScope(one.collections[0])
        index.nearest(one.vector, scope, 1)
        index.matching(one.text, scope, 1)


def judge(status: IndexStatus, encoder: str) -> Finding:
    """Tells what the state of the index means for questions.

    Args:
        status: the index.
        encoder: fingerprint of the encoder of the settings.
    """
    if status.encoder != encoder:
        return failed(SUBJECT, f"{status.generation} is another encoder's: its vectors cannot be compared", REBUILD)
    if not status.is_current_topic:
        detail = f"{status.generation} is of another topic that had the name {status.topic} before"
        return warning(SUBJECT, detail, "`spanstream index run` begins a new one")
    detail = f"{status.generation}, {status.passages:,} passages, {status.lag:,} records behind"
    return ok(SUBJECT, detail)
