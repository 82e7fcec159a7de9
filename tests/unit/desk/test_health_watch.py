"""How the consumers are, asked of themselves: a real probe server, one that waits, one that is stuck, and none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry

from spanstream.consumer.clock import SystemClock
from spanstream.consumer.desk.view.health_watch import ConsumerHealth, HealthWatch
from spanstream.consumer.errors import Stop
from spanstream.consumer.health import Health
from spanstream.consumer.http import HttpServer
from spanstream.consumer.metrics import Metrics
from tests.support.desk.desk_scene import HOSTILE, DeskScene, browser_of
from tests.support.free_port import free_port
from tests.support.kafka.program import until
from tests.support.memory.fake_time import FakeClock


@contextmanager
def consumer(waiting_for: str = "", registry: CollectorRegistry | None = None) -> Iterator[HttpServer]:
    """Serves the probes and metrics of a consumer that waits for this."""
    health = Health(SystemClock(), stuck_seconds=600)
    health.turned(waiting_for)
    server = HttpServer("127.0.0.1", 0, health=health, registry=registry or CollectorRegistry())
    yield server
    server.close()


def states_of(*addresses: str) -> list[ConsumerHealth]:
    watch = HealthWatch(addresses, FakeClock())
    until(lambda: len(watch.states()) == len(addresses), "all consumers to be asked")
    watch.close()
    return watch.states()


def test_a_ready_consumer_tells_its_model_rate_and_work() -> None:
    metrics = Metrics()
    metrics.runs(model="minilm", model_version="1.4.1", precision="int8")
    metrics.work.windows_per_second.set(41.5)
    metrics.work.work_seconds.set(3)
    with consumer(registry=metrics.registry) as server:
        [state] = states_of(f"http://127.0.0.1:{server.port}/")
    assert (state.verdict, state.detail) == ("ready", "")
    assert (state.windows_per_second, state.waiting_seconds) == (41.5, 3)
    assert state.model == "minilm 1.4.1"
    assert state.version


def test_what_a_consumer_waits_for_and_that_one_is_silent_is_told() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with consumer("the documents topic") as server:
        waiting, silent = states_of(f"127.0.0.1:{server.port}", nobody)
    assert (waiting.verdict, waiting.detail.strip()) == ("waiting", "waiting for the documents topic")
    assert (silent.verdict, silent.address) == ("silent", nobody)
    assert "refused" in silent.detail


def test_a_loop_that_does_not_turn_is_stuck() -> None:
    clock = FakeClock()
    health = Health(clock, stuck_seconds=10)
    clock.sleep(60)
    server = HttpServer("127.0.0.1", 0, health=health, registry=CollectorRegistry())
    [state] = states_of(f"127.0.0.1:{server.port}")
    server.close()
    assert (state.verdict, state.detail) == ("stuck", "the loop has not turned for 60 s\n")


def test_the_last_answers_are_kept_for_some_seconds() -> None:
    clock = FakeClock()
    with consumer() as server:
        watch = HealthWatch([f"127.0.0.1:{server.port}"], clock)
        until(lambda: bool(watch.states()), "the consumer to be asked")
    assert watch.states()[0].verdict == "ready"
    clock.sleep(6)
    until(lambda: watch.states()[0].verdict == "silent", "it to be asked again")
    watch.close()


@pytest.mark.parametrize("address", ["ftp://qa-0", "http://", "qa-0:many", "http://user@qa-0", "[::1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Stop, match="SPANSTREAM_DESK__CONSUMERS"):
        HealthWatch([address], FakeClock())


def test_the_stream_page_shows_each_consumer_and_nothing_that_it_says_acts() -> None:
    with (
        consumer(HOSTILE) as server,
        DeskScene().open(consumers=f"127.0.0.1:{server.port}, 127.0.0.1:{free_port()}") as parts,
    ):
        browser = browser_of(parts)
        until(lambda: "<strong>silent</strong>" in browser.get("/stream").text, "the consumers to be asked")
        page = browser.get("/").text
    assert "<strong>waiting</strong>" in page
    assert "<script>alert" not in page
    assert "<img" not in page
