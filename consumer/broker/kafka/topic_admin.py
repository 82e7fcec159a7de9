"""Creates and describes topics and groups, over librdkafka's admin client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs do not re-export them all
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from spanstream.consumer.broker.kafka.error_mapping import UNKNOWN_TOPIC, ClientErrors, NeededRights, map_error
from spanstream.consumer.broker.kafka.handles import new_admin_client
from spanstream.consumer.broker.kafka.properties import admin_properties
from spanstream.consumer.broker.protocols import Partition, TopicSpec
from spanstream.consumer.errors import Retryable
from spanstream.consumer.settings import KafkaSettings
from spanstream.consumer.time_limits import REQUEST_TIMEOUT_SECONDS

_Answer = TypeVar("_Answer")


class TopicAdmin:
    """Creates, describes and deletes topics; tells how far a group is behind and who its members are."""

    def __init__(self, settings: KafkaSettings, *, request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        self._seconds = request_timeout_seconds
        properties = admin_properties(settings)
        self._client_errors = ClientErrors(properties)
        self._client = new_admin_client(properties, self._client_errors)

    def create(self, topics: Sequence[TopicSpec]) -> list[str]:
        """Creates those that are not there; returns their names.

        Raises:
            Retryable: no answer in time.
            Stop: the broker refuses one of them.
        """
        asked = [
            NewTopic(
                t.name, num_partitions=t.partitions, replication_factor=t.replication_factor, config=dict(t.config)
            )
            for t in topics
        ]
        created = []
        for name, answer in (self._client.create_topics(asked, request_timeout=self._seconds) if asked else {}).items():
            try:
                doing = f"the creation of the topic {name}"
                self._wait(answer, doing, expected=KafkaError.TOPIC_ALREADY_EXISTS, needed=_on_topic("Create", name))
            except _ExpectedRefusal:
                continue
            created.append(name)
        return created

    def describe(self, names: Iterable[str]) -> dict[str, TopicSpec]:
        """Returns the topics that exist, of these.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see them.
        """
        specs: dict[str, TopicSpec] = {}
        for name in names:
            topic = self._metadata(name)
            if topic is None:
                continue
            partitions, replicas = topic
            specs[name] = TopicSpec(name, partitions, replicas, self._configuration(name))
        return specs

    def alter(self, name: str, config: Mapping[str, str]) -> None:
        """Sets these configs of a topic and leaves the others as they are.

        Raises:
            Retryable: no answer in time.
            Stop: the broker refuses one of the values, or this client may not alter the topic.
        """
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        answer = self._client.incremental_alter_configs([resource], request_timeout=self._seconds)[resource]
        self._wait(answer, f"the alteration of the topic {name}", needed=_on_topic("AlterConfigs", name))

    def topic_id(self, name: str) -> str:
        """Returns Kafka's id of a topic; another one after it was created anew, empty where there is none.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see it.
        """
        asked = self._client.describe_topics(TopicCollection([name]), request_timeout=self._seconds)
        try:
            topic = self._wait(
                asked[name],
                f"the topic {name}",
                expected=KafkaError.UNKNOWN_TOPIC_OR_PART,
                needed=_on_topic("Describe", name),
            )
        except _ExpectedRefusal:
            return ""
        return str(topic.topic_id)

    def lag(self, group_id: str, topics: Iterable[str]) -> dict[Partition, int]:
        """Counts the records (markers among them) between what the group committed and where each partition ends.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see the group or the topics.
        """
        partitions = [
            Partition(name, number) for name in topics for number in range((self._metadata(name) or (0, 0))[0])
        ]
        if not partitions:
            return {}
        asked = [TopicPartition(topic, number) for topic, number in partitions]
        begins = self._edges(asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the client's own
        ends = self._edges(asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # the client's own
        request = ConsumerGroupTopicPartitions(group_id, asked)
        groups = self._client.list_consumer_group_offsets([request], request_timeout=self._seconds)
        answer = self._wait(groups[group_id], f"the offsets of the group {group_id}", needed=_on_group(group_id))
        committed = {Partition(tp.topic, tp.partition): tp.offset for tp in answer.topic_partitions}
        return {p: max(0, ends[p] - max(committed.get(p, -1), begins[p])) for p in partitions}

    def members(self, group_id: str) -> dict[str, list[Partition]]:
        """Returns the partitions of each member of the group, by member id; empty where there is no such group.

        Raises:
            Retryable: no answer in time.
            Stop: this client may not see the group.
        """
        answer = self._client.describe_consumer_groups([group_id], request_timeout=self._seconds)[group_id]
        try:
            group = self._wait(
                answer, f"the group {group_id}", expected=KafkaError.GROUP_ID_NOT_FOUND, needed=_on_group(group_id)
            )
        except _ExpectedRefusal:
            return {}
        return {
            member.member_id: sorted(Partition(tp.topic, tp.partition) for tp in member.assignment.topic_partitions)
            for member in group.members
        }

    def delete(self, names: Sequence[str]) -> None:
        """Deletes topics; what is not there is passed over.

        Raises:
            Retryable: no answer in time.
            Stop: the broker refuses.
        """
        for name, answer in self._client.delete_topics(list(names), request_timeout=self._seconds).items():
            try:
                doing = f"the deletion of the topic {name}"
                self._wait(answer, doing, expected=KafkaError.UNKNOWN_TOPIC_OR_PART, needed=_on_topic("Delete", name))
            except _ExpectedRefusal:
                continue

    def _edges(self, asked: list[TopicPartition], edge: OffsetSpec) -> dict[Partition, int]:
        answers = self._client.list_offsets(
            dict.fromkeys(asked, edge), isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=self._seconds
        )
        return {
            Partition(tp.topic, tp.partition): self._wait(a, tp.topic, needed=_on_topic("Describe", tp.topic)).offset
            for tp, a in answers.items()
        }

    def _metadata(self, name: str) -> tuple[int, int] | None:
        """Returns partitions and replicas of a topic; None where it does not exist."""
        try:
            topic = self._client.list_topics(name, self._seconds).topics[name]
        except KafkaException as error:
            self._client.poll(0)  # runs the callback: the reason may be there
            self._client_errors.raise_refusal()
            raise self._client_errors.no_answer(f"a question about the topic {name}") from error
        if topic.error is None:
            return len(topic.partitions), min((len(p.replicas) for p in topic.partitions.values()), default=0)
        if topic.error.code() in UNKNOWN_TOPIC:
            return None
        raise map_error(topic.error, f"a question about the topic {name}", _on_topic("Describe", name))

    def _configuration(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        answer = self._client.describe_configs([resource], request_timeout=self._seconds)[resource]
        entries = self._wait(
            answer, f"the configuration of the topic {name}", needed=_on_topic("DescribeConfigs", name)
        )
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def _wait(
        self, answer: Future[_Answer], doing: str, *, needed: NeededRights, expected: int | None = None
    ) -> _Answer:
        try:
            return answer.result(self._seconds + 1)
        except NoAnswer as error:
            self._client.poll(0)
            self._client_errors.raise_refusal()
            raise self._client_errors.no_answer(doing) from error
        except KafkaException as error:
            kafka_error: KafkaError = error.args[0]
            if kafka_error.code() == expected:
                raise _ExpectedRefusal from error
            self._client.poll(0)
            self._client_errors.raise_refusal()
            mapped = map_error(kafka_error, doing, needed)
            timed_out = isinstance(mapped, Retryable) and kafka_error.code() == KafkaError._TIMED_OUT  # noqa: SLF001  librdkafka's name
            raise (self._client_errors.no_answer(doing) if timed_out else mapped) from error


def _on_topic(operation: str, name: str) -> NeededRights:
    return NeededRights(topic=f"{operation} on the topic {name}")


def _on_group(group_id: str) -> NeededRights:
    return NeededRights(group=f"Describe on the group {group_id}")


class _ExpectedRefusal(Exception):
    """The broker refused in the way that the caller expected."""
