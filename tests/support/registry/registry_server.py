"""A real schema registry for the tests: Apicurio Registry, one JVM, with the API of Confluent's.

It comes by Maven (pom.xml beside this file pins it, 140 MB) into `${XDG_CACHE_HOME:-~/.cache}/spanstream/`, once. What
it is told stands in a file before it answers, so it can be killed. `SPANSTREAM_TEST_REGISTRY` is the URL of one that
runs already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.fetching import ServerUnavailableError, fetched
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import with_us

VERSION = "2.6.13.Final"
_START_SECONDS = 240.0  # a busy machine may take minutes
_JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.log.level=WARN")


def registry_folder() -> Path:
    """Returns the folder of the unpacked registry, fetched when it is not there."""
    return fetched(
        f"apicurio-registry-{VERSION}",
        Path(__file__).with_name("pom.xml"),
        lambda folder: [
            "dependency:unpack",
            f"-DoutputDirectory={folder}",
            f"-Dmdep.dependencyMarkersDirectory={folder.parent}",
        ],
    )


@dataclass
class RegistryServer:
    """A registry that a test may kill and start again; it keeps its port and what it was told."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> None:
        """Starts the process (again), and waits until it answers."""
        if shutil.which("java") is None:
            raise ServerUnavailableError("Java (17 or later) is not on PATH")
        self.folder.mkdir(parents=True, exist_ok=True)
        (program,) = registry_folder().glob("*-runner.jar")
        options = [
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={self.port}",
            f"-Dquarkus.datasource.jdbc.url=jdbc:h2:file:{self.folder / 'schemas'};WRITE_DELAY=0",
        ]
        with (self.folder / "registry.log").open("ab") as log:
            command = [*with_us(), "java", *_JVM, *options, "-jar", str(program)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log_end = (self.folder / "registry.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the schema registry did not start; its log ends: {log_end}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Ends the process as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as answer:  # noqa: S310  of this machine
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _started(folder: Path) -> RegistryServer:
    server = RegistryServer(folder)
    try:
        server.start()
    except ServerUnavailableError as missing:
        pytest.skip(f"no schema registry: {missing}")
    return server


@pytest.fixture(scope="session")
def registry_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yields the URL of the session's registry. Tests that kill one use `own_registry`."""
    external = os.environ.get("SPANSTREAM_TEST_REGISTRY")
    if external:
        yield external
        return
    server = _started(tmp_path_factory.mktemp("registry"))
    yield server.url
    server.kill()


@pytest.fixture
def own_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """Yields a registry that one test may kill."""
    server = _started(tmp_path_factory.mktemp("own-registry"))
    yield server
    server.kill()
