"""Runs the commands of `replay` on a real broker, in this process: their output, and their one-line errors."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from spanstream.consumer.broker.kafka import AtLeastOncePublisher, KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.protocols import Headers, Outgoing, Partition, Record
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.cli.program import app
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.topics import topic_specs
from spanstream.consumer.replay.ledger import ledger_of
from spanstream.consumer.replay.sending.job import ReplayJob
from spanstream.consumer.settings import KafkaSettings, TopicSettings
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import dead_letter, question_value
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.raw_producer import send_with_header_name

FOREIGN = Path(__file__).parents[1] / "unit" / "replay" / "records"
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."


@dataclass
class ReplayProgram:
    """The program, with settings that name topics of one test's own."""

    topics: Topics
    folder: Path
    name: str
    names: TopicSettings = field(init=False)

    def __post_init__(self) -> None:
        kinds = ("documents", "questions", "answers", "dead_letters", "retries")
        self.names = TopicSettings(**{kind: f"{self.name}.{kind}" for kind in kinds})
        self.topics.admin.create(topic_specs(self.names, partitions=2))

    def run(self, *arguments: str, **settings: str) -> Result:
        environment = {
            "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS": self.topics.bootstrap,
            "SPANSTREAM_KAFKA__GROUP_ID": self.name,
            "SPANSTREAM_LOG__LEVEL": "error",
            "COLUMNS": "160",
            **{f"SPANSTREAM_TOPICS__{kind.upper()}": name for kind, name in self.names.model_dump().items()},
            **settings,
        }
        return CliRunner().invoke(app, ["replay", *arguments], env=environment)

    def out(self, *arguments: str, **settings: str) -> str:
        """Returns what a command that succeeds prints."""
        result = self.run(*arguments, **settings)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def stopped(self, *arguments: str, **settings: str) -> str:
        """Returns the one line of a command that fails."""
        error = self.run(*arguments, **settings).exception
        assert isinstance(error, Stop), error
        assert "\n" not in str(error)
        return str(error)

    def replay(self, *arguments: str) -> dict[str, Any]:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.jsonl"
        totals: dict[str, Any] = json.loads(self.out("run", "--yes", "--json", "--manifest", str(path), *arguments))
        return totals

    def publish(self, *records: Outgoing) -> None:
        publisher = AtLeastOncePublisher(KafkaSettings(bootstrap_servers=self.topics.bootstrap))
        publisher.publish(records, {})
        publisher.close()

    def letter(self, name: str, reason: Reason = Reason.DOCUMENT_MISSING, **fields: Any) -> None:
        origin = {"origin": self.names.questions}
        self.publish(dead_letter(self.names.dead_letters, name, reason, **(origin | fields)))

    def read(self, topic: str) -> list[Record]:
        reader = KafkaPartitionReader(KafkaSettings(bootstrap_servers=self.topics.bootstrap))
        try:
            return list(tail(reader, topic))
        finally:
            reader.close()


@pytest.fixture
def program(topics: Topics, tmp_path: Path) -> ReplayProgram:
    return ReplayProgram(topics, tmp_path, topics.make(prefix="replay"))


def test_a_summary_counts_by_every_dimension_and_commits_nothing(program: ReplayProgram) -> None:
    for number in range(5):
        program.letter(f"q{number}", minutes=number * 24 * 60)
    program.letter("bad", Reason.UNDECODABLE, headers=(("dlq.model", b"left out: it is not its own"),))
    counts = json.loads(program.out("summary", "--json"))
    assert counts["dead_letters"]["count"] == 6
    assert {name: group["count"] for name, group in counts["by_reason"].items()} == {
        "document_missing": 5,
        "undecodable": 1,
    }
    assert counts["by_origin_topic"][program.names.questions]["count"] == 6
    assert list(counts["by_day"]) == [f"2026-{day}" for day in ("01-31", "02-01", "02-02", "02-03", "02-04")]
    assert counts["by_reason"]["document_missing"]["oldest"] == "2026-01-31T12:00:00.000Z"
    assert counts["by_reason"]["document_missing"]["sample"]["detail"] == "about q4"
    output = program.out("summary")
    assert "document_missing" in output
    assert "6 dead letters" in output
    lag = program.topics.admin.lag(f"{program.name}.replay", [program.names.dead_letters])
    assert sum(lag.values()) >= 6


