"""Labels that a language model suggests, by real HTTP from a server on this machine: only what stands in the text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from spanstream.consumer.cli.program import app
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.operations.labelling import suggesting
from spanstream.consumer.operations.labelling.tasks import TaskLine
from spanstream.models.labelling.labels import Task

TEXT = "Error E42 at 9:00 🚀, then E42 again at 9:05; E421 is another."
TASK = Task("q", "d", TEXT, "Which error?", (TEXT.rindex("E42 "), TEXT.rindex("E42 ") + 3), {"sampling": "random"})


@dataclass
class ChatServer:
    """Answers chat completions with what the test says."""

    replies: list[tuple[int, str]] = field(default_factory=list)
    asked: list[tuple[str, str | None, Any]] = field(default_factory=list)
    url: str = ""

    def says(self, *contents: str) -> None:
        self.replies += [(200, json.dumps({"choices": [{"message": {"content": content}}]})) for content in contents]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    chat = ChatServer()

    class ChatHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.asked.append((self.path, self.headers["Authorization"], body))
            status, content = chat.replies.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), ChatHandler)
    threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True).start()
    chat.url = f"http://127.0.0.1:{http_server.server_port}"
    yield chat
    http_server.shutdown()
    http_server.server_close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggesting, "_LONGEST_WAIT_SECONDS", 0.01)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    file = tmp_path / "tasks.jsonl"
    file.write_text(TaskLine.of(TASK).model_dump_json(), encoding="utf-8")
    return file


def run(tasks: Path, server: ChatServer, *more: str) -> Result:
    options = ["--tasks", str(tasks), "--endpoint", server.url, "--model", "m-1", "--per-minute", "60000", *more]
    return CliRunner().invoke(app, ["label", "suggest", *options])


def test_a_quotation_becomes_a_suggested_label_at_the_place_nearest_to_the_candidate(
    tasks: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANSTREAM_SUGGEST__TOKEN", "s3cret")
    server.says('```json\n{"answer": "E42"}\n```')
    result = run(tasks, server, "--send-texts")
    said = json.loads(result.stdout)
    assert (said["source"], said["by"], said["verdict"]) == ("suggested", "m-1", "accepted")
    assert said["span"] == {"text": "E42", "char_start": 26, "char_end": 29}
    assert said["metadata"] == {"sampling": "random"}
    [(path, authorization, body)] = server.asked
    assert (path, authorization, body["model"], body["temperature"]) == (
        "/v1/chat/completions",
        "Bearer s3cret",
        "m-1",
        0,
    )
    assert TEXT in body["messages"][1]["content"]
    assert "leave the house, to 127.0.0.1" in result.stderr


def test_without_consent_no_text_leaves_the_house(tasks: Path, server: ChatServer) -> None:
    result = run(tasks, server)
    assert result.exit_code == 2
    assert "leave the house" in result.stderr
    assert server.asked == []


def test_no_answer_is_a_label_too(tasks: Path, server: ChatServer) -> None:
    server.says('{"answer": null}')
    assert json.loads(run(tasks, server, "--send-texts").stdout)["verdict"] == "no_answer"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("It is E42.", "the reply is not JSON"),
        ('{"answer": 42}', "the reply has no text `answer`"),
        ('{"answer": "e42"}', "does not stand in the text"),
        ('{"answer": "42"}', "does not stand in the text as whole words"),
        ('{"answer": "  "}', "does not stand in the text"),
    ],
)
def test_what_does_not_stand_in_the_text_is_no_label(tasks: Path, server: ChatServer, content: str, why: str) -> None:
    server.says(content)
    result = run(tasks, server, "--send-texts")
    assert result.stdout == ""
    assert "question q: " in result.stderr
    assert why in result.stderr


def test_a_server_that_is_busy_is_asked_again_and_not_for_ever(tasks: Path, server: ChatServer) -> None:
    server.replies += [(429, ""), (503, "")]
    server.says('{"answer": null}')
    assert run(tasks, server, "--send-texts").exit_code == 0
    server.replies += [(503, "")] * 4
    result = run(tasks, server, "--send-texts")
    assert isinstance(result.exception, Retryable)
    assert len(server.asked) == 7


@pytest.mark.parametrize("reply", [(401, ""), (200, "<html>"), (200, "{}")])
def test_a_server_that_refuses_or_is_another_one_ends_it_in_one_line(
    tasks: Path, server: ChatServer, reply: tuple[int, str]
) -> None:
    server.replies.append(reply)
    result = run(tasks, server, "--send-texts")
    assert isinstance(result.exception, Stop)
    assert len(server.asked) == 1


@pytest.mark.parametrize("endpoint", ["ftp://host", "host", "http://", "http://[", ""])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(Stop, match="should begin with https"):
        suggesting.SuggestingServer.at(endpoint, "m", None, SystemClock())


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_path_is_completed(path: str) -> None:
    server = suggesting.SuggestingServer.at(f"http://host:8000{path}", "m", None, SystemClock())
    assert server.url == "http://host:8000/v1/chat/completions"
