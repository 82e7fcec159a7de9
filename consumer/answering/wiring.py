"""The composition root: settings -> everything a consumer needs, wired. Nothing else connects or constructs clients."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.commits import Commits
from spanstream.consumer.answering.documents import Documents
from spanstream.consumer.answering.intake import Intake
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.pipeline import Pipeline
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.report import Reporter
from spanstream.consumer.answering.service import Service, ServiceParts
from spanstream.consumer.broker.kafka.group_consumer import KafkaGroupConsumer
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.publisher import open_publisher
from spanstream.consumer.broker.protocols import GroupConsumer, PartitionReader, Publisher
from spanstream.consumer.cache.byte_store import ByteStore
from spanstream.consumer.cache.token_cache import Counts, TokenCache
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.delivery.circuit import Circuit
from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import RedisSettings, Settings
from spanstream.models.artifact import Manifest, load_artifact
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.backends import open_backends
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.reader import Reader
from spanstream.models.text import token_codec
from spanstream.models.text.tokenization import TokenizedDocument

if TYPE_CHECKING:
    from spanstream.consumer.cache.store_breaker import StoreChange  # importing it loads redis, which many do without

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerClients:
    """The three ends of a consumer at its broker."""

    consumer: GroupConsumer
    documents: PartitionReader
    publisher: Publisher


@dataclass(frozen=True, slots=True)
class _Observed:
    reader: Reader
    cache: TokenCache[TokenizedDocument]
    documents: Documents

    @property
    def tokenizations(self) -> Counts:
        return self.cache.counts

    @property
    def cpu_windows_per_second(self) -> float | None:
        return self.reader.backends.cpu_windows_per_second

    @property
    def documents_known(self) -> int:
        return self.documents.known


@dataclass(frozen=True, slots=True)
class Application:
    """A wired consumer; `service.run` does the work."""

    service: Service
    health: Health
    metrics: Metrics
    cache: TokenCache[TokenizedDocument]
    reader: Reader
    store: ByteStore | None
    settings: Settings

    def serve_http(self) -> HttpServer | None:
        """Probes and metrics, if a port is set. Raises `Stop` if it is taken."""
        http = self.settings.http
        if http.port is None:
            return None
        return HttpServer(http.host, http.port, health=self.health, registry=self.metrics.registry)

    def close(self) -> None:
        """Let go of what the service does not close itself."""
        self.reader.close()
        if self.store is not None:
            self.store.close()


def kafka_clients(settings: Settings) -> BrokerClients:
    """A real consumer's ends."""
    kafka = settings.kafka
    consumer = KafkaGroupConsumer(kafka)
    return BrokerClients(consumer, KafkaPartitionReader(kafka), open_publisher(kafka, consumer))


def open_reader(settings: Settings) -> Reader:
    """The model, self-tested on this machine.

    Raises:
        Stop: the artifact is damaged, or nothing here computes it rightly.
    """
    model = settings.model
    try:
        artifact = load_artifact(model.path)
        backends = open_backends(
            artifact,
            threads=model.threads or available_cpus(),
            spill_seconds=model.gpu_spill_seconds,
            rest_seconds=model.gpu_rest_seconds,
            report=lambda line: _log.warning("model_backend", detail=line),
        )
    except ArtifactError as error:
        raise Stop(str(error)) from error
    return Reader(
        artifact,
        backends,
        max_windows=model.max_windows,
        threshold=_threshold(model.threshold, artifact.manifest),
    )


def _threshold(wanted: float | str, manifest: Manifest) -> float:
    try:
        return manifest.calibration.threshold(wanted)
    except ArtifactError as error:
        raise Stop(f"setting SPANSTREAM_MODEL__THRESHOLD: {error}") from error


