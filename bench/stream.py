"""`make bench`: the whole stream beside the bare session, in one run, on this machine.

    rounds of  [ bare session on the windows, already packed ]  [ the consumer, as a process, on a real broker ]

Reported: questions/s and windows/s end to end, windows/s of the bare session on the same windows, their ratio (median
over rounds, measured one after the other); the same with SPANSTREAM_DRIFT__ENABLED=false, as ratios of the rate and of
the processors' time: what it costs to watch what is read; the share of time spent tokenizing with a cold and with a
warm cache; the consumer's peak memory; and the time from its start to its first answer. Needs Java and Maven for the
broker, or SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS of one that runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.wiring import build
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.kafka.topic_admin import TopicAdmin
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.logs import configure_logs
from spanstream.consumer.operations.publishing import document_record, question_record
from spanstream.consumer.operations.samples import sample_documents, sample_questions
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.settings import (
    CacheSettings,
    HttpSettings,
    KafkaSettings,
    LogSettings,
    Settings,
    TopicSettings,
)
from spanstream.models.inference.backends import Backend
from spanstream.models.inference.cpu import cpu_name
from spanstream.models.inference.packing import Batch, pack
from spanstream.models.reader import Reader
from spanstream.models.text.windowing import Window
from spanstream.schemas.codec import decode_answer, decode_document, decode_question, encode
from spanstream.schemas.events import Document, Question
from spanstream.schemas.limits import Limits
from tests.support.kafka.kafka_broker import KafkaBroker

_PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Workload:
    """Documents, and questions about them."""

    documents: tuple[Document, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One run of the consumer; times in seconds, memory in MiB; the CPU's time is that of the whole process."""

    questions_per_second: float
    windows_per_second: float
    first_answer: float
    peak_mebibytes: float
    cpu_seconds: float


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--copies", type=int, default=12, help="copies of the sample tickets, each a text of its own")
    arguments = parser.parse_args()
    configure_logs(LogSettings(level="error"))
    work = copied_samples(arguments.copies)
    with broker() as bootstrap_servers:
        reader = open_reader(Settings.model_construct())
        batches, windows = _packed(reader, work)
        bare: list[float] = []
        runs: list[EndToEnd] = []
        unwatched: list[EndToEnd] = []
        for number in range(1, arguments.rounds + 1):
            bare.append(_bare(reader, batches, windows))
            for watched in (True, False) if number % 2 else (False, True):
                run = end_to_end(bootstrap_servers, work, {"SPANSTREAM_DRIFT__ENABLED": str(watched).lower()})
                (runs if watched else unwatched).append(run)
            rate = runs[-1].windows_per_second
            _print_progress(f"round {number}: bare {bare[-1]:.0f} windows/s, end to end {rate:.0f}")
        shares = _tokenizing_shares(bootstrap_servers, reader, work)
    _print(f"{len(work.questions)} questions, {windows} windows, on {cpu_name()}", bare, runs, unwatched, shares)


def copied_samples(copies: int) -> Workload:
    """Copies the demo's tickets and questions; a first line makes the text of each copy different."""
    limits = Limits()
    tickets = [decode_document(line, limits) for line in sample_documents()]
    questions = [decode_question(line, limits) for line in sample_questions()]
    documents: list[Document] = []
    asked: list[Question] = []
    for copy in range(copies):
        for ticket in tickets:
            name = f"{ticket.document_id}-{copy}"
            documents.append(Document(document_id=name, text=f"Ticket {copy} of the day.\n{ticket.text}"))
        asked += [
            Question(
                question_id=f"{question.question_id}-{copy}",
                question=question.question,
                document_id=f"{question.document_id}-{copy}",
            )
            for question in questions
        ]
    return Workload(tuple(documents), tuple(asked))


@contextlib.contextmanager
def broker() -> Iterator[str]:
    """Yields the address of a broker: of the one that runs, or of a new one."""
    running = os.environ.get("SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS")
    if running:
        yield running
        return
    with tempfile.TemporaryDirectory() as folder:
        broker = KafkaBroker.start(Path(folder))
        try:
            yield broker.bootstrap
        finally:
            broker.stop()


def _packed(reader: Reader, work: Workload) -> tuple[list[Batch], int]:
    texts = {document.document_id: document.text for document in work.documents}
    tokens = {name: reader.tokenize(text) for name, text in texts.items()}
    windows: list[Window] = []
    for question in work.questions:
        name = question.document_id or ""
        windows += reader.plan(texts[name], tokens[name], [question.question])[0].windows
    max_batch_tokens = _cpu_backend(reader).max_batch_tokens
    return pack(windows, max_batch_tokens=max_batch_tokens, pad_id=reader.artifact.manifest.pad_id), len(windows)


def _cpu_backend(reader: Reader) -> Backend:
    if reader.backends.cpu is None:
        raise SystemExit("there is no CPU session to compare with")
    return reader.backends.cpu


