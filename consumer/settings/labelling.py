"""The settings of labelling."""

from __future__ import annotations

from pydantic import Field, SecretStr

from spanstream.consumer.settings.group import SettingsGroup


class SuggestSettings(SettingsGroup):
    """Labels that a language model suggests, `spanstream label suggest`."""

    token: SecretStr | None = Field(
        None, description="What the endpoint is sent as `Authorization: Bearer ...`; unset: nothing."
    )
