"""Nothing that is made of the settings shows a secret: not its `repr`, not the traceback of a start that fails."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError

from spanstream.consumer.broker.kafka import (
    KafkaGroupConsumer,
    KafkaPartitionReader,
    KafkaProgressPublisher,
    TopicAdmin,
    open_publisher,
)
from spanstream.consumer.broker.kafka.error_mapping import ClientErrors
from spanstream.consumer.broker.kafka.handles import new_admin_client
from spanstream.consumer.cache.opening import open_store
from spanstream.consumer.cache.redis_connection import RedisOptions
from spanstream.consumer.errors import Stop
from spanstream.consumer.operations.doctor.checks import broker_access, checks_of
from spanstream.consumer.redaction import redacted, secrets_in, secrets_in_url
from spanstream.consumer.settings import KafkaSettings, RedisSettings, Settings
from spanstream.consumer.settings.loading import load_settings

SECRET = "hunter2-very-secret"  # noqa: S105  made up
CLIENT: dict[str, str | int | float | bool] = {"sasl.password": SECRET, "ssl.key.password": SECRET}
KAFKA = KafkaSettings(bootstrap_servers="127.0.0.1:1", group_id="g", client=CLIENT)
REDIS = RedisSettings.model_validate({"url": f"redis://me:{SECRET}@127.0.0.1:1/0", "client": {"password": SECRET}})
SETTINGS = Settings(kafka=KAFKA, redis=REDIS)
PARTS: dict[str, Callable[[], object]] = {
    "all settings": lambda: SETTINGS,
    "each group of settings": lambda: [getattr(SETTINGS, name) for name in Settings.model_fields],
    "the options of Redis": lambda: RedisOptions(client=REDIS.client),
    "the store in Redis": lambda: open_store(REDIS),
    "the topic admin": lambda: TopicAdmin(KAFKA),
    "the group consumer": lambda: KafkaGroupConsumer(KAFKA),
    "the reader": lambda: KafkaPartitionReader(KAFKA),
    "the publisher": lambda: open_publisher(KAFKA),
    "the progress publisher": lambda: KafkaProgressPublisher(KAFKA),
    "the doctor's checks": lambda: checks_of(SETTINGS, timeout_seconds=1),
    "the doctor's access": lambda: broker_access(SETTINGS, 1),
}


@pytest.mark.parametrize("part", PARTS)
def test_no_settings_and_no_part_of_a_consumer_shows_a_secret(part: str) -> None:
    made = PARTS[part]()
    assert SECRET not in repr(made)
    assert SECRET not in str(made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANSTREAM_KAFKA__CLIENT", json.dumps({"sasl.password": [SECRET]})),
        ("SPANSTREAM_KAFKA__CLIENT", f'{{"sasl.password": "{SECRET}'),
        ("SPANSTREAM_REDIS", json.dumps({"url": {"password": SECRET}})),
        ("SPANSTREAM_REDIS", json.dumps({"password": SECRET})),
        ("SPANSTREAM_HTTP__PORT", SECRET),
    ],
)
def test_the_traceback_of_settings_that_are_refused_holds_no_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Stop) as caught:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_properties_that_are_refused_are_not_quoted_where_they_are_secret() -> None:
    properties = {"bootstrap.servers": "127.0.0.1:1", "security.protocol": SECRET, "sasl.password": SECRET}
    with pytest.raises(Stop) as caught:
        new_admin_client(dict(properties), ClientErrors(dict(properties)))
    assert "security.protocol" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_what_librdkafka_quotes_of_a_login_is_not_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    errors = ClientErrors({"bootstrap.servers": "h:1", "sasl.oauthbearer.config": f"principal=me {SECRET}=1"})
    with caplog.at_level(logging.DEBUG):
        errors.log(logging.ERROR, f"Unrecognized sasl.oauthbearer.config beginning at: {SECRET}=1")
    errors(KafkaError(KafkaError._AUTHENTICATION, f"Unrecognized sasl.oauthbearer.config beginning at: {SECRET}=1"))
    with pytest.raises(Stop, match="beginning at") as caught:
        errors.raise_refusal()
    assert "beginning at" in caplog.text
    for said in (caplog.text, str(caught.value), str(errors.no_answer("a question"))):
        assert SECRET not in said


def test_a_password_of_a_url_is_found_wherever_it_stands_and_however_it_is_written() -> None:
    assert secrets_in_url("redis://me:a%2Fbc@host:1/0?password=d%20ef&db=1") >= {"a%2Fbc", "a/bc", "d ef"}
    assert secrets_in({"password": SECRET, "port": 12345}) == {SECRET}
    assert redacted(f"<{SECRET}>", {SECRET, SECRET[:8]}) == "<***>"
