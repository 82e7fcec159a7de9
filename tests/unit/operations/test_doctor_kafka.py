"""What the doctor says of Kafka: the brokers, the group protocol, transactions, the topics and the group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from spanstream.consumer.broker.protocols import BrokerNode, Partition, TopicSpec
from spanstream.consumer.errors import Retryable, SpanstreamError, Stop
from spanstream.consumer.operations.doctor import Finding, Level, examine, topics
from spanstream.consumer.operations.doctor.broker import BrokerAccess, BrokerChecks, consumer_protocol, transactions
from spanstream.consumer.operations.topics import feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings import IndexSettings, KafkaSettings, ModelSettings, Settings, TopicSettings

TOPICS = TopicSettings()


def levels(findings: Iterable[Finding]) -> dict[str, Level]:
    return {finding.subject: finding.level for finding in findings}


# Topics


def found_topics(**changed: TopicSpec) -> dict[str, TopicSpec]:
    specs = {spec.name: spec for spec in topic_specs(TOPICS, partitions=12)}
    for name, spec in specs.items():
        specs[name] = TopicSpec(name, 12, 1, {"cleanup.policy": "delete", **spec.config})
    return specs | {spec.name: spec for spec in changed.values()}


def test_topics_as_the_program_creates_them_are_fine() -> None:
    judges = (topics.existence, topics.partitions, topics.compaction, topics.record_sizes)
    assert [judge(found_topics(), TOPICS).level for judge in judges] == [Level.OK] * 4


def test_a_documents_topic_that_may_keep_deleted_texts_for_ever_is_worth_a_word() -> None:
    endless = {**found_topics()[TOPICS.documents].config, "max.compaction.lag.ms": str(2**63 - 1)}
    finding = topics.compaction(found_topics(documents=TopicSpec(TOPICS.documents, 12, 1, endless)), TOPICS)
    assert finding.level is Level.WARNING
    assert "--alter" in finding.advice


def feedback_found(**changed: TopicSpec) -> dict[str, TopicSpec]:
    specs = feedback_topic_specs(TOPICS, partitions=12)
    return found_topics() | {spec.name: spec for spec in specs} | {spec.name: spec for spec in changed.values()}


def test_the_topic_of_open_questions_is_there_and_compacted() -> None:
    assert topics.open_questions(found_topics(), TOPICS).level is Level.OK
    missing = topics.open_questions({}, TOPICS)
    assert (missing.level, missing.detail) == (Level.FAILED, "missing: qa.open-questions")
    kept = {TOPICS.open_questions: TopicSpec(TOPICS.open_questions, 1, 1, {"cleanup.policy": "delete"})}
    assert "not compacted" in topics.open_questions(kept, TOPICS).detail


def test_feedback_topics_are_looked_at_where_they_are() -> None:
    assert "not set up" in topics.feedback(found_topics(), TOPICS).detail
    assert topics.feedback(feedback_found(), TOPICS).level is Level.OK
    half = feedback_found()
    del half[TOPICS.labels]
    fewer = feedback_found(feedback=TopicSpec(TOPICS.feedback, 6, 1, {}))
    kept = feedback_found(labels=TopicSpec(TOPICS.labels, 12, 1, {"cleanup.policy": "delete"}))
    for described, said in ((half, "missing: qa.labels"), (fewer, "qa.feedback 6"), (kept, "not compacted")):
        finding = topics.feedback(described, TOPICS)
        assert finding.level is Level.FAILED
        assert said in finding.detail


def triage_found(**changed: TopicSpec) -> dict[str, TopicSpec]:
    specs = {spec.name: TopicSpec(spec.name, 12, 1, spec.config) for spec in triage_topic_specs(TOPICS, partitions=12)}
    return found_topics() | specs | {spec.name: spec for spec in changed.values()}


def test_the_ticket_streams_topics_may_be_absent_and_are_fine_as_they_are_created() -> None:
    assert topics.triage(found_topics(), TOPICS).level is Level.OK
    assert "not set up" in topics.triage(found_topics(), TOPICS).detail
    assert topics.triage(triage_found(), TOPICS).level is Level.OK


def test_a_ticket_stream_that_could_not_gather_its_answers_is_a_failure() -> None:
    half = triage_found()
    del half[TOPICS.triage_state]
    fewer = triage_found(tickets=TopicSpec(TOPICS.tickets, 6, 1, {}))
    thrown_away = triage_found(state=TopicSpec(TOPICS.triage_state, 12, 1, {"cleanup.policy": "delete"}))
    for described, detail in ((half, "missing"), (fewer, "would not meet"), (thrown_away, "not compacted")):
        finding = topics.triage(described, TOPICS)
        assert finding.level is Level.FAILED
        assert detail in finding.detail


def test_a_second_models_topic_may_be_missing_for_the_stream_goes_on_without() -> None:
    assert topics.shadow({}, TOPICS).level is Level.WARNING
    made = {spec.name: spec for spec in topic_specs(TOPICS, partitions=3, shadow=True)}
    assert topics.shadow(made, TOPICS).level is Level.OK


def test_the_second_models_topic_is_asked_for_where_there_is_one() -> None:
    kafka = FakeKafka()
    access = BrokerAccess(lambda: kafka, lambda: kafka, kafka.announce, timeout_seconds=30)
    settings = Settings(model=ModelSettings(shadow_path=Path("second")))
    found = levels(examine(BrokerChecks(access, settings).checks()))
    assert (found["topics"], found["shadow topic"]) == (Level.OK, Level.WARNING)


def test_the_topic_of_open_questions_is_asked_for_where_collections_are_searched() -> None:
    kafka = FakeKafka()
    access = BrokerAccess(lambda: kafka, lambda: kafka, kafka.announce, timeout_seconds=30)
    found = levels(examine(BrokerChecks(access, Settings(index=IndexSettings(uri="index"))).checks()))
    assert (found["topics"], found["open questions"]) == (Level.OK, Level.OK)
    assert "open questions" not in levels(examine(BrokerChecks(access, Settings()).checks()))


def test_missing_topics_are_named() -> None:
    described = found_topics()
    del described[TOPICS.answers], described[TOPICS.retries]
    finding = topics.existence(described, TOPICS)
    assert finding.level is Level.FAILED
    assert finding.detail == f"missing: {TOPICS.answers}, {TOPICS.retries}"
    assert "spanstream topics create" in finding.advice


def test_unequal_partitions_are_a_failure_that_says_which_topic_wants_more() -> None:
    fewer = TopicSpec(TOPICS.retries, 6, 1, {})
    finding = topics.partitions(found_topics(retries=fewer), TOPICS)
    assert finding.level is Level.FAILED
    assert f"give {TOPICS.retries} 12 partitions" in finding.advice
    assert "publish the documents again" not in finding.advice


def test_a_documents_topic_that_gets_more_partitions_must_be_published_again() -> None:
    fewer = TopicSpec(TOPICS.documents, 6, 1, {})
    assert "publish the documents again" in topics.partitions(found_topics(documents=fewer), TOPICS).advice


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_documents_that_vanish_with_age_are_a_failure(policy: str) -> None:
    spec = TopicSpec(TOPICS.documents, 12, 1, {"cleanup.policy": policy})
    finding = topics.compaction(found_topics(documents=spec), TOPICS)
    assert finding.level is Level.FAILED
    assert f"--topic {TOPICS.documents} --add-config cleanup.policy=compact" in finding.advice


def test_a_compacted_questions_topic_is_a_failure() -> None:
    spec = TopicSpec(TOPICS.questions, 12, 1, {"cleanup.policy": "compact"})
    finding = topics.compaction(found_topics(questions=spec), TOPICS)
    assert finding.level is Level.FAILED
    assert f"--topic {TOPICS.questions} --add-config cleanup.policy=delete" in finding.advice


@pytest.mark.parametrize("name", [TOPICS.retries, TOPICS.dead_letters])
@pytest.mark.parametrize("too_small", [1, topics.HEADROOM_BYTES])
def test_a_topic_that_takes_less_than_what_is_read_is_a_warning(name: str, too_small: int) -> None:
    largest = int(found_topics()[TOPICS.questions].config["max.message.bytes"])
    small = TopicSpec(name, 12, 1, {"max.message.bytes": str(largest + topics.HEADROOM_BYTES - too_small)})
    finding = topics.record_sizes(found_topics(small=small), TOPICS)
    assert finding.level is Level.WARNING
    assert name in finding.detail
    assert str(largest + topics.HEADROOM_BYTES) in finding.advice


WEEK_MINUTES = 7 * 24 * 60


@pytest.mark.parametrize(("retention_ms", "is_longer"), [("604800000", False), ("604800001", True), ("-1", True)])
def test_records_that_outlive_the_offsets_of_an_empty_group_are_a_warning(retention_ms: str, is_longer: bool) -> None:
    kept = TopicSpec(TOPICS.questions, 12, 1, {"retention.ms": retention_ms})
    finding = topics.offset_expiry(found_topics(kept=kept), TOPICS, WEEK_MINUTES)
    assert finding.level is (Level.WARNING if is_longer else Level.OK)
    assert (TOPICS.questions in finding.detail) is is_longer
    assert "7 days" in finding.detail


# Kafka


class FakeKafka:
    """Both protocols of the doctor; what it is asked is written down."""

    def __init__(self, *, config: Mapping[str, str] | None = None, error: SpanstreamError | None = None) -> None:
        self.asked: list[str] = []
        self._config = dict(config or {})
        self._error = error

    def brokers(self) -> list[BrokerNode]:
        self.asked.append("brokers")
        if self._error is not None:
            raise self._error
        return [BrokerNode(1, "broker:9092")]

    def configuration(self, broker: BrokerNode) -> dict[str, str]:
        self.asked.append(f"configuration of {broker.broker_id}")
        return self._config

    def describe(self, names: Iterable[str]) -> dict[str, TopicSpec]:
        self.asked.append("topics")
        return {name: spec for name, spec in found_topics().items() if name in set(names)}

    def lag(self, group_id: str, topics: Iterable[str]) -> dict[Partition, int]:
        self.asked.append(f"lag of {group_id}")
        return {Partition(name, 0): 7 for name in topics}

    def members(self, group_id: str) -> dict[str, list[Partition]]:
        self.asked.append(f"members of {group_id}")
        return {"one": [], "two": []}

    def announce(self) -> None:
        self.asked.append("announce")

    def examined(self, **kafka: Any) -> list[Finding]:
        access = BrokerAccess(lambda: self, lambda: self, self.announce, timeout_seconds=30)
        return list(examine(BrokerChecks(access, Settings(kafka=KafkaSettings(**kafka))).checks()))


def test_a_kafka_as_it_should_be_has_only_good_findings() -> None:
    kafka = FakeKafka(config={"group.coordinator.rebalance.protocols": "classic,consumer"})
    findings = kafka.examined(group_protocol="consumer")
    assert set(levels(findings).values()) == {Level.OK}
    assert kafka.asked.count("topics") == 3  # those of answering, of the ticket stream, and of the feedback
    assert "2 members" in findings[-1].detail
    assert f"{TOPICS.questions} 7" in findings[-1].detail


def test_a_dead_kafka_is_asked_one_question_only() -> None:
    kafka = FakeKafka(error=Retryable("no answer (last heard: Connection refused)"))
    down, left_out = kafka.examined()
    assert kafka.asked == ["brokers"]
    assert (down.level, left_out.level) == (Level.FAILED, Level.SKIPPED)
    assert "Connection refused" in down.detail
    assert "SPANSTREAM_KAFKA__BOOTSTRAP_SERVERS" in down.advice
    assert left_out.detail == "Kafka first"


def test_a_refused_login_points_to_the_client_properties() -> None:
    down = FakeKafka(error=Stop("Kafka refused the connection: wrong", hint="check the user")).examined()[0]
    assert down.level is Level.FAILED
    assert "SPANSTREAM_KAFKA__CLIENT" in down.advice


@pytest.mark.parametrize(
    ("config", "level"),
    [
        ({"group.coordinator.rebalance.protocols": "classic,consumer,streams"}, Level.OK),
        ({"group.coordinator.rebalance.protocols": "classic"}, Level.FAILED),
        ({}, Level.FAILED),
        (
            {"group.coordinator.rebalance.protocols": "classic,consumer", "group.consumer.assignors": "uniform"},
            Level.FAILED,
        ),
    ],
)
def test_the_consumer_protocol_needs_brokers_that_speak_it_and_assign_ranges(
    config: dict[str, str], level: Level
) -> None:
    finding = consumer_protocol(config)
    assert finding.level is level
    assert bool(finding.advice) is (level is Level.FAILED)


@pytest.mark.parametrize(
    ("config", "kafka", "detail"),
    [
        ({"offsets.retention.minutes": str(WEEK_MINUTES)}, {}, "kept for 7 days"),
        ({}, {}, "not known"),
        ({"offsets.retention.minutes": "1"}, {"auto_offset_reset": "error"}, "stops, by setting"),
    ],
)
def test_offsets_that_expire_no_sooner_than_records_or_stop_the_consumer_are_fine(
    config: dict[str, str], kafka: dict[str, Any], detail: str
) -> None:
    findings = {finding.subject: finding for finding in FakeKafka(config=config).examined(**kafka)}
    assert findings["offset expiry"].level is Level.OK
    assert detail in findings["offset expiry"].detail


def test_transactions_that_are_off_are_not_tried() -> None:
    kafka = FakeKafka()
    assert transactions(kafka.announce, KafkaSettings(transactions=False)).level is Level.OK
    assert not kafka.asked


def test_a_coordinator_that_does_not_answer_is_a_failure_but_leaves_the_rest_to_be_looked_at() -> None:
    class NoCoordinator(FakeKafka):
        def announce(self) -> None:
            raise Retryable("no answer")

    level_of = levels(NoCoordinator().examined())
    assert level_of["transactions"] is Level.FAILED
    assert level_of["topics"] is Level.OK


def test_a_refusal_beside_an_id_of_the_settings_is_only_a_warning() -> None:
    def refuse() -> None:
        raise Stop("refused", hint="grant this user Write on the transactional id")

    assert transactions(refuse, KafkaSettings()).level is Level.FAILED
    assert transactions(refuse, KafkaSettings(transactional_id="mine")).level is Level.WARNING
