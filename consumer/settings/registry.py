"""Settings of the schema registry, `SPANSTREAM_REGISTRY__*`."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from spanstream.consumer.settings.group import Seconds, SettingsGroup

RegistryFormat = Literal["none", "avro", "json", "protobuf"]
Compatibility = Literal[
    "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"
]
FRAMED_ROLES: Final = ("documents", "questions", "tickets", "feedback")
"""The topics whose records others write."""


class RegistrySettings(SettingsGroup):
    """A schema registry that speaks Confluent's API: records carry the id of their schema (extra: registry)."""

    url: SecretStr | None = Field(
        None, description="https://registry:8081, user and password inside; several comma-separated. Unset: none."
    )
    topics: str = Field(
        ",".join(FRAMED_ROLES),
        description="Topics whose framed records are read, JSON beside them; where a format is set, all of them.",
    )
    format: RegistryFormat = Field(
        "none",
        description="How what is written is framed: avro, json (JSON Schema), protobuf; none: JSON without a frame.",
    )
    compatibility: Compatibility = Field(
        "BACKWARD_TRANSITIVE", description="Set for the subjects that `topics create --register` registers."
    )
    timeout_seconds: Seconds = Field(
        5.0, description="Longest wait for one answer of the registry; records that wait for it are tried again."
    )
    client: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        repr=False,  # may hold passwords
        description='Properties of confluent-kafka\'s SchemaRegistryClient, as {"basic.auth.user.info": "user:key"}.',
    )

    @field_validator("topics")
    @classmethod
    def _are_known(cls, topics: str) -> str:
        unknown = {topic.strip() for topic in topics.split(",")} - {*FRAMED_ROLES, ""}
        if unknown:
            raise ValueError(f"should be some of {', '.join(FRAMED_ROLES)}, comma-separated")
        return topics

    @property
    def framed(self) -> frozenset[str]:
        """The roles whose records may be framed: none without a registry, all where we frame what we write."""
        if self.url is None:
            return frozenset()
        if self.format != "none":
            return frozenset(FRAMED_ROLES)
        return frozenset(topic.strip() for topic in self.topics.split(",")) - {""}
