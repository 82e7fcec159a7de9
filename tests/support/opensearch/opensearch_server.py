"""A real OpenSearch for the tests: one node with the k-NN plugin, on free ports of the loopback.

The jars come by Maven (pom.xml beside this file pins them), once, into `${XDG_CACHE_HOME:-~/.cache}/spanstream/`.
`SPANSTREAM_TEST_OPENSEARCH` (an address) names one that runs already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.fetching import ServerUnavailableError, fetched
from tests.support.free_port import free_port
from tests.support.kafka.kafka_broker import with_us

OPENSEARCH_VERSION = "2.19.1"
_START_SECONDS = 240.0  # a busy machine may take minutes
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_HERE = Path(__file__).parent


def opensearch_jars() -> Path:
    """Returns the folder of OpenSearch's jars, fetched when it is not there."""
    return fetched(
        f"opensearch-{OPENSEARCH_VERSION}",
        _HERE / "pom.xml",
        lambda folder: ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
    )


@dataclass
class OpenSearchServer:
    """One node; `kill` keeps its data and ports, `restart` brings it back with them."""

    folder: Path
    port: int = field(default_factory=free_port)
    transport_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restart(self) -> None:
        """Starts the process (again), on the same ports and data, and waits until it answers."""
        if shutil.which("javac") is None:
            raise ServerUnavailableError("a JDK (17) is not on PATH")
        jars = opensearch_jars()
        self.folder.mkdir(parents=True, exist_ok=True)
        plugin = self.folder / "knn"
        if not plugin.is_dir():
            [packed] = jars.glob("*.zip")
            zipfile.ZipFile(packed).extractall(plugin)
        command = ["java", *_JVM, "-cp", f"{jars}/*:{plugin}/*", str(_HERE / "OneNode.java"), str(self.folder)]
        with (self.folder / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*with_us(), *command, str(self.port), str(self.transport_port)], stdout=log, stderr=log
            )
        self._await_answer(self._process)

    def kill(self) -> None:
        """Ends the process as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log_end = (self.folder / "node.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"OpenSearch did not start; its log ends: {log_end}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health", timeout=5):  # noqa: S310  of this machine
                return True
        except OSError:
            return False


@dataclass
class ExternalOpenSearch:
    """One that runs already."""

    url: str

    def kill(self) -> None:
        """Leaves it alone."""


def start_opensearch(folder: Path) -> OpenSearchServer:
    """Starts a server in the folder; skips where there is none to be had."""
    server = OpenSearchServer(folder)
    try:
        server.restart()
    except ServerUnavailableError as missing:
        pytest.skip(f"no OpenSearch: {missing}")
    return server


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearchServer | ExternalOpenSearch]:
    """Yields the session's server."""
    external = os.environ.get("SPANSTREAM_TEST_OPENSEARCH")
    if external:
        yield ExternalOpenSearch(external)
        return
    server = start_opensearch(tmp_path_factory.mktemp("opensearch"))
    yield server
    server.kill()