def test_every_verb_takes_the_same_selection(program: ReplayProgram) -> None:
    for number in range(4):
        program.letter(f"q{number}", minutes=number, key=f"k{number}".encode(), headers=(("team", b"export"),))
    program.letter("late", minutes=600)
    selection = ("--until", "2026-01-31T13:00", "--header", "team=exp*", "--key", "k2", "--detail", "ABOUT")
    listed = [json.loads(line) for line in program.out("list", "--json", *selection).splitlines()]
    assert [line["key"] for line in listed] == ["k2"]
    shown = json.loads(program.out("show", "--json", *selection))
    assert shown["headers"][0] == ["own", "q2"]
    assert json.loads(program.out("summary", "--json", *selection))["dead_letters"]["count"] == 1
    planned = [json.loads(line) for line in program.out("run", "--dry-run", "--json", *selection).splitlines()]
    assert [line["source"] for line in planned] == [listed[0]["place"]]
    assert program.replay(*selection)["replayed"] == 1
    assert [record.key for record in program.read(program.names.questions)] == [b"k2"]
    assert json.loads(program.out("list", "--json", "--state", "replayed"))["key"] == "k2"


def test_a_candidate_is_marked_in_its_document(program: ReplayProgram) -> None:
    program.publish(Outgoing(program.names.documents, b"d", json.dumps({"document_id": "d", "text": TEXT}).encode()))
    program.letter("span", Reason.SPAN_MISMATCH, candidate={"char_start": 36, "char_end": 44})
    place = json.loads(program.out("list", "--json"))["place"]
    for argument in (place, "/".join(place.split("/")[-2:])):
        output = program.out("show", argument)
        assert "⟦FXP-4107⟧" in output
        assert "dlq.candidate" in output
    program.letter("inline", Reason.SPAN_MISMATCH, candidate={"char_start": 4, "char_end": 11},
                value=json.dumps({"question_id": "q", "question": "?", "context": TEXT}).encode())  # fmt: skip
    assert "⟦nightly⟧" in program.out("show", "--detail", "inline")


def test_a_dry_run_shows_what_would_change_and_sends_nothing(program: ReplayProgram) -> None:
    program.letter("q", value=question_value("q", priority=1), headers=(("traceparent", b"00-1-2-01"), ("x", b"\xff")))
    output = program.out(
        "run", "--dry-run", "--fix", "drop-field=priority", "--fix", 'set-field=metadata={"by": "replay"}'
    )
    assert '-  "priority": 1' in output
    assert '+    "by": "replay"' in output
    assert "headers dropped: dlq.attempt" in output
    assert "traceparent" in output
    assert "1 dead letter would be sent" in output
    assert program.read(program.names.questions) == []
    assert program.read(ledger_of(program.names.dead_letters)) == []


def of_spring(name: str) -> Headers:
    written = json.loads((FOREIGN / f"{name}.json").read_text(encoding="utf-8"))
    return tuple((header, None if value is None else bytes.fromhex(value)) for header, value in written)


def test_another_teams_dead_letters_go_back_to_their_own_topic(program: ReplayProgram) -> None:
    dead, orders = program.topics.make(prefix="orders-dlt"), program.topics.make(4, prefix="orders")
    named = tuple(
        (name, orders.encode() if name.endswith("original-topic") else value) for name, value in of_spring("spring")
    )
    program.publish(Outgoing(dead, b"o-1", b"\x00\x01", named))
    assert "do not exist: `spanstream replay prepare" in program.stopped("run", "--topic", dead, "--yes")
    assert "created" in program.out("prepare", "--topic", dead)
    assert "was there" in program.out("prepare", "--topic", dead)
    assert program.replay("--topic", dead, "--reason", "IllegalArgumentException")["replayed"] == 1
    (record,) = program.read(orders)
    assert (record.partition.number, record.key, record.value) == (3, b"o-1", b"\x00\x01")
    names = ["own", "replay.attempt", "replay.run", "replay.source", "replay.timestamp"]
    assert [name for name, _ in record.headers] == names


def test_no_older_document_goes_over_a_newer_one_and_none_that_was_deleted_comes_back(program: ReplayProgram) -> None:
    documents = program.names.documents
    ids = ("changed", "deleted", "waiting")
    bad = {name: json.dumps({"document_id": name, "text": "old", "unknown": 1}).encode() for name in ids}
    program.publish(*(Outgoing(documents, name.encode(), value) for name, value in bad.items()))
    for record in program.read(documents):
        assert record.key is not None
        place = {"origin_partition": record.partition.number, "origin_offset": record.offset}
        values = {"key": record.key, "value": record.value, "timestamp_ms": record.timestamp_ms}
        program.letter(record.key.decode(), Reason.INVALID_EVENT, origin=documents, **(place | values))
    good = json.dumps({"document_id": "changed", "text": "new"}).encode()
    program.publish(Outgoing(documents, b"changed", good), Outgoing(documents, b"deleted", None))
    before = Counter(record.key for record in program.read(documents))

    fix = ("--fix", "drop-field=unknown")
    dry = program.out("run", "--dry-run", *fix)
    assert "holds a newer record of its key" in dry
    assert "its key was deleted" in dry
    totals = program.replay(*fix)
    assert (totals["replayed"], totals["refused"]) == (1, 2)
    # Partitions are read in any order, so it is not said which records come last.
    assert Counter(record.key for record in program.read(documents)) - before == Counter([b"waiting"])
    totals = program.replay(*fix, "--over-newer")
    assert totals["replayed"] == 2


