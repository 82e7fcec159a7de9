"""The program against a real broker: a test's own topics, the program as a process, and what came out.

`SPANSTREAM_TEST_MODEL` names another artifact folder than the repository's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from spanstream.consumer.broker.kafka import AtLeastOncePublisher, KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Partition, Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.errors import Retryable
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.settings import KafkaSettings, TopicSettings
from spanstream.models.artifact import MANIFEST
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.schemas.codec import decode_answer
from spanstream.schemas.dead_letters import DeadLetter, from_headers
from spanstream.schemas.events import Answer
from tests.support.kafka.program import PATIENCE, Program, until
from tests.support.kafka.read_once import ReadOnce

REPOSITORY = Path(__file__).parents[3]
# A header of the tests' own, by which a dead letter that holds no event is told from others.
NAME = "test-name"
_T = TypeVar("_T")


def artifact_folder() -> Path:
    """Returns the artifact to run; skips where there is none."""
    folder = Path(os.environ.get("SPANSTREAM_TEST_MODEL") or DEFAULT_ARTIFACT)
    if not (folder / MANIFEST).exists():
        pytest.skip(f"no model artifact at {folder}")
    return folder


@dataclass
class Stream:
    """Six topics, a group and settings of their own in a broker; `environment` is what the program gets to see."""

    bootstrap: str
    folder: Path
    partitions: int = 3
    settings: dict[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"s{uuid.uuid4().hex[:8]}")
    programs: list[Program] = field(default_factory=list)
    topics: TopicSettings = field(init=False)

    def __post_init__(self) -> None:
        roles = ("documents", "questions", "answers", "dead_letters", "retries", "open_questions")
        self.topics = TopicSettings(**{role: f"{self.name}.{role}" for role in roles})

    @property
    def config(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.bootstrap, group_id=self.name)

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANSTREAM_")}
        named = {f"TOPICS__{topic.upper()}": name for topic, name in self.topics.model_dump().items()}
        ours = {
            "KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA__GROUP_ID": self.name,
            "MODEL__PATH": str(artifact_folder()),
            "MODEL__THREADS": "1",
            "HTTP__PORT": "0",
            "HTTP__HOST": "127.0.0.1",
            "LOG__FORMAT": "json",
            **named,
            **self.settings,
        }
        # Two BLAS pools of sleeping threads a process are of no use here.
        return {**clean, "OMP_NUM_THREADS": "1"} | {f"SPANSTREAM_{name}": value for name, value in ours.items()}

    def create_topics(self) -> None:
        TopicAdmin(self.config).create(topic_specs(self.topics, partitions=self.partitions))

    def start(self, *arguments: str, **settings: str) -> Program:
        """Starts the program (by default `run`); `settings` go into its environment: `KAFKA__GROUP_PROTOCOL=...`."""
        number = len(self.programs)
        log_file = self.folder / f"{self.name}-{number}.log"
        environment = self.environment | {f"SPANSTREAM_{name}": value for name, value in settings.items()}
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "spanstream.consumer", *(arguments or ("run",))],
                cwd=self.folder,  # what a command writes where it stands is not the repository's
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.programs.append(Program(process, log_file))
        return self.programs[-1]

    def command(
        self, *arguments: str, stdin: bytes = b"", seconds: float = PATIENCE, **settings: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command of the program to its end."""
        return subprocess.run(
            [sys.executable, "-m", "spanstream.consumer", *arguments],
            cwd=self.folder,  # what a command writes where it stands is not the repository's
            env=self.environment | {f"SPANSTREAM_{name}": value for name, value in settings.items()},
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def publish(self, records: Sequence[Outgoing], seconds: float = PATIENCE) -> None:
        send(self.config, records, seconds)

    def recreate_documents(self) -> None:
        """Deletes the documents topic and creates it anew, empty."""
        admin = TopicAdmin(self.config)
        specs = topic_specs(self.topics, partitions=self.partitions)
        documents = next(spec for spec in specs if spec.name == self.topics.documents)
        admin.delete([documents.name])
        until(lambda: admin.create([documents]) == [documents.name], f"the deletion of {documents.name}")

    def read(self, topic: str) -> list[Record]:
        """Returns what a read_committed reader sees in the topic now; a broker that is busy is asked again."""
        return self._ask(lambda reader: list(ReadOnce().check(tail(reader, topic))))

    def ends(self, topic: str) -> dict[int, int]:
        """Returns where each partition of the topic ends now; a broker that is busy is asked again."""
        ends = self._ask(lambda reader: reader.end_offsets(reader.partitions(topic)))
        return {partition.number: end for partition, end in ends.items()}

    def _ask(self, question: Callable[[KafkaPartitionReader], _T]) -> _T:
        deadline = time.monotonic() + PATIENCE
        while True:
            reader = KafkaPartitionReader(self.config)
            try:
                return question(reader)
            except Retryable:
                if time.monotonic() > deadline:
                    raise
            finally:
                reader.close()

    def answers(self) -> list[Answer]:
        return [decode_answer(record.value or b"") for record in self.read(self.topics.answers)]

    def failures(self) -> list[DeadLetter]:
        """Returns what every dead letter says: a test that wants none shows the reasons where it fails."""
        return [from_headers(record.headers) for record in self.read(self.topics.dead_letters)]

    def dead_letters(self) -> dict[str, Record]:
        """By the name that `named` gave the record; each must be there once."""
        records = self.read(self.topics.dead_letters)
        by_name = {name_of(record): record for record in records}
        assert len(by_name) == len(records), "a record was dead-lettered twice"
        return by_name

    def lag(self) -> dict[Partition, int]:
        """Of the partitions where there is any."""
        lag = TopicAdmin(self.config).lag(self.name, self.topics.consumed)
        return {partition: records for partition, records in lag.items() if records}

    def await_no_lag(self, seconds: float = PATIENCE) -> None:
        until(lambda: not self.lag(), f"no lag (it is {self.lag()})", seconds, every=0.2)

    def await_retries(self, count: int) -> None:
        """Waits until so many records stand in the retries topic."""
        until(lambda: len(self.read(self.topics.retries)) >= count, f"{count} retries", every=0.2)

    @contextmanager
    def watch(self) -> Iterator[StreamOutcomes]:
        """Yields what comes out, read as it comes."""
        reader = KafkaPartitionReader(self.config)
        try:
            topics = (self.topics.answers, self.topics.dead_letters)
            reader.follow({partition: None for topic in topics for partition in reader.partitions(topic)})
            yield StreamOutcomes(reader, self)
        finally:
            reader.close()

    def check_programs(self) -> None:
        """Fails if one ended by itself with an error."""
        for program in self.programs:
            code = program.process.poll()
            if code is not None and code > 0 and code != TERMINATED:
                pytest.fail(f"a program ended with exit code {code}; its log ends:\n{program.log[-3000:]}")

    def close(self) -> None:
        for program in self.programs:
            if program.is_running:
                program.kill()


@dataclass
class StreamOutcomes:
    """Answers and dead letters as a read_committed reader sees them, by question id and by `NAME`."""

    reader: KafkaPartitionReader
    stream: Stream
    answers: list[Answer] = field(default_factory=list)
    dead_letters: list[Record] = field(default_factory=list)
    _once: ReadOnce = field(default_factory=ReadOnce)

    def __len__(self) -> int:
        return len(self.answers) + len(self.dead_letters)

    @property
    def failures(self) -> list[DeadLetter]:
        """What every dead letter says."""
        return [from_headers(letter.headers) for letter in self.dead_letters]

    @property
    def names(self) -> list[str]:
        """Of all that came out, as often as it did."""
        return [answer.question_id for answer in self.answers] + [name_of(letter) for letter in self.dead_letters]

    def poll(self) -> int:
        for record in self._once.check(self.reader.poll(1000, 0.05)):
            if record.partition.topic == self.stream.topics.answers:
                self.answers.append(decode_answer(record.value or b""))
            else:
                self.dead_letters.append(record)
        return len(self)

    def await_count(self, count: int, seconds: float = PATIENCE) -> None:
        """Waits for so many outcomes of different names; that none comes twice is for the test to say."""

        def enough() -> bool:
            self.stream.check_programs()
            return self.poll() >= count and len(set(self.names)) >= count

        try:
            until(enough, f"{count} outcomes", seconds, every=0)
        except pytest.fail.Exception as failure:
            logs = "\n".join(program.log[-1500:] for program in self.stream.programs if program.is_running)
            pytest.fail(f"{failure}; there are {len(set(self.names))} of {len(self)}; the logs end:\n{logs}")


def send(settings: KafkaSettings, records: Sequence[Outgoing], seconds: float = PATIENCE) -> None:
    """Publishes records without a transaction, through a producer of their own."""
    publisher = AtLeastOncePublisher(settings, publish_timeout_seconds=seconds)
    try:
        publisher.publish(records, {})
    finally:
        publisher.close()


def name_of(record: Record) -> str:
    return (record.header(NAME) or b"").decode()


def named(name: str, topic: str, key: str | bytes | None, value: bytes | None, **fields: Any) -> Outgoing:
    """Returns a record with a name of the test's own in its headers."""
    headers = ((NAME, name.encode()), *fields.pop("headers", ()))
    return Outgoing(topic, key.encode() if isinstance(key, str) else key, value, headers, **fields)


def document(topic: str, document_id: str, text: str, **fields: Any) -> Outgoing:
    value = json.dumps({"document_id": document_id, "text": text}).encode()
    return named(document_id, topic, document_id, value, **fields)


def question(topic: str, question_id: str, asked: str, document_id: str, **fields: Any) -> Outgoing:
    """Returns a question about a document; `fields` are more of the event's, and `headers`."""
    ours = {name: fields.pop(name) for name in ("headers", "partition") if name in fields}
    event = {"question_id": question_id, "question": asked, "document_id": document_id, **fields}
    return named(question_id, topic, document_id, json.dumps(event).encode(), **ours)


def without_times(records: Sequence[Record]) -> dict[str, tuple[bytes | None, bytes, dict[str, bytes | None]]]:
    """Answers by question id, to be compared byte for byte: all but when and where they were given."""
    answers = {}
    for record in records:
        answer = decode_answer(record.value or b"")
        value = answer.model_dump_json(exclude={"answered_at"}).encode()
        headers = {name: text for name, text in record.headers if name not in {"ce_time", "ce_source"}}
        answers[answer.question_id] = (record.key, value, headers)
    return answers
