"""`spanstream backfill`: warms the shared cache with every document's tokenization."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spanstream.consumer.answering.wiring import kafka_config
from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.cache.backfill import Backfill, BackfillCounts, RetryingStore
from spanstream.consumer.cache.token_cache import TokenCache
from spanstream.consumer.cli.options import ConfigFile, open_settings
from spanstream.consumer.clock import Clock, Deadline, SystemClock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.settings import RedisSettings, Settings
from spanstream.models.artifact import load_artifact
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument

if TYPE_CHECKING:
    from spanstream.consumer.cache.redis_store import RedisStore

_log = structlog.get_logger(__name__)

Watch = Callable[[BackfillCounts], None]

_LOG_SECONDS = 10.0
# Batches are large and nobody waits for an answer: slow is fine here, where a consumer would rather tokenize.
_TIMEOUT_SECONDS = 5.0
_CALL_SECONDS = 30.0
# Trying again is decided in one place, and that is not the breaker.
_NEVER = sys.maxsize


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
        _patient_store(settings.redis, settings.redis.url.get_secret_value()),
        patience_seconds=patience,
        max_value_bytes=settings.redis.max_value_bytes,
        force=force,
    )
    store.ping()
    cache = _cache(settings, store)
    reader = KafkaPartitionReader(kafka_config(settings))
    try:
        with _watch(SystemClock()) as watch:
            run = Backfill(
                reader, settings.topics.documents, cache, store, settings.limits, SystemClock(), watch, patience
            )
            tally = _run(run)
    finally:
        reader.close()
        store.close()
    typer.echo(tally)


def _run(run: Backfill) -> BackfillCounts:
    try:
        return run.run()
    except (Stop, Retryable) as error:
        if not run.tally.documents:
            raise
        detail = f"{error}; given up after {run.tally}"
        raise Stop(detail, hint="run it again, it goes on with what is missing") from error
    except KeyboardInterrupt:
        typer.echo(f"interrupted after {run.tally}", err=True)
        raise


def _patient_store(settings: RedisSettings, url: str) -> RedisStore:
    from spanstream.consumer.cache.redis_store import RedisOptions, RedisStore  # noqa: PLC0415  half a second, for those who use it

    options = RedisOptions(
        timeout_seconds=max(settings.timeout_seconds, _TIMEOUT_SECONDS),
        connect_timeout_seconds=_TIMEOUT_SECONDS,
        call_seconds=_CALL_SECONDS,
        ttl_seconds=settings.ttl_seconds,
        max_value_bytes=settings.max_value_bytes,
        fail_max=_NEVER,
        client=settings.client,
    )
    return RedisStore(url, options)


def _cache(settings: Settings, store: RetryingStore) -> TokenCache[TokenizedDocument]:
    tokenizer = load_artifact(settings.model.path).tokenizer
    return TokenCache(
        tokenizer.tokenize_document,
        token_codec,
        fingerprint=tokenizer.fingerprint,
        store=store,
        max_bytes=0,
        namespace=settings.redis.namespace,
    )


@contextmanager
def _watch(clock: Clock) -> Iterator[Watch]:
    """A bar on a terminal, a line in the log now and then elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logging(clock)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[documents]:,} documents, {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, documents=0, rate=0.0)

        def show(tally: BackfillCounts) -> None:
            bar.update(
                task,
                total=tally.offsets_total,
                completed=tally.offsets_done,
                documents=tally.documents,
                rate=tally.documents_per_second,
            )

        yield show


def _logging(clock: Clock) -> Watch:
    due = Deadline(clock, _LOG_SECONDS)

    def log(tally: BackfillCounts) -> None:
        nonlocal due
        if not due.has_passed:
            return
        due = Deadline(clock, _LOG_SECONDS)
        _log.info(
            "backfill",
            documents=tally.documents,
            written=tally.written,
            already_there=tally.already_there,
            bad=sum(tally.bad.values()),
            documents_per_second=round(tally.documents_per_second, 1),
            share=round(tally.offsets_done / max(1, tally.offsets_total), 3),
        )

    return log
