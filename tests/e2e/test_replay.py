"""`spanstream replay` on a real broker: killed on the way, each record is at its origin once, and the rest untouched.

`SPANSTREAM_TEST_REPLAY` is the number of dead letters; 10,000 take about a minute.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.broker.protocols import Outgoing, Record
from spanstream.consumer.replay.ledger import parking_of
from spanstream.schemas.dead_letters import Reason
from tests.support.events.dead_letters import EPOCH, dead_letter, name_of
from tests.support.kafka.program import until
from tests.support.kafka.stream import Stream

LETTERS = int(os.environ.get("SPANSTREAM_TEST_REPLAY", "600"))
KILLS = 5 if LETTERS >= 1000 else 3
REASONS = (Reason.DOCUMENT_MISSING, Reason.INVALID_EVENT, Reason.UNDECODABLE, Reason.SPAN_MISMATCH)


def as_it_was(record: Record) -> tuple[bytes | None, bytes | None, bytes | None]:
    return record.key, record.value, record.header("own")


def whole(records: list[Record]) -> set[Record]:
    distinct = set(records)
    assert len(distinct) == len(records)
    return distinct


def totals(done: bytes) -> dict[str, object]:
    last_line: dict[str, object] = json.loads(done.splitlines()[-1])
    return last_line


def fill(stream: Stream) -> list[str]:
    """Dead letters of all reasons over some hours; the names of those that the test selects."""
    chance = random.Random(7)  # noqa: S311  the same every time
    records, wanted = [], []
    for number in range(LETTERS):
        name, reason, minutes = f"q{number}", chance.choice(REASONS), chance.uniform(0, 240)
        value = None if number % 97 == 0 else os.urandom(chance.randrange(1, 400))
        key = None if number % 89 == 0 else f"key-{number}".encode()
        traced = (("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("\xfc", b"\xff\x00"))
        letter = dead_letter(
            stream.topics.dead_letters,
            name,
            reason,
            origin=stream.topics.questions,
            origin_partition=number % stream.partitions,
            minutes=minutes,
            key=key,
            value=value,
            headers=traced,
        )
        records.append(letter)
        if reason is Reason.DOCUMENT_MISSING and 60 <= minutes < 180:
            wanted.append(name)
    stream.publish(records)
    return wanted


def assert_sent_as_they_were(arrived: list[Record], letters: list[Record], wanted: list[str]) -> None:
    assert Counter(name_of(record.headers) for record in arrived) == Counter(wanted)
    by_name = {name_of(record.headers): record for record in letters}
    for record in arrived:
        letter = by_name[name_of(record.headers)]
        assert as_it_was(record) == as_it_was(letter)
        assert record.partition.number == int(letter.header("dlq.partition") or b"")
        assert record.header("\xfc") == b"\xff\x00"
        assert record.header("replay.link") == letter.header("traceparent")
        assert not [name for name, _ in record.headers if name.startswith(("dlq.", "retry.", "trace"))]


def test_killed_on_the_way_every_selected_record_is_at_its_origin_once_and_every_other_untouched(
    stream: Stream,
) -> None:
    wanted = fill(stream)
    letters = stream.read(stream.topics.dead_letters)
    selection = (
        *("--reason", "document_missing", "--since", (EPOCH + timedelta(hours=1)).isoformat()),
        *("--until", (EPOCH + timedelta(hours=3)).isoformat()),
    )
    listed = stream.command("replay", "list", *selection, "--limit", "0", "--json").stdout.splitlines()
    assert len(listed) == len(wanted)

    def sent() -> list[Record]:
        return stream.read(stream.topics.questions)

    # About a twelfth of them a second, in batches of a quarter of a second: what is killed is in the middle.
    slowly = ("--rate", str(len(wanted) / 12), "--batch", str(max(1, len(wanted) // 48)))
    for kill in range(KILLS):
        written = ("--manifest", str(stream.folder / f"killed-{kill}.jsonl"))
        program = stream.start("replay", "run", *selection, "--yes", *written, *slowly)
        before = len(sent())
        until(lambda before=before: len(sent()) > before, "something sent", every=0.05)  # type: ignore[misc]  # mypy on a lambda's default
        time.sleep(random.uniform(0, 0.3))  # noqa: S311  anywhere in a batch
        assert program.is_running, program.log
        program.kill()
    manifest = stream.folder / "last.jsonl"
    last = stream.command("replay", "run", *selection, "--yes", "--json", "--manifest", str(manifest))
    assert last.returncode == 0, last.stderr.decode()
    assert_sent_as_they_were(sent(), letters, wanted)
    assert whole(stream.read(stream.topics.dead_letters)) == whole(letters)
    again = stream.command("replay", "run", *selection, "--yes")
    assert again.returncode == 0
    assert "nothing to replay" in again.stdout.decode()
    assert len(sent()) == len(wanted)
    for path in (stream.folder / "killed-0.jsonl", manifest):
        verified = stream.command("replay", "manifest", str(path), "--json")
        assert verified.returncode == 0, verified.stdout.decode()
        assert totals(verified.stdout)["holds"] is True
    summary = totals(stream.command("replay", "summary", "--json").stdout)
    assert summary["dead_letters"]["count"] == LETTERS - len(wanted)  # type: ignore[index]  # JSON
    rest = ("--manifest", str(stream.folder / "rest.jsonl"))
    assert stream.command("replay", "run", "--yes", *rest).returncode == 0
    assert not any(TopicAdmin(stream.config).lag(f"{stream.name}.replay", [stream.topics.dead_letters]).values())
    assert len(sent()) == LETTERS


def test_a_record_that_always_fails_is_parked_and_one_that_is_fixed_is_answered(stream: Stream) -> None:
    document, text = "ticket-7", "The nightly export stops with error FXP-4107 since Tuesday."
    asked = {"question_id": "fixable", "question": "Which error does the nightly export stop with?", "priority": 1}
    stream.publish(
        [
            Outgoing(
                stream.topics.documents, document.encode(), json.dumps({"document_id": document, "text": text}).encode()
            ),
            Outgoing(
                stream.topics.questions, document.encode(), json.dumps(asked | {"document_id": document}).encode()
            ),
            Outgoing(stream.topics.questions, b"k", b"\xff\xfe never an event"),
        ]
    )

    def consume() -> None:
        done = stream.command("run", "--once")
        assert done.returncode == 0, done.stderr.decode()

    def replay(*arguments: str) -> dict[str, object]:
        path = stream.folder / f"{time.monotonic_ns()}.jsonl"
        done = stream.command("replay", "run", "--yes", "--json", "--manifest", str(path), *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return totals(done.stdout)

    consume()
    check = totals(stream.command("replay", "check", "--json", "--fix", "drop-field=priority").stdout)
    assert check["outcomes"] == {"answered": 1, "refused": 1}  # what is not JSON has no such field
    assert replay("--reason", "invalid_event", "--fix", "drop-field=priority")["replayed"] == 1
    assert replay("--reason", "undecodable", "--max-attempts", "1")["replayed"] == 1
    consume()
    assert [answer.answer.text for answer in stream.answers() if answer.answer] == ["FXP-4107"]
    last = replay("--max-attempts", "1")
    assert (last["replayed"], last["parked"], last["refused"]) == (0, 1, 0)
    (parked,) = stream.read(parking_of(stream.topics.dead_letters))
    assert (parked.key, parked.value) == (b"k", b"\xff\xfe never an event")
    assert parked.header("replay.attempt") == b"1"
    assert parked.header("dlq.reason") == b"undecodable"


def test_an_interrupt_finishes_the_batch(stream: Stream) -> None:
    origin = stream.topics.questions
    stream.publish([dead_letter(stream.topics.dead_letters, f"q{number}", origin=origin) for number in range(60)])
    manifest = stream.folder / "interrupted.jsonl"
    slowly = ("--yes", "--rate", "5", "--batch", "2", "--manifest", str(manifest))
    program = stream.start("replay", "run", *slowly)
    until(lambda: bool(stream.read(origin)), "something sent", every=0.05)
    program.send(signal.SIGINT)
    assert program.wait() == 130, program.log
    assert "run it again to go on" in program.log
    assert 0 < len(stream.read(origin)) < 60
    assert json.loads(manifest.read_text().splitlines()[-1])["interrupted"] is True
    assert stream.command("replay", "manifest", str(manifest)).returncode == 0
    assert stream.command("replay", "run", "--yes", "--manifest", str(stream.folder / "rest.jsonl")).returncode == 0
    assert Counter(name_of(record.headers) for record in stream.read(origin)) == Counter(f"q{n}" for n in range(60))


def test_of_two_runs_at_once_the_later_one_wins_and_nothing_is_doubled(stream: Stream) -> None:
    origin, names = stream.topics.questions, [f"q{number}" for number in range(60)]
    stream.publish([dead_letter(stream.topics.dead_letters, name, origin=origin) for name in names])
    manifests = [stream.folder / f"run-{number}.jsonl" for number in range(2)]
    slowly = ("--yes", "--rate", "5", "--batch", "2", "--manifest", str(manifests[0]))
    earlier = stream.start("replay", "run", *slowly)
    until(lambda: bool(stream.read(origin)), "something sent", every=0.05)
    later = stream.command("replay", "run", "--yes", "--manifest", str(manifests[1]))
    assert later.returncode == 0, later.stderr.decode()
    assert earlier.wait() == 1
    assert "another replay of this topic took over" in earlier.log
    assert Counter(name_of(record.headers) for record in stream.read(origin)) == Counter(names)
    for manifest in manifests:
        assert stream.command("replay", "manifest", str(manifest)).returncode == 0
