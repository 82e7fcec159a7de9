"""Only who tries a second model holds a client for its answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spanstream.consumer.answering.wiring import open_answering_clients
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.feedback.wiring import open_feedback_clients
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.kafka import KafkaSettings
from spanstream.consumer.settings.processing import ModelSettings
from spanstream.consumer.triage.wiring import open_triage_clients

NOBODY = KafkaSettings(bootstrap_servers="localhost:1")
TRIES = Settings(kafka=NOBODY, model=ModelSettings(shadow_path=Path("second")))


def feedback_clients(settings: Settings) -> BrokerClients:
    clients, labels = open_feedback_clients(settings)
    labels.close()
    return clients


@pytest.mark.parametrize(
    ("open_clients", "settings", "expected"),
    [
        (open_answering_clients, TRIES, True),
        (open_answering_clients, Settings(kafka=NOBODY), False),
        (open_triage_clients, TRIES, False),
        (feedback_clients, TRIES, False),
    ],
)
def test_a_client_for_second_answers_is_open_only_where_a_second_model_is_tried(
    open_clients: Callable[[Settings], BrokerClients], settings: Settings, expected: bool
) -> None:
    clients = open_clients(settings)
    with closing(clients.consumer), closing(clients.documents), closing(clients.publisher):
        assert (clients.shadow_publisher is not None) == expected
    if clients.shadow_publisher is not None:
        clients.shadow_publisher.close()
