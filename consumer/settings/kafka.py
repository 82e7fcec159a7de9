"""Where Kafka is, how this deployment takes part, and how its topics are called."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from spanstream.consumer.settings.group import Seconds, SettingsGroup, check_different

GroupProtocol = Literal["classic", "consumer"]
AutoOffsetReset = Literal["earliest", "latest", "error"]


class KafkaSettings(SettingsGroup):
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


class TopicSettings(SettingsGroup):
    """Names of the topics."""

    documents: str = Field("qa.documents", description="Documents, compacted, keyed by document_id.")
    questions: str = Field(
        "qa.questions", description="Questions, keyed by document_id, or by question_id where they name none."
    )
    answers: str = Field("qa.answers", description="Answers.")
    shadow_answers: str = Field("qa.answers.shadow", description="Answers of a second model that is tried.")
    dead_letters: str = Field("qa.dead-letters", description="What could not be answered, with headers that say why.")
    retries: str = Field("qa.retries", description="Questions whose document has not arrived yet.")
    tickets: str = Field("support.tickets", description="Support tickets, keyed by ticket_id.")
    triage: str = Field("support.triage", description="Triage records, keyed by ticket_id.")
    triage_state: str = Field(
        "support.triage-state", description="The triage stream's state of each ticket, compacted."
    )
    feedback: str = Field("qa.feedback", description="What people say of answers, keyed by document_id.")
    labels: str = Field(
        "qa.labels",
        description="The checked feedback, compacted, in the partition of its document and deleted with it.",
    )

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        check_different("topic", ((f"topics__{field}", name) for field, name in self.model_dump().items()))
        return self

    @property
    def consumed(self) -> tuple[str, str, str]:
        """What the group consumes; these have the same number of partitions."""
        return (self.questions, self.retries, self.documents)

    @property
    def consumed_by_triage(self) -> tuple[str, str, str, str]:
        """What the triage stream's group consumes; as many partitions as the questions and documents have."""
        return (self.tickets, self.answers, self.dead_letters, self.triage_state)

    @property
    def consumed_by_feedback(self) -> tuple[str, str]:
        """What the feedback group consumes; as many partitions as the documents have."""
        return (self.feedback, self.labels)
