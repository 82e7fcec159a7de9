"""The settings of collections: the index of their passages, and how it is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from spanstream.consumer.settings.group import Count, Seconds, SettingsGroup


class IndexSettings(SettingsGroup):
    """The passage index, which questions about a collection are searched in and `index run` keeps current."""

    uri: str | None = Field(
        None,
        description="Where it is: a folder of a local disk (SQLite), or the https:// address of an OpenSearch; unset: "
        "questions about collections become dead letters.",
    )
    token: SecretStr | None = Field(None, description="What the server asks for: user:password, or a token.")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")] = Field(
        "passages", description="Its name there: several deployments may share a server."
    )
    group_id: str = Field("spanstream-index", min_length=1, description="Consumer group of `index run`.")
    encoder_path: Path | None = Field(None, description="Encoder's artifact folder; unset: the one that comes along.")
    batch_documents: Count = Field(64, description="Documents that are indexed at a time.")
    candidates: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="Passages searched for by meaning, and as many by words; at most 1,000."
    )
    passages: Annotated[int, Field(ge=1, le=50)] = Field(
        5, description="Passages of a question that are read, the best of both searches; the budget of its windows."
    )
    recall_sample: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01,
        description="Share of the questions that a consumer searches for once more, exactly, to measure what "
        "OpenSearch's search by meaning misses (spanstream_retrieval_recall); 0: none. A folder's misses nothing.",
    )
    timeout_seconds: Seconds = Field(5.0, description="Longest wait for one search.")
    open_questions: Annotated[int, Field(ge=0)] = Field(
        10_000,
        description="Questions with answer_again that stay open, at most; the oldest are closed. 0: none is kept.",
    )
    open_seconds: Seconds = Field(7 * 24 * 3600.0, description="How long a question stays open.")
