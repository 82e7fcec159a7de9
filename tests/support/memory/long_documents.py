"""A consumer that reads the longest documents over a broker in memory, to be run as a process of its own.

Real: the consumer, the model, the clock. It prints its outcomes and its peak of memory as JSON; the settings come from
the environment. Linux only.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from spanstream.consumer.answering.wiring import build
from spanstream.consumer.broker.memory.broker import MemoryBroker
from spanstream.consumer.broker.protocols import Outgoing
from spanstream.consumer.delivery.group_member import BrokerClients
from spanstream.consumer.settings import Settings
from spanstream.consumer.settings.loading import load_settings
from tests.support.memory.long_texts import chinese, english_log

CHINESE, LOGS, CONTEXTS = 6, 6, 3
LOG_CHARS = 920_000
_ASKED = "Which error does the export show?"


def records(settings: Settings) -> list[Outgoing]:
    """Every document and a question about it, then questions that bring their text along."""
    topics, sent = settings.topics, list[Outgoing]()
    texts = [chinese(seed) for seed in range(CHINESE)] + [english_log(seed)[:LOG_CHARS] for seed in range(LOGS)]
    for number, text in enumerate(texts):
        key = f"d{number}"
        sent.append(_record(topics.documents, key, document_id=key, text=text))
        sent.append(_record(topics.questions, key, question_id=f"q{number}", question=_ASKED, document_id=key))
    for number in range(CONTEXTS):
        text = chinese(100 + number)
        sent.append(_record(topics.questions, "c", question_id=f"c{number}", question=_ASKED, context=text))
    return sent


def _record(topic: str, key: str, **event: str) -> Outgoing:
    return Outgoing(topic, key.encode(), json.dumps(event, ensure_ascii=False).encode())


def main() -> None:
    settings, broker = load_settings(None), MemoryBroker()
    topics = settings.topics
    for topic in (*topics.consumed, topics.answers, topics.dead_letters):
        broker.create_topic(topic, 1)
    broker.publisher().publish(records(settings), {})
    consumer = broker.consumer(settings.kafka.group_id)
    clients = BrokerClients(consumer, broker.reader(), broker.publisher(consumer))
    application = build(settings, connect=lambda _: clients)
    application.service.run(threading.Event(), once=True)
    application.close()
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
    answers, dead_letters = (len(broker.records(topic)) for topic in (topics.answers, topics.dead_letters))
    print(json.dumps({"answers": answers, "dead_letters": dead_letters, "peak_bytes": peak}))  # noqa: T201  to the test


if __name__ == "__main__":
    main()
