"""`POST /v1/answers` on a real socket, with a model that waits for the test: places, deadlines, departures, the end."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from spanstream.consumer.asking.api.opening import open_answers_api
from spanstream.consumer.asking.api.server import AnswersServer
from spanstream.consumer.errors import Stop
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits
from spanstream.schemas.limits import Limits
from tests.support.http.answers_client import Reply, ask, begin, send
from tests.support.kafka.program import until
from tests.support.model.fake_reader import LetterSession, fake_reader

TEXT = "the export stops with error one two three"
TOKEN = "the-token-of-this-test"  # noqa: S105  made up
HEAD = "POST /v1/answers HTTP/1.1\nHost: x\nContent-Type: application/json"


class GatedSession(LetterSession):
    """Runs a batch once the gate is open; `entered` is set while one stands before it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.gate.set()

    def run(self, batch: Batch) -> Logits:
        self.entered.set()
        assert self.gate.wait(60)
        return super().run(batch)


class ApiScene:
    """A server with its parts at hand."""

    def __init__(self, **settings: Any) -> None:
        self.session = GatedSession()
        self.metrics = Metrics()
        self.stop = threading.Event()
        limits, drain_seconds = settings.pop("limits", Limits()), settings.pop("drain_seconds", 60.0)
        self.reader = fake_reader(self.session)
        self.server: AnswersServer = open_answers_api(
            Settings(answers_api=AnswersApiSettings(**settings), limits=limits, drain_seconds=drain_seconds),
            self.reader,
            self.metrics.requests,
            port=0,
            parallel=1,
            stop=self.stop,
        )
        self.port = self.server.port
        self.clients = ThreadPoolExecutor(8)

    def ask_later(self, *questions: str) -> Callable[[], Reply]:
        """Asks on a thread; returns what waits for the reply."""
        return self.clients.submit(ask, self.port, TEXT, *questions).result

    def hold(self) -> Callable[[], Reply]:
        """Asks a question that is being read until the gate is opened."""
        self.session.gate.clear()
        self.session.entered.clear()
        reply = self.ask_later("which error ?")
        assert self.session.entered.wait(60)
        return reply

    def counted(self, outcome: str) -> float:
        return outcomes(self.metrics.registry).get(outcome, 0.0)

    def close(self) -> None:
        self.session.gate.set()
        self.server.close()
        self.reader.close()
        self.clients.shutdown()


def outcomes(registry: CollectorRegistry) -> dict[str, float]:
    samples = (sample for family in registry.collect() for sample in family.samples)
    return {s.labels["outcome"]: s.value for s in samples if s.name == "spanstream_api_requests_total"}


@pytest.fixture
def scenes() -> Iterator[Callable[..., ApiScene]]:
    made: list[ApiScene] = []

    def make(**settings: Any) -> ApiScene:
        made.append(ApiScene(**settings))
        return made[-1]

    yield make
    for scene in made:
        scene.close()


MakeScene = Callable[..., ApiScene]


def test_answers_come_in_the_order_of_the_questions(scenes: MakeScene) -> None:
    scene = scenes()
    reply = ask(scene.port, TEXT, "which error ?", "where ?", document_id="t-1", min_confidence=0.0)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    answers = reply.body["answers"]
    assert [answer["metadata"]["question"] for answer in answers] == ["which error ?", "where ?"]
    assert {(answer["document_id"], answer["status"]) for answer in answers} == {("t-1", "answered")}
    assert "alternatives" not in answers[0]
    assert scene.counted("answered") == 1


def test_several_answers_are_asked_for_and_given_and_more_than_20_are_refused(scenes: MakeScene) -> None:
    scene = scenes()
    reply = ask(scene.port, TEXT, "which error ?", max_answers=3)
    assert len(reply.body["answers"][0]["alternatives"]) == 2
    refused = ask(scene.port, TEXT, "which error ?", max_answers=21)
    assert (refused.status, refused.body["reason"]) == (422, "invalid_event")
    assert "max_answers" in refused.body["detail"]


