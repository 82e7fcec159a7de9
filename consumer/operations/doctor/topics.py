"""Checks the topics: pure functions, from what Kafka says about them to a finding.

`existence` comes first; the others need all five.
"""

from __future__ import annotations

from collections.abc import Mapping

from spanstream.consumer.broker.protocols import TopicSpec
from spanstream.consumer.operations.doctor.finding import Finding, failed, ok, warning
from spanstream.consumer.settings import TopicSettings

TopicSpecs = Mapping[str, TopicSpec]

# Of headers and candidate, above the record that a dead letter or a retry carries on.
HEADROOM_BYTES = 64 << 10
_MINUTE_MS = 60_000
_DAY_MINUTES = 24 * 60
# Kafka's default: no bound at all.
_NO_LAG_MS = 2**63 - 1


def all_names(topics: TopicSettings) -> tuple[str, ...]:
    """Returns the names of the five topics that answering needs."""
    return (topics.documents, topics.questions, topics.answers, topics.retries, topics.dead_letters)


def triage_names(topics: TopicSettings) -> tuple[str, ...]:
    """Returns the names of the three topics that only the ticket stream needs."""
    return (topics.tickets, topics.triage, topics.triage_state)


def feedback_names(topics: TopicSettings) -> tuple[str, ...]:
    """Returns the names of the two topics that only the feedback needs."""
    return topics.consumed_by_feedback