def test_what_is_wrong_is_one_line_and_nothing_is_sent(program: ReplayProgram) -> None:
    program.letter("q")
    wrong = {
        ("run", "--yes", "--to", "elsewhere"): "not an allowed destination",
        ("run", "--yes", "--fix", "drop"): "there is no such fix",
        ("run", "--yes", "--manifest", "/no/such/folder/m"): "cannot be written",
        ("run", "--yes", "--ledger", program.names.answers): "cleanup.policy=delete",
        ("show", "0/999"): "no such dead letter",
        ("list", "--topic", "no-such-topic"): "no-such-topic",
    }
    for arguments, message in wrong.items():
        assert message in program.stopped(*arguments)
    output = program.out("run", "--yes", "--reason", "too_large")
    assert output.count("\n") == 1
    assert "(document_missing 1) none is selected (reason too_large)" in output
    assert program.run("run").exit_code == 2  # nobody can be asked without a terminal
    assert program.read(program.names.questions) == []


def test_a_destination_that_does_not_exist_is_one_line_and_nothing_is_sent(program: ReplayProgram) -> None:
    program.letter("q")
    program.letter("lost", origin="no-such-topic")
    output = program.stopped("run", "--yes")
    assert "the topic no-such-topic does not exist, and 1 of the selected dead letters would go there" in output
    assert program.read(program.names.questions) == []


def test_headers_that_are_not_utf8_are_one_line_and_do_not_stop_the_others(program: ReplayProgram) -> None:
    program.letter("fine")
    program.publish(Outgoing(program.names.dead_letters, b"k", b"v", (("dlq.reason", b"\xff"), ("x", b"\xfe"))))
    send_with_header_name(program.topics.bootstrap, program.names.dead_letters, b"dlq.\xff", b"k", b"v")
    totals = program.replay()
    assert (totals["replayed"], totals["refused"]) == (1, 2)
    reasons = {"header dlq.reason: it is not UTF-8", "its headers cannot be read: a name is not UTF-8"}
    assert totals["refusals"] == dict.fromkeys(reasons, 1)
    assert "(unreadable)" in program.out("list")


def test_a_topic_emptied_by_retention_on_the_way_is_one_line(
    program: ReplayProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        program.letter(f"q{number}")
    send = ReplayJob.send

    def cut_and_send(self: ReplayJob, *arguments: Any) -> Any:
        empty(program)
        return send(self, *arguments)

    monkeypatch.setattr(ReplayJob, "send", cut_and_send)
    output = program.out("run", "--yes", "--manifest", str(program.folder / "m.jsonl"))
    assert "3 of the selected dead letters were gone when their turn came: retention took them" in output


def empty(program: ReplayProgram) -> None:
    from confluent_kafka import TopicPartition  # noqa: PLC0415  a test's own way to a broker
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415  only this test needs it

    client = AdminClient({"bootstrap.servers": program.topics.bootstrap})
    everything = [TopicPartition(program.names.dead_letters, number, -1) for number in range(2)]
    for answer in client.delete_records(everything).values():
        answer.result(30)


def test_a_topic_created_anew_has_another_id(topics: Topics) -> None:
    name = topics.make()
    first = topics.admin.topic_id(name)
    assert first == TopicAdmin(KafkaSettings(bootstrap_servers=topics.bootstrap)).topic_id(name)
    topics.admin.delete([name])
    assert topics.admin.topic_id("no-such-topic") == ""
    assert first not in {"", topics.admin.topic_id(topics.make())}


def test_the_backlog_is_the_groups_lag(program: ReplayProgram) -> None:
    for number in range(4):
        program.letter(f"q{number}", partition=number % 2)
    group, dead = f"{program.name}.replay", program.names.dead_letters
    assert program.replay("--detail", "about q1")["replayed"] == 1
    assert sum(program.topics.admin.lag(group, [dead]).values()) >= 3
    assert program.replay()["replayed"] == 3
    assert program.topics.admin.lag(group, [dead]) == {Partition(dead, 0): 0, Partition(dead, 1): 0}
