"""Settings of how long texts are kept, and of what is taken out of them: the groups `retention` and `redaction`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from spanstream.consumer.settings.group import SettingsGroup

_DAY: Final = 24 * 3600.0

Seconds = Annotated[float, Field(ge=0.01)]


class RetentionSettings(SettingsGroup):
    """How long topics keep texts. `spanstream topics create` writes it into the topics; nothing else reads it."""

    deleted_seconds: Seconds = Field(
        _DAY,
        description="A deleted or replaced text is gone from a compacted topic after this, if its partition is "
        "written to in the second half of it.",
    )
    input_seconds: Seconds = Field(7 * _DAY, description="How long questions, retries, tickets and feedback are kept.")
    output_seconds: Seconds = Field(7 * _DAY, description="How long answers and triage records are kept.")
    dead_letters_seconds: Seconds = Field(30 * _DAY, description="How long dead letters are kept.")
    labels_seconds: Seconds = Field(
        365 * _DAY, description="How long a label is kept at the most; it goes sooner with its document."
    )
    parked_seconds: Seconds = Field(90 * _DAY, description="How long the dead letters that replay parked are kept.")


class RedactionSettings(SettingsGroup):
    """Redaction at the door: what `spanstream publish` and the ticket stream publish."""

    hook: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="Function that texts go through before they are published, module:function; "
        "spanstream.consumer.pii.patterns:redact comes with the extra redaction.",
    )
