"""What others see of the program: probes and metrics, logs, traces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spanstream.consumer.settings.group import Count, Seconds, SettingsGroup


class HttpSettings(SettingsGroup):
    """/healthz, /readyz and /metrics."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104  probes come from outside the pod
    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(8080, description="Port; 0: any; null: none.")
    stuck_seconds: Seconds = Field(
        60.0,
        description="/healthz fails when the loop was not at work for this long; above 41, the longest try to publish.",
    )


class DriftSettings(SettingsGroup):
    """Figures of what is read, beside those of what the model was calibrated on."""

    enabled: bool = Field(True, description="Count what is read: lengths, scores, answers; false: no such metrics.")
    questions: Count = Field(
        1000, description="Latest questions that `spanstream_drift_psi` compares with the reference."
    )


class LogSettings(SettingsGroup):
    """Logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe lines; none holds a text, at any level."
    )
    format: Literal["auto", "json", "console"] = Field("auto", description="auto: JSON when not on a terminal.")
    message_key: Literal["event", "message"] = Field("event", description="Key of a JSON line's event name.")


class TraceSettings(SettingsGroup):
    """Traces (OpenTelemetry); where they go, and how many, is set by the standard variables `OTEL_*`."""

    enabled: bool = Field(False, description="Send a span for each record and chunk; needs the extra `traces`.")
