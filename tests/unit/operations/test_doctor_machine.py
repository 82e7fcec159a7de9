"""The doctor: what it says of the machine, and of what is served from it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.operations.doctor import Check, Finding, Level, examine, extras, machine
from spanstream.consumer.operations.doctor.extras import answers_api, desk, traces
from spanstream.consumer.settings import (
    HttpSettings,
    Settings,
)

INTEL = "model name\t: Example CPU\nflags\t\t: fpu sse2 avx2 avx512f {}\n"


# The machine


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni"])
def test_a_cpu_with_int8_dot_products_is_fine(tmp_path: Path, flag: str) -> None:
    (tmp_path / "cpuinfo").write_text(INTEL.format(flag))
    assert machine.int8(tmp_path / "cpuinfo").level is Level.OK


def test_a_cpu_without_int8_dot_products_is_a_warning_that_says_int8_stays_right(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(INTEL.format(""))
    finding = machine.int8(tmp_path / "cpuinfo")
    assert finding.level is Level.WARNING
    assert "Example CPU" in finding.detail
    assert "runs right, but slower" in finding.detail
    assert finding.advice


def test_a_machine_that_does_not_describe_its_cpu_is_no_fault(tmp_path: Path) -> None:
    assert machine.int8(tmp_path / "nothing").level is Level.OK


def test_more_threads_than_cpus_are_a_warning() -> None:
    assert machine.cpus(2, None).level is Level.OK
    assert machine.cpus(2, 2).level is Level.OK
    finding = machine.cpus(2, 8)
    assert finding.level is Level.WARNING
    assert "SPANSTREAM_MODEL__THREADS" in finding.advice


def test_a_taken_port_is_a_warning_for_it_may_be_the_running_consumers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finding = machine.http_port(HttpSettings(host="127.0.0.1", port=port))
    assert finding.level is Level.WARNING
    assert "SPANSTREAM_HTTP__PORT" in finding.advice
    assert machine.http_port(HttpSettings(host="127.0.0.1", port=port)).level is Level.OK


def test_an_address_that_is_not_this_machines_is_a_failure() -> None:
    assert machine.http_port(HttpSettings(host="192.0.2.1", port=1234)).level is Level.FAILED


def test_an_ipv6_address_is_tried_as_one() -> None:
    finding = machine.http_port(HttpSettings(host="2001:db8::1", port=1234))
    assert "cannot listen on [2001:db8::1]:1234" in finding.detail
    assert "family" not in finding.detail


@pytest.mark.parametrize("port", [None, 0])
def test_no_port_and_any_port_are_always_free(port: int | None) -> None:
    assert machine.http_port(HttpSettings(port=port)).level is Level.OK


# What is an extra: the answers API and the traces


def looked_at(look: Callable[[Settings], Finding], **settings: Any) -> Finding:
    (finding,) = examine([Check("it", partial(look, Settings.model_validate(settings)), "mend it")])
    return finding


def test_an_answers_api_that_could_be_opened_is_fine_and_so_is_none() -> None:
    assert "none" in looked_at(answers_api).detail
    assert looked_at(answers_api, answers_api={"port": 0}).level is Level.OK
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = looked_at(answers_api, answers_api={"port": taken.getsockname()[1]})
    assert (finding.level, "SPANSTREAM_ANSWERS_API__PORT" in finding.advice) == (Level.WARNING, True)


def test_an_answers_api_that_others_could_reach_without_a_token_fails_and_so_does_one_without_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finding = looked_at(answers_api, answers_api={"port": 0, "host": "0.0.0.0"})  # noqa: S104  that is what is tested
    assert (finding.level, "SPANSTREAM_ANSWERS_API__TOKEN" in finding.advice) == (Level.FAILED, True)
    monkeypatch.setitem(sys.modules, "spanstream.consumer.asking.api.server", None)
    finding = looked_at(answers_api, answers_api={"port": 0})
    assert finding.level is Level.FAILED
    assert "spanstream[http]" in finding.detail


def test_a_desk_that_could_be_served_is_fine_and_so_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_at(desk, desk={"port": 0}).level is Level.OK
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = looked_at(desk, desk={"port": taken.getsockname()[1]})
    assert (finding.level, "if `spanstream desk` is running here" in finding.advice) == (Level.WARNING, True)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    assert looked_at(desk, desk={"host": "0.0.0.0"}).detail.startswith("not installed")  # noqa: S104  that is what is tested


def test_a_desk_that_others_could_reach_without_a_token_fails() -> None:
    everywhere = {"port": 0, "host": "0.0.0.0"}  # noqa: S104  that is what is tested
    finding = looked_at(desk, desk=everywhere | {"token": " "})
    assert (finding.level, "SPANSTREAM_DESK__TOKEN" in finding.advice) == (Level.FAILED, True)
    assert looked_at(desk, desk=everywhere | {"token": "for people"}).level is Level.OK


def test_traces_are_fine_where_they_could_be_sent_or_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "off" in looked_at(traces).detail
    assert looked_at(traces, traces={"enabled": True}).level is Level.OK
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert looked_at(traces, traces={"enabled": True}).level is Level.FAILED
