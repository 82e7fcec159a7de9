"""Each command with exactly the rights of docs/security.md, by password and certificate; and with each one missing."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.cli.exit_codes import TERMINATED
from spanstream.consumer.settings import KafkaSettings
from spanstream.schemas.triage import Ticket
from tests.support.events.dead_letters import dead_letter
from tests.support.kafka.documented_rights import NamedStream, documented_rights
from tests.support.kafka.program import until
from tests.support.kafka.secure_broker import Right, SecureBroker, User
from tests.support.kafka.stream import document, named, question
from tests.support.redis.redis_server import RedisServer

ARGUMENTS = {
    "run": ("run", "--once"),
    "triage run": ("triage", "run"),
    "replay run": ("replay", "run", "--yes"),
    "replay summary": ("replay", "summary"),
    "publish documents": ("publish", "documents", "-"),
    "publish questions": ("publish", "questions", "-"),
    "publish tickets": ("publish", "tickets", "-"),
    "feedback run": ("feedback", "run"),
    "feedback publish": ("feedback", "publish", "-"),
    "index run": ("index", "run", "--once"),
    "index rebuild": ("index", "rebuild", "--grace", "0"),
    "feedback tail": ("feedback", "tail", "--json"),
    "answers": ("answers", "--json"),
    "backfill": ("backfill",),
    "erase": ("erase", "--document-id", "d1", "--ticket-id", "T1", "--yes"),
    "doctor": ("doctor",),
    "topics create": ("topics", "create", "--triage", "--feedback", "--partitions", "1"),
    "topics describe": ("topics", "describe"),
}
TEXT = "The nightly export stops with error FXP-4107 since Tuesday."
FEEDBACK = json.dumps(
    {
        "question_id": "q1",
        "document_id": "d1",
        "document_sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "question": "Which error does the export stop with?",
        "verdict": "no_answer",
        "given_at": "2026-01-31T12:34:56.789Z",
    }
).encode()
# The topic that a command without an end has written to when it is done.
ENDLESS = {"triage run": "triage", "feedback run": "labels"}
STDIN = {
    "publish documents": b'{"document_id": "d9", "text": "It works."}\n',
    "publish questions": b'{"question_id": "q9", "question": "Does it work?", "document_id": "d9"}\n',
    "feedback publish": FEEDBACK,
    "publish tickets": b'{"ticket_id": "t9", "subject": "It works", "body": "It does."}\n',
}
# Seconds after which a command is said to wait for ever; a busy machine takes a minute to start one.
LONGEST = 240.0
# A triage record is due a second after the questions, whether or not a consumer answers.
PLAYBOOK = """
playbook: small
version: "1"
deadline_seconds: 1
fields:
  error: {questions: [Which error is it?], min_confidence: 0.1}
