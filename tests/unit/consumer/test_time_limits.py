"""The defaults keep the order that the time limits ask for."""

from __future__ import annotations

from pathlib import Path

import yaml

from spanstream.consumer.settings import HttpSettings, KafkaSettings, Settings
from spanstream.consumer.time_limits import (
    AFTER_TIMEOUT_SECONDS,
    LONGEST_ATTEMPT_SECONDS,
    LONGEST_TURN_SECONDS,
    POLL_INTERVAL_SECONDS,
    PUBLISH_TIMEOUT_SECONDS,
    longest_stop,
)

VALUES = yaml.safe_load((Path(__file__).parents[3] / "helm" / "spanstream" / "values.yaml").read_text())
DRAIN = Settings.model_fields["drain_seconds"].default


def test_the_broker_aborts_no_transaction_that_is_still_being_published() -> None:
    assert KafkaSettings().transaction_timeout_seconds >= PUBLISH_TIMEOUT_SECONDS


def test_an_attempt_to_publish_that_fails_at_last_does_not_fail_the_liveness_probe() -> None:
    assert HttpSettings().stuck_seconds > LONGEST_ATTEMPT_SECONDS


def test_a_turn_and_a_drain_do_not_cost_a_member_its_partitions() -> None:
    assert LONGEST_TURN_SECONDS + DRAIN + LONGEST_ATTEMPT_SECONDS < POLL_INTERVAL_SECONDS


def test_a_pod_ends_within_its_grace_period_even_while_kafka_does_not_answer() -> None:
    assert VALUES["drainSeconds"] == DRAIN
    assert longest_stop(DRAIN) < VALUES["terminationGracePeriodSeconds"]


def test_the_chart_asks_for_the_time_that_a_longer_drain_takes() -> None:
    assert longest_stop(1000.0) <= 1000.0 + 20.0  # what `spanstream.checkResources` adds


def test_a_drain_has_time_for_an_attempt_and_what_follows_it() -> None:
    assert AFTER_TIMEOUT_SECONDS < DRAIN
