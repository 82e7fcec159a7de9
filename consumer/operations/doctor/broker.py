"""Checks Kafka: whether it can be reached and offers what the settings ask for, and how topics and group stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from spanstream.consumer.broker.protocols import BrokerNode, Partition, TopicSpec
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.operations.doctor import topics as topic_checks
from spanstream.consumer.operations.doctor.finding import Check, Finding, failed, ok, warning
from spanstream.consumer.settings import KafkaSettings, Settings

KAFKA = "Kafka"
TOPICS = "topics"
_OFFSET_EXPIRY = "offset expiry"
_START = "start it, or correct SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS; TLS and SASL are set in SPANSTREAM_KAFKA__CLIENT"
_LISTENERS = "make every broker's address (its advertised.listeners) reachable from here"
_COORDINATOR = (
    "see the brokers' transaction.state.log.replication.factor and .min.isr, "
    "or set SPANSTREAM_KAFKA__TRANSACTIONS=false"
)
_UPGRADE = "set SPANSTREAM_KAFKA__GROUP_PROTOCOL=classic, or use brokers from 4.0 on"
# Several requests belong to one look; this many timeouts bound it.
_TIMEOUTS_PER_LOOK = 3


class ClusterInfo(Protocol):
    """Describes the brokers; `spanstream.consumer.broker.kafka.cluster.KafkaCluster` is one."""

    def brokers(self) -> list[BrokerNode]:
        """Returns the brokers. Raises `Retryable` on no answer, `Stop` where they refuse."""

    def configuration(self, broker: BrokerNode) -> dict[str, str]:
        """Returns one broker's configuration. Raises as `brokers`."""


class TopicInfo(Protocol):
    """Describes topics and groups; `spanstream.consumer.broker.kafka.TopicAdmin` is one."""

    def describe(self, names: Iterable[str]) -> dict[str, TopicSpec]:
        """Returns the topics that exist, of these. Raises `Retryable` on no answer, `Stop` where it refuses."""

    def lag(self, group_id: str, topics: Iterable[str]) -> dict[Partition, int]:
        """Counts the records behind. Raises as `describe`."""

    def members(self, group_id: str) -> dict[str, list[Partition]]:
        """Returns the partitions of each member. Raises as `describe`."""


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Opens connections to Kafka, each when it is first needed.

    Attributes:
        brokers: opens the questions about brokers. Raises `Stop` on properties that no client takes.
        admin: opens the questions about topics and groups.
        announce: announces a transactional producer. Raises as `KafkaPublisher.prepare`.
        timeout_seconds: how long any of them waits for one answer.
    """

    brokers: Callable[[], ClusterInfo]
    admin: Callable[[], TopicInfo]
    announce: Callable[[], None]
    timeout_seconds: float


@dataclass(slots=True)
class BrokerChecks:
    """Checks Kafka; it is asked once for what several checks look at."""

    access: BrokerAccess
    settings: Settings
    _brokers: ClusterInfo | None = None
    _specs: Mapping[str, TopicSpec] = field(default_factory=dict)

    def checks(self) -> list[Check]:
        """Returns the checks in their order; all but the first depend on the first."""
        kafka = self.settings.kafka
        seconds = self.access.timeout_seconds * _TIMEOUTS_PER_LOOK
        on_topics = {
            "partitions": topic_checks.partitions,
            "compaction": topic_checks.compaction,
            "record sizes": topic_checks.record_sizes,
            "triage": topic_checks.triage,
            "feedback": topic_checks.feedback,
        }
        if self.settings.model.shadow is not None:
            on_topics["shadow topic"] = topic_checks.shadow
        if self._keeps_questions_open:
            on_topics["open questions"] = topic_checks.open_questions
        return [
            Check(KAFKA, self.reachable, _START, seconds=seconds),
            Check("group protocol", self.group_protocol, _LISTENERS, KAFKA, seconds),
            Check("transactions", partial(transactions, self.access.announce, kafka), _COORDINATOR, KAFKA, seconds),
            Check(TOPICS, self.topics, _LISTENERS, KAFKA, seconds),
            *(
                Check(subject, partial(self._on_topics, check_topics), _LISTENERS, TOPICS)
                for subject, check_topics in on_topics.items()
            ),
            Check(_OFFSET_EXPIRY, self.offset_expiry, _LISTENERS, TOPICS, seconds),
            Check("group", self.group, f"this user needs Read on the group {kafka.group_id}", KAFKA, seconds),
        ]

    def reachable(self) -> Finding:
        """Tells whether a broker answers, and takes this user."""
        servers = self.settings.kafka.bootstrap_servers
        try:
            self._brokers = self.access.brokers()
            brokers = self._brokers.brokers()
        except Stop as error:
            return failed(KAFKA, error.detail, "correct SPANSTREAM_KAFKA__CLIENT (user, password, mechanism, TLS)")
        addresses = ", ".join(broker.address for broker in brokers)
        return ok(KAFKA, f"{len(brokers)} broker{'s' * (len(brokers) != 1)} by {servers}: {addresses}")

    def group_protocol(self) -> Finding:
        """Tells whether the brokers speak the protocol of the settings."""
        if self.settings.kafka.group_protocol == "classic":
            return ok("group protocol", "classic: every broker speaks it")
        if self._brokers is None:
            raise Retryable("no connection to the brokers")
        try:
            config = self._brokers.configuration(self._brokers.brokers()[0])
        except Stop as error:
            detail = f"consumer: whether the brokers speak it could not be asked: {error.detail}"
            return warning("group protocol", detail, "grant this user DescribeConfigs on the cluster, or try `run`")
        return consumer_protocol(config)

    @property
    def _keeps_questions_open(self) -> bool:
        return self.settings.index.uri is not None and self.settings.index.open_questions > 0

    def topics(self) -> Finding:
        """Tells whether the topics exist; their descriptions are kept for the checks that follow."""
        names = topic_checks.all_names(self.settings.topics)
        if self.settings.model.shadow is not None:
            names = (*names, self.settings.topics.shadow_answers)
        if self._keeps_questions_open:
            names = (*names, self.settings.topics.open_questions)
        try:
            specs = self.access.admin().describe(names)
        except Stop as error:
            return failed(TOPICS, error.detail, f"{error.hint}; the doctor itself needs it, a consumer does not")
        self._specs = {
            **specs,
            **self._seen(topic_checks.triage_names(self.settings.topics)),
            **self._seen(topic_checks.feedback_names(self.settings.topics)),
        }
        return topic_checks.existence(self._specs, self.settings.topics)

    def offset_expiry(self) -> Finding:
        """Tells whether records outlive the offsets of a group that is empty for long."""
        if self.settings.kafka.auto_offset_reset == "error":
            return ok(_OFFSET_EXPIRY, "a consumer whose group's offsets have expired stops, by setting")
        if self._brokers is None:
            raise Retryable("no connection to the brokers")
        try:
            config = self._brokers.configuration(self._brokers.brokers()[0])
        except Stop:
            config = {}
        minutes = config.get("offsets.retention.minutes")
        if minutes is None:
            return ok(_OFFSET_EXPIRY, "not known: this user may not see the brokers' offsets.retention.minutes")
        return topic_checks.offset_expiry(self._specs, self.settings.topics, int(minutes))

    def _seen(self, names: Iterable[str]) -> dict[str, TopicSpec]:
        """Describes topics of another stream, if this user may see them: a consumer's user needs no right on them."""
        try:
            return self.access.admin().describe(names)
        except Stop:
            return {}

    def group(self) -> Finding:
        """Tells the group's members and lag; neither can be wrong."""
        group_id = self.settings.kafka.group_id
        admin = self.access.admin()
        try:
            members = admin.members(group_id)
            lag = admin.lag(group_id, [name for name in self.settings.topics.consumed if name in self._specs])
        except Retryable as error:
            return warning("group", f"{group_id}: {error}", "look again in a moment")
        count = f"{len(members)} member{'s' * (len(members) != 1)}" if members else "nobody is running"
        behind = {
            name: sum(records for partition, records in lag.items() if partition.topic == name) for name in self._specs
        }
        waiting = ", ".join(f"{name} {records:,}" for name, records in behind.items() if records)
        return ok(
            "group", f"{group_id}: {count}, " + (f"records behind: {waiting}" if waiting else "nothing is waiting")
        )

    def _on_topics(self, check_topics: Callable[..., Finding]) -> Finding:
        return check_topics(self._specs, self.settings.topics)


