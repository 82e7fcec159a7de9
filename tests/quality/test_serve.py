"""`spanstream serve` as a process, with the model that ships: it gives the answers of `ask`, and no client ends it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.cli.exit_codes import FAILED, TERMINATED
from tests.support.http.answers_client import Reply, ask, begin, send
from tests.support.kafka.program import Program, until

QUESTIONS = ("Which error does the export stop with?", "Since when?", "Who paid for it?")
TICKET = "Export\n\nSince Tuesday the nightly export stops with error FXP-4107 on node db-3. \N{GRINNING FACE}\n"
SECRET = "hunter2-nobody-may-see-this"  # noqa: S105  that is what is tested
HEAD = "POST /v1/answers HTTP/1.1\nHost: x\nContent-Type: application/json"


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPANSTREAM_")}
    ours = {"ANSWERS_API__PORT": "0", "HTTP__PORT": "0", "HTTP__HOST": "127.0.0.1", "LOG__FORMAT": "json", **settings}
    return clean | {f"SPANSTREAM_{name}": value for name, value in ours.items()}


def serve(folder: Path, **settings: str) -> Program:
    log_file = folder / "serve.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "spanstream.consumer", "serve"],
            cwd=folder,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    return Program(process, log_file)


def port_of(program: Program) -> int:
    return int(program.await_event("started")["answers_port"])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = serve(tmp_path_factory.mktemp("serve"), ANSWERS_API__TIMEOUT_SECONDS="300")
    yield program
    assert program.is_running
    assert program.stop() == TERMINATED
    assert SECRET not in program.log
    assert "Traceback" not in program.log


@pytest.fixture(scope="module")
def port(program: Program) -> int:
    return port_of(program)


def without_time(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in answer.items() if name != "answered_at"} for answer in answers]


def long_text() -> str:
    """Returns a text that takes the model a while."""
    return " ".join(
        f"On day {day} the export of plant {day * 7} stopped with error E-{day * 13}." for day in range(5_000)
    )


@pytest.mark.parametrize(
    ("text", "questions"),
    [(TICKET, QUESTIONS), ("", QUESTIONS), (long_text()[:40_000], QUESTIONS[:1])],
    ids=["a ticket", "nothing", "more windows than are read"],
)
def test_the_answers_are_those_of_ask(port: int, text: str, questions: tuple[str, ...], tmp_path: Path) -> None:
    asked = [word for question in questions for word in ("-q", question)]
    done = subprocess.run(
        [sys.executable, "-m", "spanstream.consumer", "ask", "--json", *asked],
        cwd=tmp_path,
        env=environment(),
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    reply = ask(port, text, *questions, document_id="-")
    assert reply.status == 200
    assert without_time(reply.body["answers"]) == without_time(expected)


def test_many_at_a_time_get_what_one_alone_gets(port: int) -> None:
    texts = [TICKET.replace("4107", str(4_000 + number)) for number in range(24)]
    alone = [without_time(ask(port, text, *QUESTIONS).body["answers"]) for text in texts]
    with ThreadPoolExecutor(12) as clients:
        together = list(clients.map(lambda text: ask(port, text, *QUESTIONS), texts))
    assert [without_time(reply.body["answers"]) for reply in together] == alone


GARBAGE: dict[str, tuple[bytes, tuple[int, str]]] = {
    "nothing": (b"", (400, "undecodable")),
    "no JSON": (SECRET.encode(), (400, "undecodable")),
    "half of it": (b'{"text": "' + SECRET.encode(), (400, "undecodable")),
    "no UTF-8": (b'{"text": "\xff", "questions": ["a"]}', (400, "undecodable")),
    "a byte order mark": (b'\xef\xbb\xbf{"text": "a", "questions": ["a"]}', (400, "undecodable")),
    "UTF-16": ('{"text": "a", "questions": ["a"]}'.encode("utf-16"), (400, "undecodable")),
    "NaN": (b'{"text": "a", "questions": ["a"], "min_confidence": NaN}', (400, "undecodable")),
    "infinity": (b'{"text": "a", "questions": ["a"], "min_confidence": 1e999}', (422, "invalid_event")),
    "half of a character": (rb'{"text": "\ud83d", "questions": ["a"]}', (400, "undecodable")),
    "deep nesting": (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", (400, "undecodable")),
    "a huge integer": (b'{"text": ' + b"1" * 5_000 + b"}", (400, "undecodable")),
    "a list": (b"[]", (422, "invalid_event")),
    "null": (b"null", (422, "invalid_event")),
    "no question": (b'{"text": "a", "questions": []}', (422, "invalid_event")),
    "an invisible question": (rb'{"text": "a", "questions": ["\u200b"]}', (422, "invalid_event")),
    "a number for a text": (b'{"text": 1, "questions": ["a"]}', (422, "invalid_event")),
    "an unknown field": (
        json.dumps({"text": "a", "questions": ["a"], f"my {SECRET}": 1}).encode(),
        (422, "invalid_event"),
    ),
    "a control character as id": (rb'{"text": "a", "questions": ["a"], "document_id": "\n"}', (422, "invalid_event")),
    "a long question": (json.dumps({"text": "a", "questions": [SECRET * 100]}).encode(), (413, "too_large")),
    "a long text": (json.dumps({"text": SECRET * 50_000, "questions": ["a"]}).encode(), (413, "too_large")),
    "a question of too many tokens": (
        json.dumps({"text": "a", "questions": ["? " * 900]}).encode(),
        (413, "too_large"),
    ),
    "a body of 30 MB": (b" " * 30_000_000, (413, "too_large")),
}


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_refused_by_its_name_and_never_told_again(port: int, body: str) -> None:
    content, problem = GARBAGE[body]
    for reply in (send(port, content), send(port, iter([content[:100], content[100:]]))):
        assert reply.problem == problem
        assert SECRET not in reply.content.decode()
        assert "\n" not in reply.body["detail"]
        assert len(reply.body["detail"]) <= 300


def test_what_json_may_be_is_answered(port: int) -> None:
    body = rb'{"text": "The error is \ud83d\ude00 E1.", "questions": ["Why?"], "questions": ["Which error is it?"]}'
    (answer,) = send(port, iter([body])).body["answers"]
    assert answer["metadata"]["question"] == "Which error is it?"
    assert send(port, gzip.compress(body), {"Content-Encoding": "gzip"}).problem == (415, "unsupported")


NO_HTTP = {
    "noise": b"\x00\xff\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xab" * 200,
    "an endless head": b"POST /v1/answers HTTP/1.1\r\nX: " + b"x" * 200_000,
    "two lengths": b"POST /v1/answers HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no length": b"POST /v1/answers HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "a bad chunk": HEAD.replace("\n", "\r\n").encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("content", NO_HTTP)
def test_what_is_no_http_ends_its_own_connection_only(port: int, content: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(NO_HTTP[content])
        connection.settimeout(60)
        try:
            received = b"".join(iter(lambda: connection.recv(10_000), b""))
        except ConnectionResetError:
            received = b""
        assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    assert ask(port, TICKET, *QUESTIONS).status == 200


def test_a_connection_is_used_again_after_a_refusal(port: int) -> None:
    body = json.dumps({"text": TICKET, "questions": QUESTIONS[:1]}).encode()
    request = f"{HEAD}\nContent-Length: {{}}\n".replace("\n", "\r\n")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for content, status in ((b"no", 400), (body, 200), (b"[]", 422), (body, 200)):
            connection.sendall(request.format(len(content)).encode() + b"\r\n" + content)
            head = connection.recv(100_000)
            assert head.startswith(f"HTTP/1.1 {status} ".encode())
            while not head.rstrip().endswith(b"}"):
                head += connection.recv(100_000)


def test_an_expectation_is_met_or_refused_before_the_body_is_sent(port: int) -> None:
    with begin(port, f"{HEAD}\nContent-Length: 99999999\nExpect: 100-continue") as connection:
        assert b" 413 " in connection.recv(1_000)
    with begin(port, f"{HEAD}\nContent-Length: 2\nExpect: 100-continue") as connection:
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"no")
        assert b" 400 " in connection.recv(1_000)


def test_with_little_time_a_slow_body_and_a_long_text_are_given_up_and_the_next_is_answered(tmp_path: Path) -> None:
    program = serve(tmp_path, ANSWERS_API__TIMEOUT_SECONDS="2", ANSWERS_API__PARALLEL="1", ANSWERS_API__TOKEN=SECRET)
    try:
        port = port_of(program)
        token = {"Authorization": f"Bearer {SECRET}"}
        assert ask(port, TICKET, *QUESTIONS).problem == (401, "unauthorized")
        with begin(port, f"{HEAD}\nAuthorization: Bearer {SECRET}\nContent-Length: 100", b"{") as slow:
            assert b" 408 " in slow.recv(1_000)
        many = [f"Which error was there on day {day}?" for day in range(300)]
        assert ask(port, long_text(), *many, headers=token).problem == (504, "deadline")
        until(lambda: ask(port, TICKET, *QUESTIONS, headers=token).status == 200, "an answer")
        assert program.stop() == TERMINATED
        assert SECRET not in program.log
    finally:
        program.kill()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc (Linux)")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_that_was_begun_is_finished_when_the_program_is_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = serve(
        tmp_path, MODEL__THREADS="1", ANSWERS_API__TIMEOUT_SECONDS="120", DRAIN_SECONDS="120", ANSWERS_API__PARALLEL="1"
    )
    try:
        port = port_of(program)
        idle = threads(program)
        many = [f"Which error was there on day {day}?" for day in range(2)]
        with ThreadPoolExecutor(1) as client:
            reply = client.submit(ask, port, long_text(), *many)
            # One thread begins a request, and one of the session's reads its windows.
            until(lambda: threads(program) >= idle + 2, "the beginning")
            program.send(number)
            program.await_event("stopping")
            until(lambda: not accepts(port), "the end of listening")
            assert_answered(reply.result(), len(many))
        assert program.wait() == 128 + number
    finally:
        program.kill()


def threads(program: Program) -> int:
    return sum(1 for _ in Path(f"/proc/{program.process.pid}/task").iterdir())


def assert_answered(reply: Reply, questions: int) -> None:
    assert reply.status == 200
    assert len(reply.body["answers"]) == questions


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_port_that_is_taken_is_one_line_and_exit_code_1(port: int, tmp_path: Path) -> None:
    program = serve(tmp_path, ANSWERS_API__PORT=str(port))
    assert program.wait() == 1
    line = program.log.splitlines()[-1]
    assert line.startswith(f"spanstream: cannot listen on 127.0.0.1:{port}:")
    assert line.endswith("set SPANSTREAM_ANSWERS_API__PORT to a free port")


def test_a_token_that_changes_in_its_file_takes_a_new_start_and_one_line_says_so(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{SECRET}-1\n")
    program = serve(tmp_path, ANSWERS_API__TOKEN_FILE=str(token))
    headers = {"Authorization": f"Bearer {SECRET}-1"}
    assert ask(port_of(program), TICKET, QUESTIONS[0], headers=headers).status == 200
    token.write_text(f"{SECRET}-2\n")
    program.send(signal.SIGHUP)
    until(lambda: not program.is_running, "the end of the program")
    assert program.process.returncode == FAILED
    ended = "spanstream: SPANSTREAM_ANSWERS_API__TOKEN_FILE: changed, which takes a new start; start it again"
    assert program.log.splitlines()[-1] == ended
    assert SECRET not in program.log
