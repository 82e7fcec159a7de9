"""The settings of `spanstream desk`: pages for people."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from spanstream.consumer.settings.group import Count, SettingsGroup


class DeskSettings(SettingsGroup):
    """The pages that `desk` serves."""

    port: Annotated[int, Field(ge=0, le=65535)] = Field(8082, description="Port of the pages; 0: any.")
    host: str = Field("127.0.0.1", description="Address to listen on; one that others can reach needs a token.")
    token: SecretStr | None = Field(
        None, description="What people type in once, and programs send as `Authorization: Bearer ...`; unset: nothing."
    )
    names: str = Field(
        "", description="Names under which browsers may call it, comma-separated; localhost and addresses always may."
    )
    consumers: str = Field(
        "",
        description="Addresses of the consumers' probes, comma-separated, such as `qa-0:8080`; the stream page shows "
        "how each of them is. Empty: only what Kafka tells of their group.",
    )
    rows: Count = Field(
        20_000,
        description="Answers, questions, documents, dead letters and triage records kept, of each the last so many.",
    )

    @property
    def has_token(self) -> bool:
        """Whether people have to type something in."""
        return self.token is not None and bool(self.token.get_secret_value().strip())