routes: [{route: everything, because: there is one queue}]
priorities: [{priority: normal, because: all are}]
"""


# The desk runs on where one is missing: tests/integration/test_desk_rights.py.
RIGHTS = {command: rights for command, rights in documented_rights().items() if command != "desk"}


@dataclass(frozen=True)
class Party:
    """A command, run by a user of its own."""

    broker: SecureBroker
    stream: NamedStream
    command: str
    user: User

    def run(self, access: KafkaSettings) -> subprocess.CompletedProcess[bytes]:
        """Runs it to its end; one that has none, until it has published what it is there for."""
        self.stream.settings |= access_of(access)
        if self.command not in ENDLESS:
            return self.stream.command(*ARGUMENTS[self.command], stdin=STDIN.get(self.command, b""), seconds=LONGEST)
        program = self.stream.start(*ARGUMENTS[self.command])
        topic = getattr(self.stream.topics, ENDLESS[self.command])
        until(
            lambda: not program.is_running or any(record.value for record in self.stream.read(topic)),
            "what it publishes",
            LONGEST,
        )
        if program.is_running:
            program.send(signal.SIGTERM)
        return subprocess.CompletedProcess([], program.wait(), b"", program.log.encode())


MakeParty = Callable[[str, list[Right]], Party]


def access_of(kafka: KafkaSettings) -> dict[str, str]:
    return {"KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA__CLIENT": json.dumps(kafka.client)}


@pytest.fixture
def make_party(secure_kafka: SecureBroker, redis_server: RedisServer, tmp_path: Path) -> Iterator[MakeParty]:
    """Makes a stream with work for which the command needs all its rights, and a user who has some of them."""
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    settings = {
        "REDIS__URL": redis_server.url,
        "REDIS__TIMEOUT_SECONDS": "10",
        "REDIS__NAMESPACE": f"spanstream-test-{uuid.uuid4().hex}",
        "RETRIES__DELAY_SECONDS": "0.1",
        "RETRIES__MAX_ATTEMPTS": "2",
        "TRIAGE__PLAYBOOK": str(tmp_path / "playbook.yaml"),
    }
    stream = NamedStream(secure_kafka.bootstrap, tmp_path, 1, settings)

    def make(command: str, rights: list[Right]) -> Party:
        user = secure_kafka.user(f"u{uuid.uuid4().hex[:12]}", "a-password", "a-key-password")
        secure_kafka.grant(user, [stream.right(right) for right in rights])
        if command.startswith("index "):
            stream.settings["INDEX__URI"] = str(tmp_path / "index")
        if command != "topics create":
            stream.create_topics()
            stream.publish(work(stream))
        if (
            command == "erase"
        ):  # a label; and a ticket that the triage stream has forgotten and that is not compacted yet
            stream.publish([named("label", stream.topics.labels, "q1", FEEDBACK)])
            forgotten = b"ticket:T1", stream.topics.triage_state
            stream.publish([Outgoing(forgotten[1], forgotten[0], value) for value in (b'{"ticket_id": "T1"}', None)])
        return Party(secure_kafka, stream, command, user)

    yield make
    stream.close()


def work(stream: NamedStream) -> list[Outgoing]:
    """Records that lead to an answer, a retry, dead letters, a parked and two replayed records, and a triage record."""
    topics = stream.topics
    letters, ledger = topics.dead_letters, f"{topics.dead_letters}.ledger"
    return [
        document(topics.documents, "d1", TEXT),
        question(topics.questions, "q1", "Which error does the export stop with?", "d1"),
        question(topics.questions, "q2", "Is it there?", "missing"),
        named("bad", topics.questions, "k", b"{"),
        stream.ticket(Ticket(ticket_id="T1", subject="Export fails", body="It stops with error FXP-4107.")),
        named("bad ticket", topics.tickets, "k", b"{"),
        named("feedback", topics.feedback, "d1", FEEDBACK),
        named("bad feedback", topics.feedback, "k", b"{"),
        Outgoing(topics.labels, b"deleted", None),  # an empty partition is not read
        dead_letter(letters, "a question", origin=topics.questions),
        dead_letter(letters, "a document", origin=topics.documents, key=b"d2", value=b"{}"),
        dead_letter(letters, "again", origin=topics.questions, headers=(("replay.attempt", b"3"),)),
        Outgoing(ledger, json.dumps(["attempts", "0" * 64]).encode(), b'{"runs": []}'),
    ]


def test_every_command_of_the_table_is_tested() -> None:
    assert RIGHTS.keys() == ARGUMENTS.keys()


@pytest.mark.parametrize("login", ["password", "certificate"])
@pytest.mark.parametrize("command", ARGUMENTS)
def test_with_exactly_the_documented_rights_a_command_works(make_party: MakeParty, command: str, login: str) -> None:
    party = make_party(command, RIGHTS[command])
    access = party.broker.scram(party.user) if login == "password" else party.broker.mtls(party.user)
    done = party.run(access)
    assert done.returncode == (TERMINATED if command in ENDLESS else 0), (done.stdout, done.stderr)
    assert b"refused" not in done.stdout + done.stderr
    if command == "run":
        assert len(party.stream.answers()) == 1
    if command == "replay run":
        assert [len(party.stream.read(topic)) for topic in (party.stream.topics.questions,)] == [4]


@pytest.mark.parametrize(
    ("settings", "unneeded"),
    [({"KAFKA__GROUP_PROTOCOL": "consumer"}, ""), ({"KAFKA__TRANSACTIONS": "false"}, "transactional id")],
    ids=["the group protocol consumer", "no transactions"],
)
def test_a_consumer_set_up_otherwise_needs_no_other_right(
    make_party: MakeParty, settings: dict[str, str], unneeded: str
) -> None:
    party = make_party("run", [right for right in RIGHTS["run"] if right.kind != unneeded])
    party.stream.settings |= settings
    done = party.run(party.broker.scram(party.user))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "missing"),
    [(command, right) for command, rights in RIGHTS.items() for right in rights],
    ids=str,
)
def test_a_missing_right_is_one_line_that_says_what_to_grant(
    make_party: MakeParty, command: str, missing: Right
) -> None:
    party = make_party(command, [right for right in RIGHTS[command] if right != missing])
    done = party.run(party.broker.scram(party.user))
    printed, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 1, (printed, errors)
    assert "Traceback" not in printed + errors
    if command == "doctor":
        lines = [line for line in printed.splitlines() if line.startswith("failed")]
    else:
        lines = [line for line in errors.splitlines() if not line.startswith("{")]
        assert all(line.startswith("spanstream: ") for line in lines), errors
    assert len(lines) == 1, (printed, errors)
    assert re.search(grant_of(party.stream.right(missing)), lines[0]), lines[0]


def grant_of(right: Right) -> str:
    """Returns what the line says; without Read or Write on a topic Kafka may not even let it be described."""
    operation = f"(?:{right.operation}|Describe)" if right.operation in {"Read", "Write"} else right.operation
    name = re.escape(right.name.removesuffix("*"))
    return rf"grant this user {operation} on the {right.kind} {name}" + (
        "" if right.name.endswith("*") else r"(?![\w.-])"
    )


def strangers(broker: SecureBroker, user: User) -> dict[str, tuple[KafkaSettings, str]]:
    scram, mtls = broker.scram(user), broker.mtls(user)
    no_certificate = {
        name: value for name, value in mtls.client.items() if name in {"security.protocol", "ssl.ca.location"}
    }
    no_authority = {name: value for name, value in scram.client.items() if name != "ssl.ca.location"}
    return {
        "a wrong password": (with_client(scram, {**scram.client, "sasl.password": "a guess"}), "check the user"),
        "a wrong key password": (with_client(mtls, {**mtls.client, "ssl.key.password": "a guess"}), "ssl.key.location"),
        "no certificate": (with_client(mtls, no_certificate), "certificate"),
        "a broker of an unknown authority": (with_client(scram, no_authority), "certificate"),
    }  # fmt: skip


def with_client(settings: KafkaSettings, client: dict[str, str | int | float | bool]) -> KafkaSettings:
    return settings.model_copy(update={"client": client})


@pytest.mark.parametrize(
    "who", ["a wrong password", "a wrong key password", "no certificate", "a broker of an unknown authority"]
)
def test_a_stranger_gets_one_line(make_party: MakeParty, who: str) -> None:
    party = make_party("answers", RIGHTS["answers"])
    access, saying = strangers(party.broker, party.user)[who]
    done = party.run(access)
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("{")]
    assert done.returncode == 1
    assert len(lines) == 1, lines
    assert saying in lines[0]
    assert "a guess" not in done.stderr.decode()
