"""The health checks of the container, run as they stand in the files against the consumer's own server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spanstream.consumer.clock import SystemClock
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer
from spanstream.consumer.metrics import Metrics

ROOT = Path(__file__).parents[2]


def dockerfile_probe() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    command: list[str] = json.loads(text.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0])
    assert command[:2] == ["python", "-c"]
    return command[2]


def compose_probe() -> str:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    command: list[str] = services["consumer"]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "-c"]
    return command[3]


def probe(code: str, port: int) -> int:
    # A proxy would be asked for the port of its own machine.
    environment = os.environ | {"SPANSTREAM_HTTP__PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False).returncode


def serve(health: Health) -> HttpServer:
    return HttpServer("127.0.0.1", 0, health=health, registry=Metrics().registry)


@pytest.fixture
def ready() -> HttpServer:
    health = Health(SystemClock(), stuck_seconds=60)
    health.turned()
    return serve(health)


def test_a_consumer_that_answers_is_healthy_and_ready(ready: HttpServer) -> None:
    assert probe(dockerfile_probe(), ready.port) == 0
    assert probe(compose_probe(), ready.port) == 0


def test_a_consumer_that_waits_for_its_partitions_is_healthy_and_not_ready() -> None:
    server = serve(Health(SystemClock(), stuck_seconds=60))
    assert probe(dockerfile_probe(), server.port) == 0
    assert probe(compose_probe(), server.port) == 1


def test_a_consumer_whose_loop_stands_still_is_not_healthy() -> None:
    server = serve(Health(SystemClock(), stuck_seconds=0))
    assert probe(dockerfile_probe(), server.port) == 1


def test_a_consumer_that_is_gone_is_not_healthy(ready: HttpServer) -> None:
    ready.close()
    assert probe(dockerfile_probe(), ready.port) == 1
    assert probe(compose_probe(), ready.port) == 1
