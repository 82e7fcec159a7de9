"""The settings of `POST /v1/answers`: questions over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from spanstream.consumer.settings.group import Count, Seconds, SettingsGroup


class AnswersApiSettings(SettingsGroup):
    """Questions that are asked and answered over HTTP, by `run` beside the stream or by `serve` alone."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        None, description="Port of POST /v1/answers; 0: any; unset: `run` has none, `serve` takes 8081."
    )
    host: str = Field("127.0.0.1", description="Address to listen on; one that others can reach needs a token.")
    token: SecretStr | None = Field(
        None, description="What clients send as `Authorization: Bearer ...`; unset: nothing."
    )
    timeout_seconds: Seconds = Field(
        30.0, description="From the head of a request to its answers; what takes longer is given up."
    )
    max_waiting: Annotated[int, Field(ge=0)] = Field(
        32, description="Requests that are being sent or wait for their turn; one more is told to come back."
    )
    parallel: Count | None = Field(
        None,
        description="Requests read at the same time; unset: 1 in `run`, which the stream shares, all cores in `serve`.",
    )
