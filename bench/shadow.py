"""`make bench-shadow`: what a second model costs the first, in turns without and with it, on a real broker.

    rounds of  [ without ]  [ with ]     under full load: windows/s of a backlog, and the CPU's time for it
    rounds of  [ without ]  [ with ]     under half of it: from a question's timestamp to its answer's

Reported: the ratio of each pair of turns, with over without, and its median. What else the machine does changes from
turn to turn, so the figures of one turn mean little; the CPU's time is the least disturbed. The second model is a copy
of the bundled one. Needs Java and Maven for the broker, or SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS of one that runs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.stream import end_to_end
from bench.workload import Workload, broker, copied_samples, create_topics, environment_of, fresh_settings
from spanstream.consumer.broker.kafka.at_least_once import AtLeastOncePublisher
from spanstream.consumer.broker.kafka.partition_reader import KafkaPartitionReader
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.logs import configure_logs
from spanstream.consumer.operations.publishing import document_record, question_record
from spanstream.consumer.settings import LogSettings, Settings
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.schemas.codec import decode_answer, encode
from spanstream.schemas.events import Question

_PATIENCE = 300.0
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class HalfLoad:
    """One turn under half load: milliseconds from question to answer, and how many questions the second model read."""

    median: float
    p95: float
    read: int


def main() -> None:
    """Runs the benchmark and prints the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="pairs of turns (default 4)")
    parser.add_argument("--copies", type=int, default=12, help="copies of the sample tickets under full load")
    parser.add_argument("--questions", type=int, default=200, help="questions of a turn under half load")
    parser.add_argument("--load", type=float, default=0.5, help="share of the full rate that half load is")
    arguments = parser.parse_args()
    configure_logs(LogSettings(level="error"))
    work = copied_samples(arguments.copies)
    with tempfile.TemporaryDirectory() as folder, broker() as bootstrap_servers:
        second = shutil.copytree(DEFAULT_ARTIFACT, Path(folder) / "second")
        tried = {"SPANSTREAM_MODEL__SHADOW_PATH": str(second)}
        full_rate = _full_load(bootstrap_servers, work, tried, arguments.rounds)
        rate = arguments.load * full_rate
        medians, p95s = [], []
        for _ in range(arguments.rounds):
            turns = [_half_load(bootstrap_servers, work, more, arguments.questions, rate) for more in ({}, tried)]
            medians.append(turns[1].median / turns[0].median)
            p95s.append(turns[1].p95 / turns[0].p95)
            _print(
                f"{rate:.0f} questions/s: median {turns[0].median:.0f} ms, x {medians[-1]:.2f}; 95th percentile "
                f"{turns[0].p95:.0f} ms, x {p95s[-1]:.2f}; the second model read {turns[1].read}"
            )
        _print(f"half load: median x {statistics.median(medians):.2f}, 95th percentile x {statistics.median(p95s):.2f}")


def _full_load(bootstrap_servers: str, work: Workload, tried: Mapping[str, str], rounds: int) -> float:
    """Prints the ratios; returns the median of the questions a second without a second model."""
    rates, ratios, cpu_ratios = [], [], []
    for number in range(rounds):
        settings = ({}, tried) if number % 2 == 0 else (tried, {})
        runs = {bool(more): end_to_end(bootstrap_servers, work, more) for more in settings}
        without, with_second = runs[False], runs[True]
        rates.append(without.questions_per_second)
        ratios.append(with_second.windows_per_second / without.windows_per_second)
        cpu_ratios.append(with_second.cpu_seconds / without.cpu_seconds)
        _print(
            f"full load: {without.windows_per_second:.0f} windows/s, with a second model x {ratios[-1]:.3f}; CPU "
            f"{without.cpu_seconds:.1f} s, x {cpu_ratios[-1]:.3f}"
        )
    _print(
        f"full load: windows/s x {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), CPU x "
        f"{statistics.median(cpu_ratios):.3f} ({min(cpu_ratios):.3f} to {max(cpu_ratios):.3f})"
    )
    return statistics.median(rates)


def _half_load(
    bootstrap_servers: str, work: Workload, more: Mapping[str, str], questions: int, rate: float
) -> HalfLoad:
    """Asks one question after the other, so many a second, of a consumer that is up."""
    settings = fresh_settings(bootstrap_servers)
    create_topics(settings)
    publisher = AtLeastOncePublisher(settings.kafka)
    documents = [document_record(encode(it), settings.topics.documents, settings.limits) for it in work.documents]
    publisher.publish(documents, {})
    process = subprocess.Popen([sys.executable, "-m", "spanstream.consumer", "run"], env=environment_of(settings, more))
    try:
        asked = [
            question.model_copy(update={"question_id": f"{number}"})
            for number, question in enumerate(islice(cycle(work.questions), _WARM_UP + questions))
        ]
        _ask(publisher, settings, asked[:_WARM_UP], rate)
        _await(settings, settings.topics.answers, _WARM_UP)
        _ask(publisher, settings, asked[_WARM_UP:], rate)
        answered = _await(settings, settings.topics.answers, len(asked))
        read = len(_times(settings, settings.topics.shadow_answers))
    finally:
        process.terminate()
        process.wait()
        publisher.close()
    begun = _times(settings, settings.topics.questions)
    waits = sorted(answered[name] - begun[name] for name in begun if int(name) >= _WARM_UP)
    return HalfLoad(statistics.median(waits), waits[round(0.95 * len(waits)) - 1], read)


def _ask(publisher: AtLeastOncePublisher, settings: Settings, questions: list[Question], rate: float) -> None:
    started = time.perf_counter()
    for number, question in enumerate(questions):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        publisher.publish([question_record(encode(question), settings.topics.questions, settings.limits)], {})


def _await(settings: Settings, topic: str, count: int) -> dict[str, int]:
    deadline = time.monotonic() + _PATIENCE
    while len(times := _times(settings, topic)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(times)} of {count} answers")
        time.sleep(0.5)
    return times


def _times(settings: Settings, topic: str) -> dict[str, int]:
    """Returns when each question's record was written, in milliseconds since the epoch."""
    reader = KafkaPartitionReader(settings.kafka)
    try:
        read = Question.model_validate_json if topic == settings.topics.questions else decode_answer
        return {read(record.value or b"").question_id: record.timestamp_ms or 0 for record in tail(reader, topic)}
    finally:
        reader.close()


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the output of a command


if __name__ == "__main__":
    main()
