"""Every setting, its unit and its default: environment `SPANSTREAM_*` (nested with `__`), or a TOML file.

`settings_loading` reads both, once, for the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from spanstream.consumer.settings_answers_api import AnswersApiSettings
from spanstream.consumer.settings_environment import EnvironmentSource
from spanstream.consumer.settings_formats import CloudEventsSettings, MappingSettings
from spanstream.consumer.settings_output import OutputSettings
from spanstream.consumer.settings_privacy import RedactionSettings, RetentionSettings
from spanstream.consumer.settings_registry import RegistrySettings
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS
from spanstream.schemas.limits import Limits

ENV_PREFIX = "SPANSTREAM_"

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
GroupProtocol = Literal["classic", "consumer"]
ModelUrl = Annotated[str, StringConstraints(pattern=r"^(s3|hf|https?)://.")]
AutoOffsetReset = Literal["earliest", "latest", "error"]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # an error is shown in tracebacks


SAME_NAME: Final = "same_name"
"""The type of the error for two settings that name the same thing; its text names both settings."""


def _check_different(kind: str, names: Iterable[tuple[str, str]]) -> None:
    """Refuses two settings that give one name to two things of a kind; `names` are pairs of setting and name."""
    for (one, name), (other, same) in combinations(names, 2):
        if name == same:
            both = f"{ENV_PREFIX}{one.upper()} and {ENV_PREFIX}{other.upper()}"
            raise PydanticCustomError(SAME_NAME, f"{both} name the same {kind}: give one of them another name")


class KafkaSettings(_Group):
    """Where Kafka is and how this consumer takes part."""

    bootstrap_servers: str = Field(
        "localhost:9092", description="Brokers to connect to first, host:port, comma-separated."
    )
    group_id: str = Field("spanstream", min_length=1, description="Consumer group.")
    group_protocol: GroupProtocol = Field("classic", description="classic, or consumer (KIP-848, brokers from 4.0).")
    client_id: str = Field("spanstream", description="Shown in the brokers' logs and quotas.")
    group_instance_id: str | None = Field(None, description="Static membership: a name that survives restarts.")
    transactions: bool = Field(True, description="Exactly once for read_committed readers; off: at least once.")
    transactional_id: str | None = Field(
        None, description="Unset: a new one for each start. Set it only to a name no other running consumer has."
    )
    transaction_timeout_seconds: Seconds = Field(
        30.0, description="The broker aborts what a dead consumer left open after this; readers wait as long."
    )
    session_timeout_seconds: Seconds | None = Field(
        None,
        description="A member that sends no heartbeat for this long is out (classic; librdkafka's default: 45).",
    )
    auto_offset_reset: AutoOffsetReset = Field(
        "earliest",
        description="Where a partition begins of which the group has committed nothing (a new group, or expired "
        "offsets): earliest, latest, or error, which stops the consumer if there are records.",
    )
    login: Literal["msk-iam"] | None = Field(
        None, description="msk-iam: Amazon MSK by AWS credentials (the extra aws). Unset: as `client` says."
    )
    login_region: str | None = Field(
        None, description="AWS region of msk-iam, for example eu-central-1; unset: AWS_DEFAULT_REGION."
    )
    client: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        description='librdkafka properties passed through (SASL, TLS), for example {"security.protocol": "SASL_SSL"}.',
        repr=False,  # may hold passwords
    )


class TopicSettings(_Group):
    """Names of the topics."""

    documents: str = Field("qa.documents", description="Documents, compacted, keyed by document_id.")
    questions: str = Field("qa.questions", description="Questions, keyed by document_id.")
    answers: str = Field("qa.answers", description="Answers.")
    dead_letters: str = Field("qa.dead-letters", description="What could not be answered, with headers that say why.")
    retries: str = Field("qa.retries", description="Questions whose document has not arrived yet.")
    tickets: str = Field("support.tickets", description="Support tickets, keyed by ticket_id.")
    triage: str = Field("support.triage", description="Triage records, keyed by ticket_id.")
    triage_state: str = Field(
        "support.triage-state", description="The triage stream's state of each ticket, compacted."
    )

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        _check_different("topic", ((f"topics__{field}", name) for field, name in self.model_dump().items()))
        return self

    @property
    def consumed(self) -> tuple[str, str, str]:
        """What the group consumes; these have the same number of partitions."""
        return (self.questions, self.retries, self.documents)

    @property
    def consumed_by_triage(self) -> tuple[str, str, str, str]:
        """What the triage stream's group consumes; as many partitions as the questions and documents have."""
        return (self.tickets, self.answers, self.dead_letters, self.triage_state)


