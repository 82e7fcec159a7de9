"""`spanstream backfill`: warms the shared cache with every document's tokenization."""

from __future__ import annotations

from typing import Annotated

import structlog
import typer

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.cache.backfill import Backfill, BackfillCounts
from spanstream.consumer.cache.opening import open_patient_store
from spanstream.consumer.cache.retrying_store import RetryingStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.model_source.source import model_folder
from spanstream.consumer.settings import Settings
from spanstream.consumer.terminal.progress import ProgressStep, at_intervals, show_progress
from spanstream.models.artifact import load_artifact
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument

_log = structlog.get_logger(__name__)

_LOG_SECONDS = 10.0


def backfill(
    config: ConfigFile = None,
    force: Annotated[bool, typer.Option("--force", help="Write everything anew, also what is there already.")] = False,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds that Kafka or Redis may be away before this gives up.")
    ] = 60.0,
) -> None:
    """Fill Redis with the tokenizations of all documents, read from their compacted topic.

    It warms the cache, after a new model or tokenizer or with an empty Redis, so that the first question about an old
    document need not wait for its tokenization. Answers never depend on it: what Redis does not have is tokenized
    when it is asked for. Running it twice, beside consumers, or stopping it (Ctrl-C) harms nothing; what is there
    already is left as it is.

    The topic is read twice, one partition after the other, with about 200 bytes of memory a document.

    Example: SPANSTREAM_REDIS__URL=redis://cache spanstream backfill
    """
    settings = open_settings(config)
    if settings.redis.url is None:
        raise Stop("backfill writes to Redis, and none is configured: set SPANSTREAM_REDIS__URL")
    store = RetryingStore(
        open_patient_store(settings.redis, settings.redis.url),
        patience_seconds=patience,
        max_value_bytes=settings.redis.max_value_bytes,
        force=force,
    )
    store.ping(f"{settings.redis.namespace}:backfill")
    cache = _cache(settings, store)
    reader = KafkaPartitionReader(settings.kafka)
    try:
        clock = SystemClock()
        formats = open_formats(settings).patient(clock, patience)
        with show_progress(_step, at_intervals(_log_counts, clock, seconds=_LOG_SECONDS)) as watch:
            counts = _run(Backfill(reader, settings.topics.documents, cache, store, formats, clock, watch, patience))
    finally:
        reader.close()
        store.close()
    typer.echo(counts)


def _run(job: Backfill) -> BackfillCounts:
    try:
        return job.run()
    except (Stop, Retryable) as error:
        if not job.counts.documents:
            raise
        detail = f"{error}; given up after {job.counts}"
        raise Stop(detail, hint="run it again, it goes on with what is missing") from error
    except KeyboardInterrupt:
        typer.echo(f"interrupted after {job.counts}", err=True)
        raise


def _cache(settings: Settings, store: RetryingStore) -> TokenCache[TokenizedDocument]:
    tokenizer = load_artifact(model_folder(settings.model)).tokenizer
    return TokenCache(
        tokenizer.tokenize_document,
        token_codec,
        fingerprint=tokenizer.fingerprint,
        store=store,
        max_bytes=0,
        namespace=settings.redis.namespace,
    )


def _step(counts: BackfillCounts) -> ProgressStep:
    share = 100 * counts.offsets_done / max(1, counts.offsets_total)
    text = f"{share:>3.0f} %  {counts.documents:,} documents, {counts.documents_per_second:,.0f}/s"
    return ProgressStep(counts.offsets_done, counts.offsets_total, text)


def _log_counts(counts: BackfillCounts) -> None:
    _log.info(
        "backfill",
        documents=counts.documents,
        written=counts.written,
        already_there=counts.already_there,
        bad=sum(counts.bad.values()),
        documents_per_second=round(counts.documents_per_second, 1),
        share=round(counts.offsets_done / max(1, counts.offsets_total), 3),
    )
