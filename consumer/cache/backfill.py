"""Fills the shared cache with the tokenizations of all documents, out of their compacted topic.

    one partition after the other:
    first pass:  key -> latest offset (keys and offsets only; a tombstone takes the key out)
    second pass: records at these offsets -> decode -> batch of texts -> TokenCache -> store

Two passes, because only the end of a partition tells which record of a key is its latest, and a text that is
superseded is not worth tokenizing. Memory holds the keys of one partition and a number for each distinct text: about
200 bytes a document of the largest partition, and 100 bytes a text; never the texts themselves.

What is written is content-addressed, so running it twice, stopping it, or running it beside consumers harms nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from spanstream.consumer.broker.protocols import Partition, PartitionReader, Record
from spanstream.consumer.broker.reading import read_batches
from spanstream.consumer.cache.retrying_store import RetryingStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import SpanstreamError
from spanstream.consumer.formats.event_formats import EventFormats
from spanstream.consumer.logs import exception_facts
from spanstream.models.text.tokenization import TokenizedDocument
from spanstream.schemas.codec import check_bounds, check_key
from spanstream.schemas.errors import InvalidRecord, Reason
from spanstream.schemas.events import Document

_log = structlog.get_logger(__name__)

# One round trip of each; at a few KiB a tokenization that is about a megabyte.
_BATCH_TEXTS = 128
_BATCH_CHARS = 1_000_000
# Enough digits of a SHA-256 to count texts by: two of ten million are the same once in a hundred thousand runs.
_COUNTED_DIGITS = 16


@dataclass(frozen=True, slots=True)
class BackfillCounts:
    """How far a backfill has come.

    Attributes:
        documents: latest versions read, bad ones left out.
        distinct: different texts among them.
        already_there: of these, what the store had.
        written: of these, what was tokenized and handed to the store.
        too_large: of these, what was larger than the store takes.
        bad: latest records that are no documents, or whose text the tokenizer fails on, by reason.
        offsets_done: how far the second pass is, in offsets, gaps and transaction markers among them ...
        offsets_total: ... of how many.
        seconds: since the start.
    """

    documents: int = 0
    distinct: int = 0
    already_there: int = 0
    written: int = 0
    too_large: int = 0
    bad: Mapping[str, int] = field(default_factory=dict)
    offsets_done: int = 0
    offsets_total: int = 0
    seconds: float = 0.0

    @property
    def documents_per_second(self) -> float:
        """Since the start."""
        return self.documents / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        bad = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.bad.items()))
        return (
            f"{self.documents:,} documents, {self.distinct:,} distinct texts: {self.already_there:,} already there, "
            f"{self.written:,} written"
            + (f", {self.too_large:,} too large" if self.too_large else "")
            + f"; {sum(self.bad.values()):,} bad records"
            + (f" ({bad})" if bad else "")
            + f"; {self.seconds:.1f} s, {self.documents_per_second:,.0f} documents/s"
        )


@dataclass(slots=True)
class Backfill:
    """One run over the documents topic.

    Attributes:
        reader: made for this; it follows nothing else.
        topic: the documents topic.
        cache: in front of an `RetryingStore`; needs no memory of its own.
        store: that store.
        formats: reads the documents; waits for its own translators.
        clock: for the rate, and for when to give Kafka up.
        watch: called now and then with the counts so far.
        patience_seconds: how long Kafka may be silent.
    """

    reader: PartitionReader
    topic: str
    cache: TokenCache[TokenizedDocument]
    store: RetryingStore
    formats: EventFormats
    clock: Clock
    watch: Callable[[BackfillCounts], None]
    patience_seconds: float
    _documents: int = 0
    _bad: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)
    _offsets_done: int = 0
    _offsets_total: int = 0
    _started: float = 0.0

    def run(self) -> BackfillCounts:
        """Reads everything that is there now, and writes what the store does not have.

        Raises:
            Retryable: Kafka did not answer in time, or a translator stayed unavailable.
            Stop: there is no such topic, or the store stayed away.
        """
        self._started = self.clock.monotonic()
        partitions = self.reader.partitions(self.topic)
        begins, ends = self.reader.begin_offsets(partitions), self.reader.end_offsets(partitions)
        self._offsets_total = sum(ends[partition] - begins[partition] for partition in partitions)
        for partition in partitions:
            if begins[partition] < ends[partition]:
                self._fill(partition, begins[partition], ends[partition])
        return self.counts

    @property
    def counts(self) -> BackfillCounts:
        """Tells how far it is."""
        texts, distinct, too_large = self.cache.counts, len(self._seen), self.store.too_large
        return BackfillCounts(
            documents=self._documents,
            distinct=distinct,
            already_there=texts.hits_store,
            written=texts.misses - too_large,
            too_large=too_large,
            bad=dict(self._bad),
            offsets_done=self._offsets_done,
            offsets_total=self._offsets_total,
            seconds=self.clock.monotonic() - self._started,
        )

    def _fill(self, partition: Partition, begin: int, end: int) -> None:
        latest = self._latest(partition, begin, end)
        done_before, batch, chars = self._offsets_done, dict[str, str](), 0
        for record in self._read(partition, begin, end):
            document = self._document(record, latest)
            if document is not None and self._is_new(document):
                batch[document.sha256] = document.text
                chars += len(document.text)
            if len(batch) >= _BATCH_TEXTS or chars >= _BATCH_CHARS:
                self._write(batch)
                batch, chars = {}, 0
            self._offsets_done = done_before + record.next_offset - begin
        self._write(batch)
        self._offsets_done = done_before + end - begin

    def _latest(self, partition: Partition, begin: int, end: int) -> dict[bytes, int]:
        """Returns the offset of each key's latest record; tombstones' and superseded ones are not in it."""
        latest: dict[bytes, int] = {}
        for record in self._read(partition, begin, end):
            if record.key is None:
                continue
            if record.value is None:
                latest.pop(record.key, None)
            else:
                latest[record.key] = record.offset
        return latest

    def _document(self, record: Record, latest: Mapping[bytes, int]) -> Document | None:
        """Returns the document, if this is the latest record of its key and can be read.

        Raises:
            Retryable: a translator stayed unavailable.
        """
        if record.value is None or (record.key is not None and latest.get(record.key) != record.offset):
            return None
        try:
            check_bounds(record.key, record.size, self.formats.limits)
            document = self.formats.document(record)
            check_key(record.key, document.document_id)
        except InvalidRecord as error:
            self._bad[error.reason] += 1
            return None
        self._documents += 1
        return document

    def _is_new(self, document: Document) -> bool:
        number = int(document.sha256[:_COUNTED_DIGITS], 16)
        if number in self._seen:
            return False
        self._seen.add(number)
        return True

    def _write(self, batch: Mapping[str, str]) -> None:
        """Tokenizes and writes a batch; where a text makes that fail, halves it until that text is alone."""
        if batch:
            try:
                self.cache.get_many(batch)
            except SpanstreamError:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, it is one text's fault
                if len(batch) == 1:
                    _log.warning("tokenizing_failed", text_sha256=next(iter(batch)), **exception_facts(error))
                    self._bad[Reason.INFERENCE_FAILED] += 1
                else:
                    texts = list(batch.items())
                    for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :]):
                        self._write(dict(half))
        self.watch(self.counts)

    def _read(self, partition: Partition, begin: int, end: int) -> Iterator[Record]:
        """Reads the partition up to this end.

        Raises:
            Retryable: nothing came for as long as patience lasts.
        """
        for batch in read_batches(
            self.reader, {partition: begin}, {partition: end}, clock=self.clock, patience_seconds=self.patience_seconds
        ):
            yield from batch
            self.watch(self.counts)