def existence(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether all five are there."""
    missing = [name for name in all_names(topics) if name not in specs]
    if missing:
        advice = "`spanstream topics create`, or correct SPANSTREAM_TOPICS__*"
        return failed("topics", f"missing: {', '.join(missing)}", advice)
    return ok("topics", ", ".join(all_names(topics)))


def partitions(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether a question's partition has the same number, and owner, as its document's."""
    subject = "partitions"
    counts = {name: specs[name].partitions for name in topics.consumed}
    most = max(counts.values())
    fewer = [name for name, count in counts.items() if count < most]
    if not fewer:
        return ok(subject, f"{most} each: {', '.join(counts)}")
    again = "; then publish the documents again, for their keys move" if topics.documents in fewer else ""
    advice = f"give {' and '.join(fewer)} {most} partitions (`kafka-topics.sh --alter --topic ... --partitions {most}`)"
    return failed(subject, f"{_listed(counts)}: a question would not meet its document", advice + again)


def compaction(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether documents stay, deleted ones go, and nothing else is thinned out by key."""
    subject = "compaction"
    policies = {name: spec.config.get("cleanup.policy", "").split(",") for name, spec in specs.items()}
    documents = policies[topics.documents]
    alter = "`kafka-configs.sh --alter --topic {} --add-config cleanup.policy={}`"
    if documents != ["compact"]:
        detail = f"{topics.documents} has cleanup.policy={','.join(documents)}: documents vanish when they are old"
        return failed(subject, detail, alter.format(topics.documents, "compact"))
    thinned = [name for name in all_names(topics) if name != topics.documents and "compact" in policies[name]]
    if thinned:
        detail = f"compacted, but should not be: {', '.join(thinned)}: of the records with one key only the last stays"
        return failed(subject, detail, alter.format(thinned[0], "delete"))
    if int(specs[topics.documents].config.get("max.compaction.lag.ms", _NO_LAG_MS)) >= _NO_LAG_MS:
        detail = f"{topics.documents} is compacted whenever it suits: a deleted text may stay in it for ever"
        return warning(subject, detail, "`spanstream topics create --alter` sets max.compaction.lag.ms")
    return ok(subject, f"{topics.documents} is compacted")


def shadow(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether a second model's answers have a topic; without it the trial ends, and nothing else."""
    name = topics.shadow_answers
    if name in specs:
        return ok("shadow topic", name)
    return warning("shadow topic", f"missing: {name}: the second model is not tried", "`spanstream topics create`")


def open_questions(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether declined questions can stay open; without it `run` ends at the first one that is to."""
    subject, name = "open questions", topics.open_questions
    if name not in specs:
        return failed(subject, f"missing: {name}", "`spanstream topics create`")
    if specs[name].config.get("cleanup.policy") != "compact":
        return failed(subject, f"{name} is not compacted: open questions vanish", "`spanstream topics create --alter`")
    return ok(subject, f"{name} is compacted")


def triage(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether the ticket stream, where it is set up, gets back what it asked, and keeps what it knows."""
    subject = "triage"
    missing = [name for name in triage_names(topics) if name not in specs]
    if len(missing) == len(triage_names(topics)):
        return ok(subject, "not set up (`spanstream topics create --triage` would), or not for this user to see")
    if missing:
        return failed(subject, f"missing: {', '.join(missing)}", "`spanstream topics create --triage`")
    counts = {name: specs[name].partitions for name in (*topics.consumed, *topics.consumed_by_triage)}
    if len(set(counts.values())) > 1:
        advice = f"give each of them {max(counts.values())} partitions"
        return failed(subject, f"{_listed(counts)}: answers would not meet their tickets", advice)
    if specs[topics.triage_state].config.get("cleanup.policy") != "compact":
        advice = f"`kafka-configs.sh --alter --topic {topics.triage_state} --add-config cleanup.policy=compact`"
        return failed(subject, f"{topics.triage_state} is not compacted: open tickets vanish when they are old", advice)
    return ok(subject, f"{', '.join(triage_names(topics))}: {max(counts.values())} partitions each")


def feedback(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether feedback, where it is set up, meets its documents, and its labels stay."""
    subject = "feedback"
    missing = [name for name in feedback_names(topics) if name not in specs]
    if len(missing) == len(feedback_names(topics)):
        return ok(subject, "not set up (`spanstream topics create --feedback` would), or not for this user to see")
    if missing:
        return failed(subject, f"missing: {', '.join(missing)}", "`spanstream topics create --feedback`")
    counts = {name: specs[name].partitions for name in (topics.documents, *feedback_names(topics))}
    if len(set(counts.values())) > 1:
        advice = f"give each of them {max(counts.values())} partitions"
        return failed(subject, f"{_listed(counts)}: feedback would not meet its document", advice)
    if "compact" not in specs[topics.labels].config.get("cleanup.policy", ""):
        detail = f"{topics.labels} is not compacted: it keeps every verdict, and those of deleted documents"
        return failed(subject, detail, "`spanstream topics create --feedback --alter`")
    return ok(subject, f"{', '.join(feedback_names(topics))}: {max(counts.values())} partitions each")


def record_sizes(specs: TopicSpecs, topics: TopicSettings) -> Finding:
    """Tells whether what can be read can be put aside: of a record that does not fit only the headers are."""
    subject = "record sizes"
    needed = max(specs[name].max_message_bytes for name in (topics.questions, topics.documents)) + HEADROOM_BYTES
    small = {name: specs[name].max_message_bytes for name in (topics.retries, topics.dead_letters)}
    small = {name: size for name, size in small.items() if size < needed}
    if not small:
        return ok(subject, f"{topics.retries} and {topics.dead_letters} take whatever can be read, and its headers")
    detail = (
        f"max.message.bytes of {_listed(small)} is less than the {needed:,} of the largest record read, and its headers"
    )
    advice = (
        f"raise it to {needed} at least (`kafka-configs.sh --alter --topic ... --add-config max.message.bytes=...`)"
    )
    return warning(subject, detail, advice)


def offset_expiry(specs: TopicSpecs, topics: TopicSettings, offsets_minutes: int) -> Finding:
    """Tells whether a group that is empty for long would find records again that it has consumed.

    Args:
        specs: the topics.
        topics: their names.
        offsets_minutes: how long the brokers keep the offsets of an empty group.
    """
    subject, days = "offset expiry", f"{offsets_minutes / _DAY_MINUTES:,.3g} days"
    consumed = (topics.questions, topics.retries, topics.tickets, topics.feedback)
    kept_ms = {name: int(specs[name].config.get("retention.ms", 0)) for name in consumed if name in specs}
    longer = [name for name, ms in kept_ms.items() if ms < 0 or ms > offsets_minutes * _MINUTE_MS]
    if not longer:
        return ok(subject, f"a group's offsets are kept for {days} after its last member, as long as the records")
    detail = (
        f"a group that is empty for {days} loses its offsets, but {', '.join(longer)} keep records for longer: "
        "what was answered would be answered again"
    )
    advice = "raise the brokers' offsets.retention.minutes, or set SPANSTREAM_KAFKA__AUTO_OFFSET_RESET=error"
    return warning(subject, detail, advice)


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items())