def test_one_request_more_than_there_are_places_is_told_to_come_back_and_the_others_are_answered(
    scenes: MakeScene,
) -> None:
    scene = scenes(max_waiting=1)
    first, second = scene.hold(), begin(scene.port, f"{HEAD}\nContent-Length: 1000", b"{")
    until(lambda: ask(scene.port, TEXT, "where ?").status == 503, "no place")
    reply = ask(scene.port, TEXT, "where ?")
    assert reply.problem == (503, "busy")
    assert int(reply.headers["retry-after"]) >= 1
    second.close()
    until(lambda: scene.counted("disconnected") == 1, "a free place")
    waiting = scene.ask_later("where ?")
    scene.session.gate.set()
    assert (first().status, waiting().status) == (200, 200)


def test_what_waited_until_its_deadline_is_not_begun(scenes: MakeScene) -> None:
    scene = scenes(timeout_seconds=0.5)
    first = scene.hold()
    assert ask(scene.port, TEXT, "where ?").problem == (504, "deadline")
    assert first().problem == (504, "deadline")
    scene.session.gate.set()
    assert ask(scene.port, TEXT, "how long ?").status == 200
    assert scene.session.batches == 2  # of the first, which was begun, and of the last


def test_a_request_whose_client_has_gone_is_not_begun(scenes: MakeScene) -> None:
    scene = scenes()
    first = scene.hold()
    body = json.dumps({"text": TEXT, "questions": ["where ?"]}).encode()
    for _ in range(3):
        begin(scene.port, f"{HEAD}\nContent-Length: {len(body)}", body).close()
    until(lambda: scene.counted("disconnected") == 3, "the departures")
    scene.session.gate.set()
    assert first().status == 200
    assert ask(scene.port, TEXT, "how long ?").status == 200
    assert scene.session.batches == 2


def test_the_end_finishes_what_was_begun_refuses_what_waits_and_accepts_nothing(scenes: MakeScene) -> None:
    scene = scenes()
    first = scene.hold()
    waiting = scene.ask_later("where ?")
    half = begin(scene.port, f"{HEAD}\nContent-Length: 10", b"{")
    until(lambda: scene.server._desk._taken == 3, "the others")
    scene.stop.set()
    reply = waiting()
    assert reply.problem == (503, "stopping")
    half.sendall(b"123456789")
    assert b" 503 " in rest(half)
    until(lambda: not accepts(scene.port), "the end of listening")
    scene.session.gate.set()
    assert first().status == 200
    scene.server.wait()


def test_what_takes_longer_than_the_end_may_is_told_to_go_elsewhere(
    scenes: MakeScene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = scenes(drain_seconds=0.5)
    first = scene.hold()
    scene.stop.set()
    assert first().problem == (503, "stopping")
    scene.server.wait()
    assert "Traceback" not in "".join(capfd.readouterr())


def rest(connection: socket.socket) -> bytes:
    """Returns what comes until the server closes the connection, which it is waited for."""
    with connection:
        return b"".join(iter(lambda: connection.recv(10_000), b""))


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_body_that_does_not_come_is_given_up(scenes: MakeScene) -> None:
    scene = scenes(timeout_seconds=0.3)
    reply = rest(begin(scene.port, f"{HEAD}\nContent-Length: 100", b'{"text"'))
    assert b" 408 " in reply
    assert b"connection: close" in reply
    assert ask(scene.port, TEXT, "where ?").status == 200


@pytest.mark.parametrize("length", ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"])
def test_a_body_past_the_limit_is_refused_before_it_is_read_whole(scenes: MakeScene, length: str) -> None:
    scene = scenes(limits=Limits(record_bytes=1_000))
    sent = b"" if "Content" in length else b"800\r\n" + b" " * 0x800 + b"\r\n"
    reply = rest(begin(scene.port, f"{HEAD}\n{length}", sent))
    assert b" 413 " in reply
    assert b"too_large" in reply
    assert b"connection: close" in reply
    assert scene.session.batches == 0


@pytest.mark.parametrize("token", [f"{TOKEN}\n", "sch\xf6n"])
def test_a_token_may_end_its_line_and_hold_any_letter(scenes: MakeScene, token: str) -> None:
    scene = scenes(token=token)
    sent = f"Bearer {token.strip()}".encode().decode("latin-1")  # as its bytes stand in a head
    assert ask(scene.port, TEXT, "where ?", headers={"Authorization": sent}).status == 200


def test_only_the_token_opens_the_door_and_the_body_of_others_is_not_read(scenes: MakeScene) -> None:
    scene = scenes(token=TOKEN)
    assert ask(scene.port, TEXT, "where ?", headers={"Authorization": f"bearer {TOKEN}"}).status == 200
    without = ask(scene.port, TEXT, "where ?")
    assert without.problem == (401, "unauthorized")
    assert without.headers["www-authenticate"] == "Bearer"
    assert without.headers["connection"] == "close"
    for wrong in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        reply = ask(scene.port, TEXT, "where ?", headers={"Authorization": wrong})
        assert reply.problem == (401, "unauthorized")
        assert TOKEN not in reply.content.decode()
    assert send(scene.port, method="GET", path="/openapi.json").status == 200


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Content-Type": "text/plain"}, "accept"),
        ({"Content-Type": ""}, "accept"),
        ({"Content-Encoding": "gzip"}, "accept-encoding"),
    ],
)
def test_what_is_not_plain_json_is_refused_and_told_what_would_be(
    scenes: MakeScene, headers: dict[str, str], told: str
) -> None:
    reply = ask(scenes().port, TEXT, "where ?", headers=headers)
    assert reply.problem == (415, "unsupported")
    assert told in reply.headers


