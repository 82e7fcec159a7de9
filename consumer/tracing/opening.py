"""Opens the tracing that the settings ask for."""

from __future__ import annotations

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import Settings
from spanstream.consumer.tracing.tracing import OFF, Tracing


def open_tracing(settings: Settings, group: str) -> Tracing:
    """Opens the tracing of a program that consumes as this group; with traces off, one that does nothing.

    Raises:
        Stop: OpenTelemetry is not installed, or one of its variables asks for what there is not.
    """
    if not settings.traces.enabled:
        return OFF
    try:
        from spanstream.consumer.tracing.open_telemetry import OpenTelemetryTracing, open_provider  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise Stop("SPANSTREAM_TRACES__ENABLED needs OpenTelemetry", hint="pip install 'spanstream[traces]'") from error
    return OpenTelemetryTracing(open_provider(), group=group, client=settings.kafka.client_id)
