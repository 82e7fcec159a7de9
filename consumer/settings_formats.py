"""Settings of the forms in which events come in and go out: the group `cloudevents`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CloudEventsSettings(BaseModel):
    """The CloudEvents attributes of what is published."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$",
        description="ce_source of answers and triage records, a URI reference, for example //example.com/answers; "
        "unset: /spanstream/GROUP_ID. One for all members, the same after a restart.",
    )