def consumer_protocol(config: Mapping[str, str]) -> Finding:
    """Tells whether a broker set up like this speaks KIP-848 and assigns ranges."""
    subject = "group protocol"
    protocols = config.get("group.coordinator.rebalance.protocols", "classic").split(",")
    if "consumer" not in protocols:
        return failed(subject, f"consumer, but the brokers speak {', '.join(protocols)} only", _UPGRADE)
    assignors = config.get("group.consumer.assignors", "range").lower()
    if "range" not in assignors:
        advice = "add range to the brokers' group.consumer.assignors, or set SPANSTREAM_KAFKA__GROUP_PROTOCOL=classic"
        return failed(subject, f"consumer, but the brokers assign by {assignors} only", advice)
    return ok(subject, "consumer (KIP-848), assigned by the brokers in ranges")


def transactions(announce: Callable[[], None], kafka: KafkaSettings) -> Finding:
    """Tells whether a transaction could begin: the coordinator is there, and this user may."""
    subject = "transactions"
    if not kafka.transactions:
        return ok(subject, "off by setting: at least once, with the same ids")
    try:
        announce()
    except SpanstreamError as error:
        if kafka.transactional_id is not None and isinstance(error, Stop):
            # A consumer may be running under the id of the settings; to try that one would end its transaction.
            advice = f"nothing, if this user has Write on {kafka.transactional_id}: another id was tried, beside it"
            return warning(subject, error.detail, advice)
        return failed(subject, error.detail, error.hint or _COORDINATOR)
    return ok(
        subject, f"the coordinator answers; a dead consumer's are aborted after {kafka.transaction_timeout_seconds:g} s"
    )
