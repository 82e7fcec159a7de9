"""The longest documents that the limits allow: a consumer that reads them stays within what `spanstream size` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.kafka.stream import REPOSITORY, artifact_folder
from tests.support.memory.long_documents import CHINESE, CONTEXTS, LOGS

# Tight, so that what is not counted shows.
TIGHT = {
    "SPANSTREAM_DOCUMENTS__MEMORY_BYTES": str(8 << 20),
    "SPANSTREAM_CACHE__MEMORY_BYTES": str(16 << 20),
    "SPANSTREAM_CHUNK__MAX_BYTES": str(16 << 20),
    "SPANSTREAM_CHUNK__BACKLOG_BYTES": str(8 << 20),
}


def python(*arguments: str) -> str:
    """Runs a module with the tight settings; returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPANSTREAM_")}
    environment |= TIGHT | {"SPANSTREAM_MODEL__PATH": str(artifact_folder()), "SPANSTREAM_MODEL__THREADS": "2"}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_the_longest_documents_stay_within_the_memory_that_size_says() -> None:
    size = yaml.safe_load(python("spanstream.consumer", "size", "-q", "1", "--windows-per-second", "70", "--values"))
    limit = int(size["resources"]["limits"]["memory"].removesuffix("Mi")) << 20
    measured = json.loads(python("tests.support.memory.long_documents").splitlines()[-1])
    assert (measured["answers"], measured["dead_letters"]) == (CHINESE + LOGS + CONTEXTS, 0)
    assert measured["peak_bytes"] < limit, f"{measured['peak_bytes'] >> 20} MiB of {limit >> 20}"
