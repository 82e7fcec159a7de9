"""Settings of the forms in which events come in and go out: the groups `cloudevents` and `mappings`."""

from __future__ import annotations

from pydantic import Field

from spanstream.consumer.settings.group import SettingsGroup


class CloudEventsSettings(SettingsGroup):
    """The CloudEvents attributes of what is published."""

    source: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$",
        description="ce_source of answers and triage records, a URI reference, for example //example.com/answers; "
        "unset: /spanstream/GROUP_ID. One for all members, the same after a restart.",
    )


class MappingSettings(SettingsGroup):
    """Mappings of another program's JSON to our events; unset: records are our events."""

    documents: str | None = Field(
        None,
        description="How records of the documents topic become documents: a YAML file or a bundled mapping (zendesk, "
        "jira, servicenow).",
    )
    questions: str | None = Field(None, description="The same for questions; a file, since none is bundled.")
    tickets: str | None = Field(None, description="The same for tickets.")
