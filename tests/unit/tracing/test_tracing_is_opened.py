"""Traces are off unless a setting says otherwise, and then the standard variables say where they go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings, TraceSettings
from spanstream.consumer.tracing.opening import open_tracing
from spanstream.consumer.tracing.tracing import OFF

ROOT = Path(__file__).parents[3]
ON = Settings(traces=TraceSettings(enabled=True))


def test_off_nothing_of_opentelemetry_is_imported() -> None:
    program = """
import sys
import spanstream.consumer.cli, spanstream.consumer.triage.wiring, spanstream.consumer.replay.sending.job
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.opening import open_tracing
open_tracing(Settings(), "group")
assert not [name for name in sys.modules if name.startswith(("opentelemetry", "requests"))]
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_off_it_is_one_and_the_same_that_does_nothing() -> None:
    assert open_tracing(Settings(), "group") is OFF


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spanstream.consumer.tracing.open_telemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(Stop, match=r"pip install 'spanstream\[traces\]'"):
        open_tracing(ON, "group")


def test_another_protocol_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(Stop, match="http/protobuf, not grpc"):
        open_tracing(ON, "group")


def test_what_the_sdk_refuses_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    with pytest.raises(Stop, match="traces cannot be sent"):
        open_tracing(ON, "group")


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
@pytest.mark.parametrize("value", ["hunter2", "a=1,hunter2", "api key=hunter2\n"])
def test_a_header_that_cannot_be_read_is_told_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Stop, match=name) as refused:
        open_tracing(ON, "group")
    assert "hunter2" not in f"{refused.value} {caplog.text}"


def test_headers_that_can_be_read_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, api-key=a=b,")
    open_tracing(ON, "group").close()


@pytest.mark.parametrize(("sampler", "is_sampled"), [("parentbased_always_off", False), ("always_on", True)])
def test_the_sampler_is_set_by_the_standard_variable(
    monkeypatch: pytest.MonkeyPatch, sampler: str, is_sampled: bool
) -> None:
    from spanstream.consumer.tracing.open_telemetry import open_provider  # noqa: PLC0415  after the test without it

    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    provider = open_provider()
    try:
        assert provider.get_tracer("test").start_span("one").is_recording() is is_sampled
    finally:
        provider.shutdown()


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "spanstream"),
        ({"OTEL_SERVICE_NAME": "answers"}, "answers"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=qa,deployment.environment.name=prod"}, "qa"),
    ],
)
def test_the_service_is_named_by_the_standard_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], service: str
) -> None:
    from spanstream.consumer.tracing.open_telemetry import open_provider  # noqa: PLC0415  after the test without it

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    provider = open_provider()
    try:
        attributes = provider.resource.attributes
        assert attributes["service.name"] == service
        assert attributes["telemetry.sdk.name"] == "opentelemetry"
        assert attributes.get("deployment.environment.name") == ("prod" if service == "qa" else None)
    finally:
        provider.shutdown()