class RedisSettings(_Group):
    """The shared cache of tokenizations; without it everything works, only slower."""

    url: SecretStr | None = Field(None, description="redis://, rediss:// or unix://, user and password inside.")
    timeout_seconds: Seconds = Field(0.05, description="Longest wait for Redis to send or take bytes.")
    ttl_seconds: Count = Field(7 * 24 * 3600, description="How long Redis keeps a tokenization.")
    max_value_bytes: Count = Field(8 << 20, description="Bytes of the largest value kept.")
    breaker_failures: Count = Field(3, description="Failures in a row after which Redis is left alone ...")
    breaker_reset_seconds: Seconds = Field(10.0, description="... for this long.")
    namespace: str = Field("spanstream:tokens", description="Prefix of every key.")
    client: dict[str, str | int | float | bool] = Field(
        default_factory=dict, repr=False, description="redis-py connection options, for example ssl_ca_certs."
    )


class ModelSettings(_Group):
    """The model, and the machine's resources that it may use."""

    path: ModelUrl | Path = Field(
        DEFAULT_ARTIFACT,
        description="Artifact folder, or what is fetched: s3://bucket/prefix, hf://organisation/name@revision, "
        "https://host/folder/ or https://host/file.tar.gz.",
    )
    cache: Path | None = Field(
        None, description="Folder that such a model is kept in; unset: spanstream/models in the user's cache."
    )
    sha256: str | None = Field(None, description="Pins what is fetched: of the .tar.gz, or of the manifest.json.")
    token: SecretStr | None = Field(None, description="Sent to the model's web server or hub.")
    token_header: str = Field("Authorization", description="Header of the token; in this one it is a Bearer's.")
    threads: Count | None = Field(None, description="CPU threads; unset: the CPUs of the cgroup's quota.")
    max_windows: Count = Field(DEFAULT_MAX_WINDOWS, description="Windows read of one document; BM25 picks among more.")
    threshold: Annotated[float, Field(ge=0, le=1)] | str = Field(
        "default", description="Least confidence to answer: a threshold's name in the artifact, or 0 to 1."
    )
    gpu_spill_seconds: Seconds = Field(
        10.0, description="A GPU helps while the CPU's waiting work takes longer than this."
    )
    gpu_rest_seconds: Seconds = Field(60.0, description="A GPU that failed is left alone for this long.")


class DocumentSettings(_Group):
    """Documents, read from their topic."""

    memory_bytes: Count = Field(64 << 20, description="Bytes of texts kept in memory; others are read again.")
    catch_up_seconds: Seconds = Field(
        30.0, description="A chunk waits this long for the documents published before it; then it is retried."
    )
    read_seconds: Seconds = Field(10.0, description="Longest wait for one evicted document.")


class CacheSettings(_Group):
    """The in-process tier of the tokenization cache."""

    memory_bytes: Count = Field(64 << 20, description="Bytes of tokenizations kept in memory.")