def open_store(settings: RedisSettings, metrics: Metrics | None = None) -> ByteStore | None:
    """Redis, if there is a URL. Raises `Stop` on a URL that is none."""
    if settings.url is None:
        return None
    from spanstream.consumer.cache.redis_store import RedisOptions, RedisStore  # noqa: PLC0415  half a second, for those who use it

    def on_change(change: StoreChange) -> None:
        log = _log.info if change.available else _log.warning
        log("redis_available" if change.available else "redis_left_alone", call=change.operation, reason=change.reason)
        if metrics is not None:
            metrics.store_up.labels(change.operation).set(change.available)

    options = RedisOptions(
        timeout_seconds=settings.timeout_seconds,
        ttl_seconds=settings.ttl_seconds,
        max_value_bytes=settings.max_value_bytes,
        fail_max=settings.breaker_failures,
        reset_seconds=settings.breaker_reset_seconds,
        client=settings.client,
    )
    return RedisStore(settings.url.get_secret_value(), options, on_change=on_change)


def open_cache(settings: Settings, reader: Reader, store: ByteStore | None) -> TokenCache[TokenizedDocument]:
    """The two tiers in front of the reader's tokenizer."""
    return TokenCache(
        reader.tokenize,
        token_codec,
        fingerprint=reader.artifact.tokenizer.fingerprint,
        store=store,
        max_bytes=settings.cache.memory_bytes,
        namespace=settings.redis.namespace,
    )


def build(  # noqa: PLR0913  the seams at which tests and the demo put something else in
    settings: Settings,
    *,
    ends: Callable[[Settings], BrokerClients] = kafka_clients,
    reader: Reader | None = None,
    cache: TokenCache[TokenizedDocument] | None = None,
    clock: Clock | None = None,
    pool: Executor | None = None,
) -> Application:
    """A wired consumer.

    Args:
        settings: everything there is to know.
        ends: makes the broker's ends; another one runs the same consumer on another broker.
        reader: a loaded model, instead of the one the settings name.
        cache: tokenizations of that model, instead of a new cache in front of Redis.
        clock: another one than the machine's.
        pool: what runs the inference, instead of threads of its own.

    Raises:
        Stop: something cannot be opened; one line that says what to do.
    """
    clock = clock or SystemClock()
    reader = reader or open_reader(settings)
    metrics = Metrics()
    store = None if cache else open_store(settings.redis, metrics)
    cache = cache or open_cache(settings, reader, store)
    at_broker = ends(settings)
    documents = Documents(
        at_broker.documents,
        settings.topics.documents,
        limits=settings.limits,
        memory_bytes=settings.documents.memory_bytes,
        read_seconds=settings.documents.read_seconds,
        circuit=Circuit(**settings.circuit.model_dump()),
        clock=clock,
    )
    source = f"spanstream/{settings.kafka.group_id}@{socket.gethostname()}"
    outcomes = Outcomes(settings.topics, settings.retries, reader.artifact.manifest, source=source, clock=clock)
    reporter = Reporter(metrics, _Observed(reader, cache, documents), clock)
    preparer = Preparer(
        reader,
        documents,
        cache,
        outcomes,
        limits=settings.limits,
        max_windows=settings.chunk.max_windows,
        clock=clock,
    )
    pipeline = Pipeline(Answerer(reader, outcomes).answer, pool)
    health = Health(clock, stuck_seconds=settings.http.stuck_seconds)
    parts = ServiceParts(
        consumer=at_broker.consumer,
        commits=Commits(
            at_broker.publisher,
            documents,
            outcomes,
            circuit=Circuit(**settings.circuit.model_dump()),
            reporter=reporter,
            clock=clock,
        ),
        documents=documents,
        intake=Intake(
            documents=documents,
            preparer=preparer,
            pipeline=pipeline,
            reporter=reporter,
            settings=settings,
            clock=clock,
        ),
        pipeline=pipeline,
        reporter=reporter,
        health=health,
        clock=clock,
    )
    return Application(Service(parts, settings), health, metrics, cache, reader, store, settings)
