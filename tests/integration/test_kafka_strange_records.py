"""Records that librdkafka reads and its Python client does not give out, and topics that are not whole yet."""

from __future__ import annotations

from spanstream.consumer.broker.kafka import KafkaPartitionReader
from spanstream.consumer.broker.protocols import UNREADABLE_HEADERS
from spanstream.consumer.broker.reading import tail
from spanstream.consumer.settings import KafkaSettings
from tests.support.kafka.kafka_fixtures import Topics
from tests.support.kafka.raw_producer import send_with_header_name


def test_a_header_whose_name_is_not_utf8_does_not_stop_the_reading(topics: Topics) -> None:
    topic = topics.make()
    # So many, because the interpreter does not treat the first calls as it does later ones.
    send_with_header_name(topics.bootstrap, topic, b"bad\xff\xfename", b"key", b"value", times=30)
    send_with_header_name(topics.bootstrap, topic, b"fine", b"key", b"next")
    reader = KafkaPartitionReader(KafkaSettings(bootstrap_servers=topics.bootstrap))
    records = list(tail(reader, topic))
    reader.close()
    assert [(record.key, record.value) for record in records] == [(b"key", b"value")] * 30 + [(b"key", b"next")]
    assert [record.headers for record in records] == [UNREADABLE_HEADERS] * 30 + [(("fine", b"v"),)]


def test_where_a_topic_ends_is_known_as_soon_as_it_is_created(topics: Topics) -> None:
    for _ in range(20):
        topic = topics.make(3)
        reader = KafkaPartitionReader(KafkaSettings(bootstrap_servers=topics.bootstrap))
        partitions = reader.partitions(topic)
        assert reader.end_offsets(partitions) == dict.fromkeys(partitions, 0)
        reader.close()
