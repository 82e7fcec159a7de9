"""`make bench-desk`: how soon the desk's first page is there, and its memory, with many answers in the topics.

Needs Java and Maven for the broker, or SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS of one that runs. Linux.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench.workload import broker
from spanstream.consumer.broker.kafka import AtLeastOncePublisher, TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.settings import KafkaSettings, TopicSettings
from spanstream.schemas.codec import encode
from spanstream.schemas.events import Question
from tests.support.desk.desk_scene import DeskScene
from tests.support.free_port import free_port

_BATCH = 10_000
_DOCUMENTS = 5_000
_POLL_SECONDS = 0.1


def main() -> None:
    """Runs the benchmark and prints a line for each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, default=100_000, help="answers in the topics (default 100000)")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 20_000, 100_000], help="SPANSTREAM_DESK__ROWS")
    parser.add_argument("--turns", type=int, default=2, help="runs of each (default 2)")
    arguments = parser.parse_args()
    with broker() as bootstrap_servers:
        name = f"desk-{uuid.uuid4().hex[:8]}"
        topics = TopicSettings(**{kind: f"{name}.{kind}" for kind in TopicSettings().model_dump()})
        kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)
        TopicAdmin(kafka).create(topic_specs(topics, partitions=3))
        _publish(kafka, topics, arguments.answers)
        for rows in arguments.rows * arguments.turns:
            first_page, megabytes = _measure(bootstrap_servers, topics, rows)
            print(f"{rows:>8,} rows: first page {first_page:.2f} s after it listens, {megabytes:.0f} MB")  # noqa: T201  the result


def _publish(kafka: KafkaSettings, topics: TopicSettings, count: int) -> None:
    publisher = AtLeastOncePublisher(kafka)
    for begin in range(0, count, _BATCH):
        publisher.publish(list(_records(topics, range(begin, min(count, begin + _BATCH)))), {})
    publisher.close()


def _records(topics: TopicSettings, numbers: range) -> Iterator[Outgoing]:
    scene = DeskScene()
    document = scene.document("Since Tuesday the nightly export stops with error FXP-4107.")
    answer = scene.answer(document, "Which error does the nightly export stop with?", "FXP-4107")
    for number in numbers:
        question_id, document_id = f"question-{number}", f"ticket-{number % _DOCUMENTS}"
        text = f"Which error does the nightly export number {number} stop with?"
        asked = Question(question_id=question_id, document_id=document_id, question=text)
        given = answer.model_copy(update={"question_id": question_id, "document_id": document_id})
        yield Outgoing(topics.questions, document_id.encode(), encode(asked))
        yield Outgoing(topics.answers, document_id.encode(), encode(given))


def _measure(bootstrap_servers: str, topics: TopicSettings, rows: int) -> tuple[float, float]:
    """Returns the seconds from listening to the first page, and the megabytes once all is read."""
    port = free_port()
    settings = {f"SPANSTREAM_TOPICS__{kind.upper()}": name for kind, name in topics.model_dump().items()} | {
        "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "SPANSTREAM_DESK__PORT": str(port),
        "SPANSTREAM_DESK__ROWS": str(rows),
    }
    command = [sys.executable, "-m", "spanstream.consumer", "desk"]
    process = subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.PIPE)  # noqa: S603  our own program
    try:
        assert process.stderr is not None  # noqa: S101  it is a pipe
        process.stderr.readline()  # "started": it listens
        began = time.monotonic()
        page = _page(port)
        first_page = time.monotonic() - began
        while "Still reading" in page:
            time.sleep(_POLL_SECONDS)
            page = _page(port)
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        kilobytes = re.search(r"VmRSS:\s+(\d+)", status)
        assert kilobytes is not None  # noqa: S101  Linux says it
        return first_page, int(kilobytes[1]) / 1024
    finally:
        process.terminate()
        process.wait()


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as reply:
        text: str = reply.read().decode()
        return text


if __name__ == "__main__":
    main()