class ChunkSettings(_Group):
    """How many questions are taken at a time; one chunk is one transaction."""

    max_questions: Count = Field(64, description="Questions of one chunk. More: fewer commits, later first answers.")
    max_windows: Count = Field(128, description="A chunk takes no more questions once it has this many windows.")
    max_bytes: Count = Field(
        32 << 20,
        description="A chunk takes no more questions once it has this many bytes of records, texts and tokenizations.",
    )
    linger_seconds: Annotated[float, Field(ge=0)] = Field(
        0.0, description="An idle consumer waits this long for more questions before it answers; 0: it answers at once."
    )
    backlog_records: Count = Field(2000, description="Records of a topic read ahead, before fetching pauses.")
    backlog_bytes: Count = Field(32 << 20, description="Bytes of a topic read ahead, before fetching pauses.")


class RetrySettings(_Group):
    """Questions whose document has not arrived."""

    delay_seconds: Seconds = Field(
        5.0, description="Between tries; the same for all, so that the retries topic stays in order of time."
    )
    max_attempts: Count = Field(12, description="Tries in all, then a dead letter.")


class ReplaySettings(_Group):
    """Dead letters that are sent again (`spanstream replay`)."""

    group_id: str | None = Field(
        None, description="Group whose lag is what is left to replay; unset: the consumer group's name and .replay."
    )
    max_attempts: Count = Field(3, description="How often a record is sent again before it is parked.")
    destinations: str = Field("", description="Topics that --to may name besides the consumer's own, comma-separated.")


class CircuitSettings(_Group):
    """When to stop because so many records fail that the topic or the model must be wrong."""

    window: Count = Field(200, description="How many of the latest records are counted.")
    min_records: Count = Field(50, description="The consumer does not stop before so many records were counted.")
    max_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="Largest share of them that may fail; above it the consumer stops. 1: it never stops."
    )


class TriageSettings(_Group):
    """The ticket stream, `spanstream triage run`."""

    playbook: Path | None = Field(None, description="YAML file; unset: the bundled playbook for software support.")
    group_id: str = Field(
        "spanstream-triage", min_length=1, description="Consumer group of the triage stream; not that of the consumers."
    )
    max_open_tickets: Count = Field(
        256, description="Tickets of one member that wait for answers at the same time; more stay in their topic."
    )
    keep_seconds: Seconds = Field(
        7 * 24 * 3600.0,
        description="How long a ticket is kept after its record; then it is forgotten and its text deleted.",
    )


class HttpSettings(_Group):
    """/healthz, /readyz and /metrics."""

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104  probes come from outside the pod
    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(8080, description="Port; 0: any; null: none.")
    stuck_seconds: Seconds = Field(
        60.0,
        description="/healthz fails when the loop was not at work for this long; above 41, the longest try to publish.",
    )


class LogSettings(_Group):
    """Logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe lines; none holds a text, at any level."
    )
    format: Literal["auto", "json", "console"] = Field("auto", description="auto: JSON when not on a terminal.")
    message_key: Literal["event", "message"] = Field("event", description="Key of a JSON line's event name.")


class TraceSettings(_Group):
    """Traces (OpenTelemetry); where they go, and how many, is set by the standard variables `OTEL_*`."""

    enabled: bool = Field(False, description="Send a span for each record and chunk; needs the extra `traces`.")


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
    output: OutputSettings = OutputSettings()
    retention: RetentionSettings = RetentionSettings()
    redaction: RedactionSettings = RedactionSettings()
    http: HttpSettings = HttpSettings()
    answers_api: AnswersApiSettings = AnswersApiSettings()
    log: LogSettings = LogSettings()
    traces: TraceSettings = TraceSettings()
    limits: Limits = Field(Limits(), description="How large an event may be.")
    drain_seconds: Seconds = Field(25.0, description="At SIGTERM or a rebalance, started work has this long to end.")

    @model_validator(mode="after")
    def _groups_are_different(self) -> Self:
        replay = self.replay.group_id or f"{self.kafka.group_id}.replay"
        groups = {"kafka": self.kafka.group_id, "triage": self.triage.group_id, "replay": replay}
        _check_different("group", ((f"{part}__group_id", name) for part, name in groups.items()))
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
