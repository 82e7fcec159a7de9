"""The rights that docs/security.md lists, and a stream whose names follow the default ones, to grant them on."""

from __future__ import annotations

import re

from spanstream.consumer.broker.kafka import TopicAdmin
from spanstream.consumer.operations.topics import feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings import KafkaSettings, TopicSettings
from tests.support.kafka.secure_broker import Right
from tests.support.kafka.stream import REPOSITORY
from tests.support.kafka.triage_stream import TriageStream

# Seconds that a broker of a busy machine may take.
LONGEST = 240.0


def documented_rights() -> dict[str, list[Right]]:
    """Returns the rights of each command, as the table of docs/security.md lists them."""
    text = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition("<!-- rights -->")[2].partition("<!-- end of rights -->")[0]
    rights: dict[str, list[Right]] = {}
    for row in table.strip().splitlines()[2:]:
        command, operation, kind, names = (cell.strip() for cell in row.strip("|").split("|"))
        for name in re.findall(r"`([^`]+)`", names):
            rights.setdefault(command.strip("`"), []).append(Right(operation, kind.removesuffix("s"), name))
    return rights


class NamedStream(TriageStream):
    """Topics and groups with the default names, behind a prefix of this stream's own."""

    def __post_init__(self) -> None:
        self.topics = TopicSettings(**{role: self.named(name) for role, name in TopicSettings().model_dump().items()})
        groups = {
            "KAFKA__GROUP_ID": self.named(KafkaSettings().group_id),
            "TRIAGE__GROUP_ID": self.named("spanstream-triage"),
            "FEEDBACK__GROUP_ID": self.named("spanstream-feedback"),
            "INDEX__GROUP_ID": self.named("spanstream-index"),
        }
        self.settings = groups | self.settings

    def named(self, default: str) -> str:
        """Returns this stream's name for what has this name by default."""
        begin = "replay." if default.startswith("replay.") else ""
        return f"{begin}{self.name}-{default.removeprefix(begin)}"

    def create_topics(self) -> None:
        specs = [
            *topic_specs(self.topics, partitions=1),
            *triage_topic_specs(self.topics, partitions=1),
            *feedback_topic_specs(self.topics, partitions=1),
        ]
        TopicAdmin(self.config, request_timeout_seconds=LONGEST).create(specs)

    def right(self, right: Right) -> Right:
        return right._replace(name=self.named(right.name))
