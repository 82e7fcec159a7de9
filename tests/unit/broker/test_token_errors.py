"""A token that does not come: waited for where a server gives it, and an end where the configuration is wrong."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors
from spanstream.consumer.errors import Stop

NO_TOKEN = KafkaError(KafkaError._AUTHENTICATION, "Failed to acquire SASL OAUTHBEARER token: no answer")


def test_a_token_server_that_is_down_is_waited_for_and_named_where_an_answer_is_missing() -> None:
    errors = ClientErrors({"bootstrap.servers": "kafka:9092", "sasl.oauthbearer.method": "oidc"})
    errors(NO_TOKEN)
    errors.raise_refusal()
    assert "Failed to acquire SASL OAUTHBEARER token: no answer" in str(errors.no_answer("a question"))


def test_a_login_that_the_client_cannot_read_is_no_server_to_wait_for() -> None:
    errors = ClientErrors({"bootstrap.servers": "kafka:9092"})
    errors(NO_TOKEN)
    with pytest.raises(Stop, match="Failed to acquire"):
        errors.raise_refusal()


def test_a_token_that_the_broker_refuses_is_no_server_to_wait_for() -> None:
    errors = ClientErrors({"bootstrap.servers": "kafka:9092", "sasl.oauthbearer.method": "oidc"})
    errors(KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED))
    with pytest.raises(Stop):
        errors.raise_refusal()


def test_a_connection_that_is_lost_during_a_login_is_no_refusal() -> None:
    errors = ClientErrors({"bootstrap.servers": "kafka:9092"})
    lost = (
        "SASL OAUTHBEARER mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms:"
    )
    errors(KafkaError(KafkaError._AUTHENTICATION, lost))
    errors.raise_refusal()
    assert lost in str(errors.no_answer("a question"))
