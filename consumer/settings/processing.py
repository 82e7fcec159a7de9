"""How records are processed: the model, the documents and their cache, chunks, retries, replay, triage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from spanstream.consumer.settings.group import Count, Seconds, SettingsGroup
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS

ModelUrl = Annotated[str, StringConstraints(pattern=r"^(s3|hf|https?)://.")]


class RedisSettings(SettingsGroup):
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


class ModelSettings(SettingsGroup):
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


class DocumentSettings(SettingsGroup):
    """Documents, read from their topic."""

    memory_bytes: Count = Field(64 << 20, description="Bytes of texts kept in memory; others are read again.")
    catch_up_seconds: Seconds = Field(
        30.0, description="A chunk waits this long for the documents published before it; then it is retried."
    )
    read_seconds: Seconds = Field(10.0, description="Longest wait for one evicted document.")


class CacheSettings(SettingsGroup):
    """The in-process tier of the tokenization cache."""

    memory_bytes: Count = Field(64 << 20, description="Bytes of tokenizations kept in memory.")


class ChunkSettings(SettingsGroup):
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


class RetrySettings(SettingsGroup):
    """Questions whose document has not arrived."""

    delay_seconds: Seconds = Field(
        5.0, description="Between tries; the same for all, so that the retries topic stays in order of time."
    )
    max_attempts: Count = Field(12, description="Tries in all, then a dead letter.")


class ReplaySettings(SettingsGroup):
    """Dead letters that are sent again (`spanstream replay`)."""

    group_id: str | None = Field(
        None, description="Group whose lag is what is left to replay; unset: the consumer group's name and .replay."
    )
    max_attempts: Count = Field(3, description="How often a record is sent again before it is parked.")
    destinations: str = Field("", description="Topics that --to may name besides the consumer's own, comma-separated.")


class CircuitSettings(SettingsGroup):
    """When to stop because so many records fail that the topic or the model must be wrong."""

    window: Count = Field(200, description="How many of the latest records are counted.")
    min_records: Count = Field(50, description="The consumer does not stop before so many records were counted.")
    max_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="Largest share of them that may fail; above it the consumer stops. 1: it never stops."
    )


class FeedbackSettings(SettingsGroup):
    """What people say of answers, `spanstream feedback run`."""

    group_id: str = Field(
        "spanstream-feedback", min_length=1, description="Consumer group of the feedback; not that of the consumers."
    )


class TriageSettings(SettingsGroup):
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
