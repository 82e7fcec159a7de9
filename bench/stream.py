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
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from bench.workload import Workload, broker, copied_samples, environment_of, fresh_settings, publish
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.wiring import build
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.logs import configure_logs
from spanstream.consumer.settings import CacheSettings, LogSettings, Settings
from spanstream.models.inference.backends import Backend
from spanstream.models.inference.cpu import cpu_name
from spanstream.models.inference.packing import Batch, pack
from spanstream.models.reader import Reader
from spanstream.models.text.windowing import Window
from spanstream.schemas.codec import decode_answer


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


def end_to_end(bootstrap_servers: str, work: Workload, more: Mapping[str, str] = MappingProxyType({})) -> EndToEnd:
    """Runs the consumer as a process on a backlog of all questions; measures from its first chunk to its last.

    Args:
        bootstrap_servers: of the broker.
        work: what is asked.
        more: settings, by their variables.
    """
    settings = fresh_settings(bootstrap_servers)
    publish(settings, work)
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
    publish(settings, work)
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
