"""The librdkafka properties that are made of the settings; no broker is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from spanstream.consumer.broker.kafka.properties import (
    Properties,
    admin_properties,
    follower_properties,
    lookup_properties,
    make_transactional_id,
    member_properties,
    producer_properties,
    transactional_producer_properties,
)
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import KafkaSettings

MAKERS: list[Callable[[KafkaSettings], Properties]] = [
    member_properties,
    follower_properties,
    lookup_properties,
    lambda settings: lookup_properties(settings, uncommitted=True),
    admin_properties,
    lambda settings: producer_properties(settings, 30.0),
    lambda settings: transactional_producer_properties(settings, "id", 30.0),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("owned", ["group.id", "isolation.level", "enable.idempotence"])
def test_a_property_that_is_ours_is_refused_whatever_client_it_is_for(
    make: Callable[[KafkaSettings], Properties], owned: str
) -> None:
    with pytest.raises(Stop, match=f"not passed through, take them out: {owned}"):
        make(KafkaSettings(client={owned: "theirs", "sasl.username": "me"}))


@pytest.mark.parametrize("make", MAKERS)
def test_other_properties_are_passed_through_over_what_we_prefer(make: Callable[[KafkaSettings], Properties]) -> None:
    properties = make(KafkaSettings(client={"sasl.username": "me", "socket.timeout.ms": 1}))
    assert properties["sasl.username"] == "me"
    assert properties["socket.timeout.ms"] == 1


def test_a_transaction_times_out_as_the_settings_say_and_no_record_later_than_that() -> None:
    assert transactional_producer_properties(KafkaSettings(), "id", 60.0)["transaction.timeout.ms"] == 30_000
    settings = KafkaSettings(transaction_timeout_seconds=5)
    properties = transactional_producer_properties(settings, "id", 30.0)
    assert properties["transaction.timeout.ms"] == properties["message.timeout.ms"] == 5_000


def test_a_transactional_id_is_the_configured_one_or_made_of_the_static_membership_or_random() -> None:
    assert make_transactional_id(KafkaSettings(transactional_id="mine", group_instance_id="pod-0")) == "mine"
    assert make_transactional_id(KafkaSettings(group_id="g", group_instance_id="pod-0")) == "g.pod-0"
    assert make_transactional_id(KafkaSettings()) != make_transactional_id(KafkaSettings())


def test_a_member_without_a_group_is_refused_by_the_settings() -> None:
    with pytest.raises(ValidationError, match="group_id"):
        KafkaSettings(group_id="")
