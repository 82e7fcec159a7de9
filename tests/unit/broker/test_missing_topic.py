"""What is said where a topic is missing."""

from __future__ import annotations

from confluent_kafka import KafkaError

from spanstream.consumer.broker.kafka.error_mapping import NeededRights, map_error


def test_how_it_is_created_names_also_the_options_that_some_topics_need() -> None:
    error = map_error(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), "publishing to qa.feedback", NeededRights())
    assert "`spanstream topics create`, or with --triage or --feedback" in str(error)
