"""What the real passage indexes do when something is broken: try again where that may pass, else stop with one line."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.passages.index import PassageIndex, PassageIndexes, SearchScope
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.passages.sqlite.database import SqliteDatabase
from spanstream.consumer.settings import IndexSettings
from tests.support.free_port import free_port
from tests.support.opensearch.opensearch_server import start_opensearch
from tests.support.passages.changes_writer import GENERATION, changes_of, start_writer, write
from tests.support.passages.passage_engines import RealEngine
from tests.support.passages.passages_of_tests import DESCRIPTION, ENCODER, contents_of, document_of
from tests.support.redis.tcp_servers import ScriptedServer, scripted

KB = SearchScope("kb")


def filled(folder: Path, timeout_seconds: float = 5.0) -> tuple[PassageIndex, Path]:
    indexes = open_passage_indexes(IndexSettings(uri=str(folder), timeout_seconds=timeout_seconds))
    index = indexes.create("g1", DESCRIPTION)
    index.apply([document_of(f"d{number}", ["pump", "valve"]) for number in range(200)], {0: 1})
    indexes.switch("g1")
    return index, folder / "passages" / "g1.sqlite"


def use_all(folder: Path) -> None:
    indexes = open_passage_indexes(IndexSettings(uri=str(folder)))
    index = indexes.open(indexes.current() or "")
    index.matching("pump", KB, 5)
    index.nearest(ENCODER.embed(["pump"])[0], KB, 5)
    index.vectors_of(["d1"])
    list(index.contents())
    index.apply([document_of("d1", ["flange"])], {0: 2})


def assert_one_line(error: SpanstreamError) -> None:
    assert "\n" not in str(error)


@pytest.mark.parametrize("damage", ["garbage", "no bytes", "missing", "cut off"])
def test_a_damaged_file_is_one_line_that_says_what_to_do(tmp_path: Path, damage: str) -> None:
    index, path = filled(tmp_path)
    index.optimize()
    index.close()
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"garbage": b"\x13" * len(whole), "no bytes": b"", "cut off": whole[: len(whole) // 3]}[damage]
        )
    with pytest.raises(Stop, match=r"g1\.sqlite.* `spanstream index rebuild`") as stopped:
        use_all(tmp_path)
    assert_one_line(stopped.value)


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a folder")
    with pytest.raises(Stop, match="index") as stopped:
        open_passage_indexes(IndexSettings(uri=str(tmp_path / "index")))
    assert_one_line(stopped.value)


@pytest.mark.parametrize("unwritable", ["g1.sqlite.new", "g1.sqlite-wal", "current.new"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, unwritable: str) -> None:
    def make(indexes: PassageIndexes) -> None:
        indexes.create("g1", DESCRIPTION).close()
        indexes.switch("g1")

    (tmp_path / "passages" / unwritable).mkdir(parents=True)
    with pytest.raises(Stop, match=r"cannot be (used|opened).* must be writable, for those who only") as stopped:
        make(open_passage_indexes(IndexSettings(uri=str(tmp_path))))
    assert_one_line(stopped.value)


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "passages" / "current").mkdir(parents=True)
    with pytest.raises(Stop, match=r"passages cannot be used") as stopped:
        open_passage_indexes(IndexSettings(uri=str(tmp_path))).current()
    assert_one_line(stopped.value)


def test_a_generation_that_cannot_be_deleted_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "passages" / "g1.sqlite").mkdir(parents=True)
    with pytest.raises(Stop, match=r"g1\.sqlite cannot be used") as stopped:
        open_passage_indexes(IndexSettings(uri=str(tmp_path))).drop("g1")
    assert_one_line(stopped.value)


def test_a_half_made_file_is_no_generation(tmp_path: Path) -> None:
    indexes = open_passage_indexes(IndexSettings(uri=str(tmp_path)))
    (tmp_path / "passages" / "g1.sqlite.new").write_bytes(b"killed here")
    assert indexes.names() == []
    assert indexes.create("g1", DESCRIPTION).count() == 0


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_file_that_is_deleted_while_it_is_used_is_left(tmp_path: Path, is_made_again: bool) -> None:
    index, path = filled(tmp_path)
    assert index.matching("pump", KB, 5)
    shutil.rmtree(path.parent)
    if is_made_again:
        filled(tmp_path)[0].close()
    for use in (
        lambda: index.matching("pump", KB, 5),
        index.positions,
        lambda: index.apply([document_of("d1", ["flange"])], {0: 2}),
    ):
        with pytest.raises(Retryable, match="was dropped"):
            use()


def test_while_another_process_keeps_the_file_a_write_is_to_be_tried_again_and_searches_go_on(tmp_path: Path) -> None:
    index, path = filled(tmp_path, timeout_seconds=0.2)
    with SqliteDatabase(path, 1.0).writing():
        with pytest.raises(Retryable, match="busy"):
            index.apply([document_of("d1", ["flange"])], {0: 2})
        assert len(index.matching("pump", KB, 5)) == 5
    index.apply([document_of("d1", ["flange"])], {0: 2})
    assert index.positions() == {0: 2}


def test_a_search_that_takes_too_long_is_to_be_tried_again(tmp_path: Path) -> None:
    index, _ = filled(tmp_path)
    index.apply([document_of(f"e{number}", ["pump"] * 50) for number in range(100)], {0: 2})
    index.close()
    hurried = open_passage_indexes(IndexSettings(uri=str(tmp_path), timeout_seconds=1e-6)).open("g1")
    with pytest.raises(Retryable, match="too long"):
        hurried.nearest(ENCODER.embed(["pump"])[0], KB, 5)


def server_at(port: int, **more: object) -> IndexSettings:
    return IndexSettings.model_validate({"uri": f"http://127.0.0.1:{port}", "timeout_seconds": 1.0, **more})


def answer(status: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def test_a_server_that_is_not_there_is_to_be_tried_again() -> None:
    indexes = open_passage_indexes(server_at(free_port()))
    for call in (indexes.current, indexes.names, lambda: indexes.open("g1")):
        with pytest.raises(Retryable, match="does not answer") as refused:
            call()
        assert_one_line(refused.value)


def test_a_server_that_says_nothing_is_to_be_tried_again_after_the_timeout() -> None:
    def silent(_: bytes) -> Iterable[bytes]:
        server.sleep(60)
        yield b""

    server: ScriptedServer
    with scripted(silent) as server, pytest.raises(Retryable, match="does not answer"):
        open_passage_indexes(server_at(server.port)).current()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", Stop),
        ("401 Unauthorized", Stop),
        ("403 Forbidden", Stop),
        ("429 Too Many Requests", Retryable),
        ("503 Service Unavailable", Retryable),
    ],
)
def test_a_server_that_refuses_stops_and_one_with_too_much_to_do_does_not(
    status: str, error: type[SpanstreamError]
) -> None:
    reply = answer(status, {"error": {"reason": "because\nof this"}, "status": int(status[:3])})
    with scripted(lambda _: [reply]) as server, pytest.raises(error, match="because") as refused:
        open_passage_indexes(server_at(server.port)).current()
    assert type(refused.value) is error
    assert_one_line(refused.value)


@pytest.mark.parametrize(
    ("token", "header"), [("me:my:secret", b"Basic bWU6bXk6c2VjcmV0"), ("a.b.c", b"Bearer a.b.c"), (None, None)]
)
def test_the_token_goes_to_the_server_and_into_no_message(token: str | None, header: bytes | None) -> None:
    requests: list[bytes] = []

    def refuse(request: bytes) -> Iterable[bytes]:
        requests.append(request)
        yield answer("401 Unauthorized", {"error": "no", "status": 401})

    with scripted(refuse) as server, pytest.raises(Stop) as refused:
        open_passage_indexes(server_at(server.port, token=token)).current()
    sent = [line for line in requests[0].split(b"\r\n") if line.lower().startswith(b"authorization:")]
    assert [line.partition(b": ")[2] for line in sent] == ([] if header is None else [header])
    assert "secret" not in str(refused.value)


def positions_when_back(index: PassageIndex) -> dict[int, int]:
    """Returns the positions as soon as the server has its shards: before, it must not say that there are none."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return index.positions()
        except Retryable:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_server_that_is_killed_while_it_is_written_to_has_lost_nothing_that_its_positions_count(
    tmp_path: Path,
) -> None:
    total = 25
    server = start_opensearch(tmp_path / "node")
    try:
        engine = RealEngine(server.url)
        indexes = engine.open()
        index = indexes.create(GENERATION, DESCRIPTION)
        with start_writer(engine.settings, 10_000) as writer:
            while index.positions().get(0, 0) < 5:
                pass
            server.kill()
            assert writer.wait() != 0
        with pytest.raises(Retryable):
            index.matching("pump", KB, 5)
        server.restart()
        reached = positions_when_back(index)[0]
        assert reached >= 4  # the fifth step's position may have been seen before it was on disk
        write(index, reached + total)
        expected = RealEngine(str(tmp_path / "undisturbed")).open().create(GENERATION, DESCRIPTION)
        for step in range(reached + total):
            expected.apply(changes_of(step), {0: step + 1})
        assert (contents_of(index), index.positions()) == (contents_of(expected), expected.positions())
    finally:
        server.kill()
