"""Describes the topics as they are needed: which are compacted, how large their records, how many partitions.

The ledger and the parking topic of a replay stand beside their dead-letter topic.
"""

from __future__ import annotations

from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.replay.ledger import ledger_of, parking_of
from spanstream.consumer.settings import TopicSettings

# Room above the consumer's own limit (4 MiB by default), so that what is too large gets a dead letter with a reason
# instead of a producer's error; and above that for the headers a dead letter adds.
_INPUT_BYTES = 12 << 20
_OUTPUT_BYTES = 14 << 20
_PARKING_BYTES = 15 << 20
_DAY_MS = 24 * 3600 * 1000


def topic_specs(topics: TopicSettings, *, partitions: int, replication_factor: int = -1) -> list[TopicSpec]:
    """Returns all five topics, and what replays of the dead letters need.

    Args:
        topics: their names.
        partitions: of each.
        replication_factor: copies of each partition; -1 leaves it to the broker.
    """
    configs = {
        topics.documents: {"cleanup.policy": "compact", "max.message.bytes": str(_INPUT_BYTES)},
        topics.questions: {"max.message.bytes": str(_INPUT_BYTES)},
        topics.retries: {"max.message.bytes": str(_OUTPUT_BYTES)},
        topics.answers: {},
        # A week is short where people look at them; a month is not.
        topics.dead_letters: {"max.message.bytes": str(_OUTPUT_BYTES), "retention.ms": str(30 * _DAY_MS)},
    }
    specs = [TopicSpec(name, partitions, replication_factor, config) for name, config in configs.items()]
    names = (ledger_of(topics.dead_letters), parking_of(topics.dead_letters))
    return [*specs, *replay_specs(*names, replication_factor=replication_factor)]


def replay_specs(ledger: str, parking: str, *, replication_factor: int = -1) -> list[TopicSpec]:
    """Returns the ledger of a dead-letter topic, which forgets nothing, and its parking topic, which keeps everything.

    Args:
        ledger: the ledger's name.
        parking: the parking topic's name.
        replication_factor: copies of each partition; -1 leaves it to the broker.
    """
    configs = {
        ledger: {"cleanup.policy": "compact"},
        parking: {"max.message.bytes": str(_PARKING_BYTES), "retention.ms": "-1"},
    }
    return [TopicSpec(name, 1, replication_factor, config) for name, config in configs.items()]


def triage_topic_specs(topics: TopicSettings, *, partitions: int, replication_factor: int = -1) -> list[TopicSpec]:
    """Returns the three topics of the triage stream.

    Args:
        topics: their names.
        partitions: of each; as many as the other topics have.
        replication_factor: copies of each partition; -1 leaves it to the broker.
    """
    configs = {
        topics.tickets: {"max.message.bytes": str(_INPUT_BYTES)},
        topics.triage: {"max.message.bytes": str(_OUTPUT_BYTES)},
        # Read to its end whenever a partition changes hands: a short tail is a quick start.
        topics.triage_state: {
            "cleanup.policy": "compact",
            "max.message.bytes": str(_OUTPUT_BYTES),
            "segment.ms": str(_DAY_MS // 24),
            "min.cleanable.dirty.ratio": "0.2",
        },
    }
    return [TopicSpec(name, partitions, replication_factor, config) for name, config in configs.items()]
