"""What librdkafka says of a broker that is away: many times a second it connects, and the log says it now and then."""

from __future__ import annotations

import logging
import time

import pytest

from spanstream.consumer.broker.kafka.error_mapping import ClientErrors

AWAY = "FAIL [c#consumer-1] [thrd:k:9092/bootstrap]: k:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed: {}"
REFUSED = AWAY.format("Connection refused (after {}ms in state CONNECT)")


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> ClientErrors:
    caplog.set_level(logging.DEBUG, "librdkafka")
    return ClientErrors({"bootstrap.servers": "k:9092"})


def test_the_same_failure_to_connect_is_logged_once_in_a_while(
    errors: ClientErrors, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(3):
        for milliseconds in (0, 0, 12):
            errors.log(logging.ERROR, "%s", REFUSED.format(milliseconds))
        errors.log(logging.ERROR, "%s", REFUSED.format(0).replace("consumer-1", "consumer-2"))  # a new handle's
        now += 31.0
    assert [record.getMessage() for record in caplog.records] == [REFUSED.format(0)] * 3


def test_other_lines_are_all_logged(errors: ClientErrors, caplog: pytest.LogCaptureFixture) -> None:
    timed_out = AWAY.format("Connection timed out (after 1ms in state CONNECT)")
    refused_login = "FAIL [c#consumer-1] [thrd:k]: k: SASL authentication error (after 300ms in state AUTH_REQ)"
    lines = [REFUSED.format(1), timed_out, refused_login, refused_login, "ERROR 1/1 brokers are down", refused_login]
    for line in lines:
        errors.log(logging.ERROR, line)
    assert [record.getMessage() for record in caplog.records] == lines