def test_other_methods_and_paths_are_told_what_there_is(scenes: MakeScene) -> None:
    port = scenes().port
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        reply = send(port, method=method)
        assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")
    options = send(port, method="OPTIONS")
    assert (options.status, options.headers["allow"], options.content) == (204, "POST, OPTIONS", b"")
    assert not [name for name in options.headers if name.startswith("access-control")]
    for path in ("/", "/docs", "/redoc", "/v1/answers/", "/v1", "/docs/oauth2-redirect"):
        assert send(port, method="GET", path=path).problem == (404, "not_found")
    head = send(port, method="HEAD", path="/openapi.json")
    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("text", "question", "problem"),
    [
        ("the poison error", "where ?", (500, "inference_failed")),
        ("the crash error", "where ?", (500, "inference_failed")),
        (TEXT, "where " * 200, (413, "too_large")),
    ],
)
def test_what_the_model_fails_on_is_told_without_a_text(
    scenes: MakeScene, text: str, question: str, problem: tuple[int, str], capfd: pytest.CaptureFixture[str]
) -> None:
    scene = scenes()
    reply = ask(scene.port, text, question)
    assert reply.problem == problem
    told = reply.content.decode() + "".join(capfd.readouterr())
    assert text not in told
    assert "must not be told" not in told
    assert ask(scene.port, TEXT, "where ?").status == 200
    assert scene.counted(problem[1]) == 1


def test_a_server_that_others_can_reach_needs_a_token() -> None:
    with pytest.raises(Stop, match="SPANSTREAM_ANSWERS_API__TOKEN"):
        ApiScene(host="0.0.0.0")  # noqa: S104  that is what is tested


def test_a_port_that_is_taken_is_one_line_that_names_the_setting(scenes: MakeScene) -> None:
    scene = scenes()
    with pytest.raises(Stop, match=r"cannot listen on 127\.0\.0\.1:\d+: .+ SPANSTREAM_ANSWERS_API__PORT"):
        open_answers_api(Settings(), scene.reader, Metrics().requests, port=scene.port, parallel=1, stop=scene.stop)


def test_the_description_names_every_refusal_and_loads_nothing_from_elsewhere(scenes: MakeScene) -> None:
    document = send(scenes().port, method="GET", path="/openapi.json").body
    post = document["paths"]["/v1/answers"]["post"]
    assert set(post["responses"]) == {"200", "400", "401", "408", "413", "415", "422", "500", "503", "504"}
    assert post["requestBody"]["content"].keys() == {"application/json"}
    referred = set(json.dumps(document).split("#/components/schemas/")[1:])
    assert {name.partition('"')[0] for name in referred} <= set(document["components"]["schemas"])
    assert "http://" not in json.dumps(document)
    assert "https://" not in json.dumps(document)
