"""Describes the topics as they are needed: which are compacted, how large their records, how long those are kept.

The ledger and the parking topic of a replay stand beside their dead-letter topic.

A broker compacts, and removes by age, whole segments. A segment is closed by the next record after `segment.ms`, or, in
a compacted topic, after `max.compaction.lag.ms`; compaction never touches the open one. So both are set for every
topic: without them a deleted text may stay for ever, and a record for a week longer than its retention.
"""

from __future__ import annotations

from collections.abc import Mapping

from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.replay.ledger import ledger_of, parking_of
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.settings.privacy import RetentionSettings

# Room above the consumer's own limit (4 MiB by default), so that what is too large gets a dead letter with a reason
# instead of a producer's error; and above that for the headers a dead letter adds.
_INPUT_BYTES = 12 << 20
_OUTPUT_BYTES = 14 << 20
_PARKING_BYTES = 15 << 20
_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_DEFAULT_RETENTION = RetentionSettings()


def topic_specs(
    topics: TopicSettings,
    *,
    partitions: int,
    replication_factor: int = -1,
    retention: RetentionSettings = _DEFAULT_RETENTION,
    shadow: bool = False,
) -> list[TopicSpec]:
    """Returns all six topics, and what replays of the dead letters need.

    Args:
        topics: their names.
        partitions: of each.
        replication_factor: copies of each partition; -1 leaves it to the broker.
        retention: how long they keep what.
        shadow: also the one of a second model's answers.
    """
    configs = {
        topics.documents: {**_compacted(retention), "max.message.bytes": str(_INPUT_BYTES)},
        topics.questions: {**_kept(retention.input_seconds), "max.message.bytes": str(_INPUT_BYTES)},
        topics.retries: {**_kept(retention.input_seconds), "max.message.bytes": str(_OUTPUT_BYTES)},
        topics.open_questions: {**_compacted(retention), "max.message.bytes": str(_OUTPUT_BYTES)},
        topics.answers: _kept(retention.output_seconds),
        topics.dead_letters: {**_kept(retention.dead_letters_seconds), "max.message.bytes": str(_OUTPUT_BYTES)},
    }
    if shadow:
        configs[topics.shadow_answers] = _kept(retention.output_seconds)
    specs = [TopicSpec(name, partitions, replication_factor, config) for name, config in configs.items()]
    names = (ledger_of(topics.dead_letters), parking_of(topics.dead_letters))
    return [*specs, *replay_specs(*names, replication_factor=replication_factor, retention=retention)]


def replay_specs(
    ledger: str, parking: str, *, replication_factor: int = -1, retention: RetentionSettings = _DEFAULT_RETENTION
) -> list[TopicSpec]:
    """Returns the ledger of a dead-letter topic, which forgets nothing by age, and its parking topic.

    Args:
        ledger: the ledger's name.
        parking: the parking topic's name.
        replication_factor: copies of each partition; -1 leaves it to the broker.
        retention: how long parked dead letters are kept.
    """
    configs = {
        ledger: _compacted(retention),
        parking: {**_kept(retention.parked_seconds), "max.message.bytes": str(_PARKING_BYTES)},
    }
    return [TopicSpec(name, 1, replication_factor, config) for name, config in configs.items()]


def triage_topic_specs(
    topics: TopicSettings,
    *,
    partitions: int,
    replication_factor: int = -1,
    retention: RetentionSettings = _DEFAULT_RETENTION,
) -> list[TopicSpec]:
    """Returns the three topics of the triage stream.

    Args:
        topics: their names.
        partitions: of each; as many as the other topics have.
        replication_factor: copies of each partition; -1 leaves it to the broker.
        retention: how long they keep what.
    """
    # The state is read to its end whenever a partition changes hands: a short tail is a quick start.
    state = _compacted(retention, segment_ms=_HOUR_MS)
    configs = {
        topics.tickets: {**_kept(retention.input_seconds), "max.message.bytes": str(_INPUT_BYTES)},
        topics.triage: {**_kept(retention.output_seconds), "max.message.bytes": str(_OUTPUT_BYTES)},
        topics.triage_state: {**state, "max.message.bytes": str(_OUTPUT_BYTES)},
    }
    return [TopicSpec(name, partitions, replication_factor, config) for name, config in configs.items()]


def feedback_topic_specs(
    topics: TopicSettings,
    *,
    partitions: int,
    replication_factor: int = -1,
    retention: RetentionSettings = _DEFAULT_RETENTION,
) -> list[TopicSpec]:
    """Returns the topics of what people say of answers, and of what was found right of it.

    Args:
        topics: their names.
        partitions: of each; as many as the other topics have.
        replication_factor: copies of each partition; -1 leaves it to the broker.
        retention: how long they keep what.
    """
    # The newest of each key, and that for a bounded time: a label of an inline context goes with no document.
    age = {"cleanup.policy": "compact,delete", "retention.ms": _milliseconds(retention.labels_seconds)}
    configs = {
        topics.feedback: {**_kept(retention.input_seconds), "max.message.bytes": str(_INPUT_BYTES)},
        topics.labels: {**_compacted(retention), **age, "max.message.bytes": str(_OUTPUT_BYTES)},
    }
    return [TopicSpec(name, partitions, replication_factor, config) for name, config in configs.items()]


def differences(wanted: TopicSpec, found: TopicSpec) -> dict[str, str]:
    """Returns the configs in which a topic that is there differs from what is wanted, as they should be."""
    return {name: value for name, value in wanted.config.items() if not _same(found.config, name, value)}


def _same(config: Mapping[str, str], name: str, value: str) -> bool:
    found = config.get(name, "")
    try:
        return float(found) == float(value)
    except ValueError:
        return found == value


def _compacted(retention: RetentionSettings, segment_ms: int = _DAY_MS) -> dict[str, str]:
    """Returns the configs of a topic that keeps the latest record of each key.

    Half of the time is for the segment to be closed and due, the other half for the next record, which closes it, and
    for the cleaner.
    """
    lag_ms = max(1, round(retention.deleted_seconds * 1000 / 2))
    return {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": str(lag_ms),
        "segment.ms": str(min(segment_ms, lag_ms)),
        "min.cleanable.dirty.ratio": "0.2",
        # Of tombstones, which hold an id and no text: a reader that begins anew has this long to read to the end.
        "delete.retention.ms": str(_DAY_MS),
    }


def _kept(seconds: float) -> dict[str, str]:
    """Returns the configs of a topic that keeps every record for this long, and for a segment's time more at most."""
    retention_ms = _milliseconds(seconds)
    return {
        "cleanup.policy": "delete",
        "retention.ms": retention_ms,
        "segment.ms": str(min(_DAY_MS, int(retention_ms))),
    }


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
