"""All settings: environment `SPANSTREAM_*` (nested with `__`), or a TOML file. `loading` reads both, once."""

from __future__ import annotations

from typing import Self
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from spanstream.consumer.settings.answers_api import AnswersApiSettings
from spanstream.consumer.settings.desk import DeskSettings
from spanstream.consumer.settings.environment import EnvironmentSource
from spanstream.consumer.settings.formats import CloudEventsSettings, MappingSettings
from spanstream.consumer.settings.group import ENV_PREFIX, Seconds, check_different
from spanstream.consumer.settings.kafka import KafkaSettings, TopicSettings
from spanstream.consumer.settings.labelling import SuggestSettings
from spanstream.consumer.settings.observing import DriftSettings, HttpSettings, LogSettings, TraceSettings
from spanstream.consumer.settings.output import OutputSettings
from spanstream.consumer.settings.passages import IndexSettings
from spanstream.consumer.settings.privacy import RedactionSettings, RetentionSettings
from spanstream.consumer.settings.processing import (
    CacheSettings,
    ChunkSettings,
    CircuitSettings,
    DocumentSettings,
    FeedbackSettings,
    ModelSettings,
    RedisSettings,
    ReplaySettings,
    RetrySettings,
    TriageSettings,
)
from spanstream.consumer.settings.registry import RegistrySettings
from spanstream.schemas.limits import Limits


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        hide_input_in_errors=True,
        env_parse_none_str="null",
        env_ignore_empty=True,  # a template that leaves a value out leaves it empty
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    registry: RegistrySettings = RegistrySettings()
    cloudevents: CloudEventsSettings = CloudEventsSettings()
    mappings: MappingSettings = MappingSettings()
    redis: RedisSettings = RedisSettings()
    model: ModelSettings = ModelSettings()
    documents: DocumentSettings = DocumentSettings()
    cache: CacheSettings = CacheSettings()
    chunk: ChunkSettings = ChunkSettings()
    retries: RetrySettings = RetrySettings()
    replay: ReplaySettings = ReplaySettings()
    circuit: CircuitSettings = CircuitSettings()
    triage: TriageSettings = TriageSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    suggest: SuggestSettings = SuggestSettings()
    index: IndexSettings = IndexSettings()
    output: OutputSettings = OutputSettings()
    retention: RetentionSettings = RetentionSettings()
    redaction: RedactionSettings = RedactionSettings()
    http: HttpSettings = HttpSettings()
    answers_api: AnswersApiSettings = AnswersApiSettings()
    drift: DriftSettings = DriftSettings()
    desk: DeskSettings = DeskSettings()
    log: LogSettings = LogSettings()
    traces: TraceSettings = TraceSettings()
    limits: Limits = Field(Limits(), description="How large an event may be.")
    drain_seconds: Seconds = Field(25.0, description="At SIGTERM or a rebalance, started work has this long to end.")

    @model_validator(mode="after")
    def _groups_are_different(self) -> Self:
        replay = self.replay.group_id or f"{self.kafka.group_id}.replay"
        groups = {"kafka": self.kafka.group_id, "triage": self.triage.group_id, "replay": replay}
        groups |= {"feedback": self.feedback.group_id, "index": self.index.group_id}
        check_different("group", ((f"{part}__group_id", name) for part, name in groups.items()))
        return self

    @property
    def event_source(self) -> str:
        """The CloudEvents source of what this deployment publishes."""
        return self.cloudevents.source or f"/spanstream/{quote(self.kafka.group_id, safe='')}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic-settings'
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is pydantic-settings'
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Puts the environment over the file, whose values come as arguments."""
        return (EnvironmentSource(settings_cls), init_settings)