def _bare(reader: Reader, batches: list[Batch], windows: int) -> float:
    """Measures windows a second of the session alone: `session.run`, on as many threads as it runs in parallel."""
    backend = _cpu_backend(reader)
    waiting = iter(batches)
    lock = threading.Lock()

    def work_off() -> None:
        while True:
            with lock:
                batch = next(waiting, None)
            if batch is None:
                return
            backend.session.run(batch)

    threads = [threading.Thread(target=work_off) for _ in range(backend.parallel_runs)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return windows / (time.perf_counter() - started)


def fresh_settings(bootstrap_servers: str) -> Settings:
    """Makes settings with fresh topics and a fresh group."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topics = {role: f"{name}.{role}" for role in TopicSettings.model_fields}
    return Settings.model_construct(
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers, group_id=name),
        topics=TopicSettings(**topics),
        http=HttpSettings(port=None),
    )


def create_topics(settings: Settings) -> None:
    """Creates the topics, those of a second model too."""
    specs = topic_specs(settings.topics, partitions=_PARTITIONS, replication_factor=1, shadow=True)
    TopicAdmin(settings.kafka).create(specs)


def _publish(settings: Settings, work: Workload) -> None:
    create_topics(settings)
    publisher = AtLeastOncePublisher(settings.kafka)
    limits, topics = settings.limits, settings.topics
    publisher.publish([document_record(encode(document), topics.documents, limits) for document in work.documents], {})
    publisher.publish([question_record(encode(question), topics.questions, limits) for question in work.questions], {})
    publisher.close()


def environment_of(settings: Settings, more: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment of a consumer with these settings, and more of them."""
    return {
        **os.environ,
        "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SPANSTREAM_KAFKA__GROUP_ID": settings.kafka.group_id,
        "SPANSTREAM_HTTP__PORT": "null",
        "SPANSTREAM_LOG__LEVEL": "error",
        **{f"SPANSTREAM_TOPICS__{role.upper()}": name for role, name in settings.topics.model_dump().items()},
        **more,
    }


def end_to_end(bootstrap_servers: str, work: Workload, more: Mapping[str, str] = MappingProxyType({})) -> EndToEnd:
    """Runs the consumer as a process on a backlog of all questions; measures from its first chunk to its last.

    Args:
        bootstrap_servers: of the broker.
        work: what is asked.
        more: settings, by their variables.
    """
    settings = fresh_settings(bootstrap_servers)
    _publish(settings, work)
    environment = environment_of(settings, more)
    started = time.time()
    process = subprocess.Popen([sys.executable, "-m", "spanstream.consumer", "run", "--once"], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"the consumer failed with {status}")
    reader = KafkaPartitionReader(settings.kafka)
    records = [
        (record.timestamp_ms or 0, decode_answer(record.value or b""))
        for record in tail(reader, settings.topics.answers)
    ]
    reader.close()
    if len(records) != len(work.questions):
        raise SystemExit(f"{len(work.questions)} questions, {len(records)} answers")
    first, last = min(time_ms for time_ms, _ in records), max(time_ms for time_ms, _ in records)
    # The first chunk was done before the time that is measured began.
    later = [answer for time_ms, answer in records if time_ms > first + 50]
    seconds = (last - first) / 1000
    return EndToEnd(
        len(later) / seconds,
        sum(answer.windows.read for answer in later) / seconds,
        first / 1000 - started,
        usage.ru_maxrss / 1024,
        usage.ru_utime + usage.ru_stime,
    )


def _tokenizing_shares(bootstrap_servers: str, reader: Reader, work: Workload) -> tuple[float, float]:
    """Measures tokenizing as a share of wall time: with nothing cached, then with the documents in the cache."""
    shares = []
    settings = fresh_settings(bootstrap_servers).model_copy(update={"cache": CacheSettings(memory_bytes=512 << 20)})
    _publish(settings, work)
    cache = None
    for group in ("cold", "warm"):
        kafka = settings.kafka.model_copy(update={"group_id": f"{settings.kafka.group_id}-{group}"})
        application = build(settings.model_copy(update={"kafka": kafka}), reader=reader, cache=cache)
        cache, before = application.cache, application.cache.counts.tokenize_seconds
        started = time.perf_counter()
        application.service.run(threading.Event(), once=True)
        elapsed = time.perf_counter() - started
        shares.append((application.cache.counts.tokenize_seconds - before) / elapsed)
    return shares[0], shares[1]


def _print(
    title: str, bare: list[float], runs: list[EndToEnd], unwatched: list[EndToEnd], shares: tuple[float, float]
) -> None:
    def median(name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in runs))

    ratios = [run.windows_per_second / alone for run, alone in zip(runs, bare, strict=True)]
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    table.add_column("median", justify="right")
    table.add_column("rounds")
    rows = [
        ("questions/s, end to end", "questions_per_second", "{:.0f}"),
        ("windows/s, end to end", "windows_per_second", "{:.0f}"),
        ("start to first answer, s", "first_answer", "{:.2f}"),
        ("peak memory, MiB", "peak_mebibytes", "{:.0f}"),
    ]
    table.add_row("windows/s, bare session", f"{statistics.median(bare):.0f}", " ".join(f"{rate:.0f}" for rate in bare))
    table.add_row("end to end / bare", f"{statistics.median(ratios):.2f}", " ".join(f"{ratio:.2f}" for ratio in ratios))
    for label, name in (("windows/s", "windows_per_second"), ("CPU time", "cpu_seconds")):
        watch = [getattr(run, name) / getattr(other, name) for run, other in zip(runs, unwatched, strict=True)]
        shown = " ".join(f"{ratio:.3f}" for ratio in watch)
        table.add_row(f"{label} with / without drift", f"{statistics.median(watch):.3f}", shown)
    for label, name, form in rows:
        table.add_row(label, form.format(median(name)), " ".join(form.format(getattr(run, name)) for run in runs))
    table.add_row("tokenizing, share of time, cold cache", f"{shares[0]:.1%}", "")
    table.add_row("tokenizing, share of time, warm cache", f"{shares[1]:.1%}", "")
    Console(width=100).print(table)


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  progress of a minute's work


if __name__ == "__main__":
    main()
