"""Topics that the chart creates: by a Job that runs the program, or as KafkaTopics for Strimzi."""

from __future__ import annotations

from typing import Any

import pytest

from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.operations.topics import feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings import RetentionSettings, TopicSettings
from tests.support.cluster.chart import RELEASE, Object, Refused, only, pod_specs, render

NAME = f"{RELEASE}-spanstream"
JOB = {"topicCreation": {"mode": "job"}}
STRIMZI: dict[str, Any] = {"topicCreation": {"mode": "strimzi", "strimzi": {"cluster": "events"}}}
FEEDBACK = {"feedback": {"enabled": True}}
TRIAGE = {"triage": {"enabled": True, "playbook": "x"}}
V1, V1BETA2 = "kafka.strimzi.io/v1/KafkaTopic", "kafka.strimzi.io/v1beta2/KafkaTopic"


def job(values: dict[str, Any]) -> Object:
    return only(render(values), "Job")


def arguments(values: dict[str, Any]) -> list[str]:
    (container,) = job(values)["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


def test_a_job_creates_the_topics_with_as_many_partitions_as_the_scaling_counts_on() -> None:
    given = {"kafka": {"partitions": 24}, "topicCreation": {"mode": "job", "replicationFactor": 3}}
    assert arguments(given) == ["topics", "create", "--partitions", "24", "--replication-factor", "3"]
    assert arguments(JOB | TRIAGE)[-2:] == ["-1", "--triage"]
    assert arguments(JOB | FEEDBACK)[-2:] == ["-1", "--feedback"]


def test_the_job_names_the_topics_of_the_triage_stream_as_its_pods_do() -> None:
    named = {"SPANSTREAM_TOPICS__TICKETS": "helpdesk.tickets"}
    (container,) = job(JOB | {"triage": TRIAGE["triage"] | {"settings": named}})["spec"]["template"]["spec"][
        "containers"
    ]
    assert {"name": "SPANSTREAM_TOPICS__TICKETS", "value": "helpdesk.tickets"} in container["env"]


def test_another_setting_makes_another_job_and_another_number_of_pods_does_not() -> None:
    name = job(JOB)["metadata"]["name"]
    assert name.startswith(f"{NAME}-topics-")
    assert job(JOB | {"kafka": {"partitions": 24}})["metadata"]["name"] != name
    assert job(JOB | {"image": {"tag": "2"}})["metadata"]["name"] != name
    assert job(JOB | {"autoscaling": {"maxReplicas": 2}})["metadata"]["name"] == name


def test_a_job_that_has_ended_stays_so_that_nothing_that_compares_makes_it_anew() -> None:
    assert "ttlSecondsAfterFinished" not in job(JOB)["spec"]


def kafka_topics(values: dict[str, Any], **options: Any) -> dict[str, Object]:
    found = [manifest for manifest in render(values, **options) if manifest["kind"] == "KafkaTopic"]
    return {topic["spec"]["topicName"]: topic for topic in found}


def as_strimzi_has_it(spec: TopicSpec) -> Object:
    written: Object = {"topicName": spec.name, "partitions": spec.partitions}
    if spec.config:
        written["config"] = dict(spec.config)
    return written


def test_strimzi_is_given_the_very_topics_that_the_program_would_create() -> None:
    makers = (topic_specs, triage_topic_specs, feedback_topic_specs)
    specs = [spec for make in makers for spec in make(TopicSettings(), partitions=24)]
    given = kafka_topics(STRIMZI | TRIAGE | FEEDBACK | {"kafka": {"partitions": 24}})
    for topic in given.values():
        for name, value in topic["spec"].get("config", {}).items():
            topic["spec"]["config"][name] = str(value)
    assert {name: topic["spec"] for name, topic in given.items()} == {
        spec.name: as_strimzi_has_it(spec) for spec in specs
    }


def test_strimzis_topics_keep_texts_as_long_as_the_settings_say() -> None:
    settings = {"SPANSTREAM_RETENTION__DELETED_SECONDS": 600, "SPANSTREAM_RETENTION__INPUT_SECONDS": "3600"}
    given = kafka_topics(STRIMZI | {"settings": settings})
    specs = topic_specs(
        TopicSettings(), partitions=1, retention=RetentionSettings(deleted_seconds=600, input_seconds=3600)
    )
    for spec in specs:
        config = {name: str(value) for name, value in given[spec.name]["spec"]["config"].items()}
        assert config == as_strimzi_has_it(spec)["config"]


def test_labels_are_kept_as_long_as_the_settings_say_in_the_topic_that_they_name() -> None:
    settings = {"SPANSTREAM_RETENTION__LABELS_SECONDS": 3600, "SPANSTREAM_TOPICS__LABELS": "said"}
    given = kafka_topics(STRIMZI | FEEDBACK | {"settings": settings})
    retention = RetentionSettings(labels_seconds=3600)
    (_, labels) = feedback_topic_specs(TopicSettings(labels="said"), partitions=12, retention=retention)
    config = {name: str(value) for name, value in given["said"]["spec"]["config"].items()}
    assert config == as_strimzi_has_it(labels)["config"]


def test_without_triage_its_topics_are_not_made() -> None:
    assert kafka_topics(STRIMZI).keys() == {spec.name for spec in topic_specs(TopicSettings(), partitions=1)}


def test_a_second_models_answers_have_a_topic_where_one_is_tried() -> None:
    path = {"SPANSTREAM_MODEL__SHADOW_PATH": "/second"}
    made = kafka_topics(STRIMZI | {"settings": path})
    specs = {spec.name: spec for spec in topic_specs(TopicSettings(), partitions=12, shadow=True)}
    assert made.keys() == specs.keys()
    assert made["qa.answers.shadow"]["spec"]["config"] == made["qa.answers"]["spec"]["config"]
    named = kafka_topics(STRIMZI | {"settings": path | {"SPANSTREAM_TOPICS__SHADOW_ANSWERS": "tried"}})
    assert "tried" in named
    (container,) = job(JOB | {"settings": path})["spec"]["template"]["spec"]["containers"]
    assert any("settings" in source.get("configMapRef", {}).get("name", "") for source in container["envFrom"])


def test_a_kafka_topic_has_what_the_topic_operator_asks_for() -> None:
    strimzi = STRIMZI["topicCreation"]["strimzi"] | {"namespace": "kafka", "annotations": {"a": "b"}}
    creation = {"mode": "strimzi", "replicationFactor": 3, "strimzi": strimzi}
    for topic in kafka_topics({"topicCreation": creation}).values():
        assert topic["metadata"]["namespace"] == "kafka"
        assert topic["metadata"]["labels"]["strimzi.io/cluster"] == "events"
        # Without it, the end of the release would be the end of what is in the topics.
        assert topic["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep", "a": "b"}
        assert topic["spec"]["replicas"] == 3
        assert topic["spec"].keys() <= {"topicName", "partitions", "replicas", "config"}
    assert {topic["metadata"]["namespace"] for topic in kafka_topics(STRIMZI).values()} == {"qa"}


@pytest.mark.parametrize(
    ("has", "version"), [((), "v1"), ((V1,), "v1"), ((V1, V1BETA2), "v1"), ((V1BETA2,), "v1beta2")], ids=str
)
def test_the_newest_version_that_the_cluster_has_is_used(has: tuple[str, ...], version: str) -> None:
    versions = {topic["apiVersion"] for topic in kafka_topics(STRIMZI, has=has).values()}
    assert versions == {f"kafka.strimzi.io/{version}"}


def test_a_topics_name_that_kubernetes_would_refuse_is_only_in_the_spec() -> None:
    topics = kafka_topics(STRIMZI | {"kafka": {"topics": {"questions": "_QA.Questions_v2"}}})
    assert topics["_QA.Questions_v2"]["metadata"]["name"] == "qa.questions-v2"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"topicCreation": {"mode": "strimzi"}}, "topicCreation.mode strimzi needs topicCreation.strimzi.cluster"),
        (
            {"topicCreation": {"mode": "hook"}},
            "at '/topicCreation/mode': value must be one of 'none', 'job', 'strimzi'",
        ),
        ({"topicCreation": {"replicationFactor": 0}}, "at '/topicCreation/replicationFactor'"),
        (
            JOB
            | {
                "autoscaling": {"mode": "keda"},
                "kafka": {"partitions": 24},
                "triage": TRIAGE["triage"] | {"autoscaling": {"enabled": True}},
            },
            "triage.autoscaling.partitions (12) is not kafka.partitions (24)",
        ),
    ],
)
def test_what_cannot_be_created_so_is_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    assert says in str(refused.value)


def test_nothing_creates_topics_where_nothing_is_said() -> None:
    assert pod_specs(render()).keys() == {NAME}
