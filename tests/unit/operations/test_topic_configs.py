"""How long topics keep texts: what `topics create` asks for, out of the settings."""

from __future__ import annotations

from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.operations.topics import differences, feedback_topic_specs, topic_specs, triage_topic_specs
from spanstream.consumer.settings import TopicSettings
from spanstream.consumer.settings.privacy import RetentionSettings

TOPICS = TopicSettings()
DAY_MS = 24 * 3600 * 1000


def specs(retention: RetentionSettings | None = None) -> dict[str, TopicSpec]:
    retention = retention or RetentionSettings()
    every = [
        *topic_specs(TOPICS, partitions=3, retention=retention),
        *triage_topic_specs(TOPICS, partitions=3, retention=retention),
        *feedback_topic_specs(TOPICS, partitions=3, retention=retention),
    ]
    return {spec.name: spec for spec in every}


def test_every_compacted_topic_bounds_how_long_a_deleted_text_stays() -> None:
    compacted = {name: spec.config for name, spec in specs().items() if "compact" in spec.config["cleanup.policy"]}
    ours = {TOPICS.documents, TOPICS.open_questions, TOPICS.triage_state, TOPICS.labels}
    assert compacted.keys() == {*ours, "qa.dead-letters.ledger"}
    for config in compacted.values():
        assert int(config["max.compaction.lag.ms"]) == DAY_MS // 2
        assert int(config["segment.ms"]) <= DAY_MS // 2
        assert int(config["delete.retention.ms"]) == DAY_MS


def test_every_other_topic_has_a_retention_and_closes_its_segments_within_a_day() -> None:
    kept = {name: spec.config for name, spec in specs().items() if spec.config["cleanup.policy"] == "delete"}
    assert {name: int(config["retention.ms"]) // DAY_MS for name, config in kept.items()} == {
        TOPICS.questions: 7,
        TOPICS.retries: 7,
        TOPICS.tickets: 7,
        TOPICS.answers: 7,
        TOPICS.triage: 7,
        TOPICS.feedback: 7,
        TOPICS.dead_letters: 30,
        "qa.dead-letters.parked": 90,
    }
    assert all(int(config["segment.ms"]) == DAY_MS for config in kept.values())


def test_the_topic_of_a_second_model_is_made_where_it_is_asked_for_and_keeps_as_long_as_the_answers() -> None:
    made = {spec.name: spec for spec in topic_specs(TOPICS, partitions=3, shadow=True)}
    assert made[TOPICS.shadow_answers].config == made[TOPICS.answers].config
    assert TOPICS.shadow_answers not in specs()


def test_labels_are_kept_by_their_key_and_a_year_at_the_most() -> None:
    config = specs()[TOPICS.labels].config
    assert (config["cleanup.policy"], int(config["retention.ms"]) // DAY_MS) == ("compact,delete", 365)


def test_short_times_are_taken_as_they_are() -> None:
    quick = specs(RetentionSettings(deleted_seconds=2, input_seconds=3, output_seconds=4))
    assert quick[TOPICS.documents].config["max.compaction.lag.ms"] == "1000"
    assert quick[TOPICS.documents].config["segment.ms"] == "1000"
    assert (quick[TOPICS.tickets].config["retention.ms"], quick[TOPICS.tickets].config["segment.ms"]) == ("3000",) * 2
    assert quick[TOPICS.answers].config["retention.ms"] == "4000"


def test_what_differs_is_told_with_the_value_it_should_have() -> None:
    wanted = TopicSpec(
        "t", 1, 1, {"retention.ms": "10", "min.cleanable.dirty.ratio": "0.2", "cleanup.policy": "delete"}
    )
    assert differences(wanted, TopicSpec("t", 1, 1, {**wanted.config, "min.cleanable.dirty.ratio": "0.20"})) == {}
    assert differences(wanted, TopicSpec("t", 1, 1, {"cleanup.policy": "compact"})) == wanted.config
