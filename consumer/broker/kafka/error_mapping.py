"""Maps Kafka's errors to ours: try again (`Retryable`), give the records back (`Fenced`), or exit (`Stop`).

Codes are Apache Kafka's protocol errors and, with an underscore, librdkafka's own.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import KafkaError

from spanstream.consumer.broker.kafka.credentials import CREDENTIALS
from spanstream.consumer.broker.kafka.properties import Properties
from spanstream.consumer.errors import Fenced, MissingRight, Retryable, SpanstreamError, Stop
from spanstream.consumer.redaction import redacted, secrets_in

# librdkafka's lines go through here instead of to stderr; nothing is configured at import.
librdkafka_log = logging.getLogger("librdkafka")

_TOPIC_HINT = "create it (`spanstream topics create`, or with --triage or --feedback) or correct the topic's name"
_SIZE_HINT = "raise max.message.bytes of that topic, or lower the limits of what may be published"
_LOGIN_HINT = "check the user, the password and the mechanism in the Kafka client properties"
_VERSION_HINT = "this broker does not offer what the settings ask for: check its version, and group_protocol"

_STOP: dict[int, str] = {
    KafkaError._AUTHENTICATION: _LOGIN_HINT,  # noqa: SLF001  librdkafka's name
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN_HINT,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _LOGIN_HINT,
    KafkaError.ILLEGAL_SASL_STATE: _LOGIN_HINT,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _TOPIC_HINT,
    KafkaError._UNKNOWN_TOPIC: _TOPIC_HINT,  # noqa: SLF001  librdkafka's name
    KafkaError._UNKNOWN_PARTITION: _TOPIC_HINT,  # noqa: SLF001  librdkafka's name
    KafkaError.TOPIC_EXCEPTION: _TOPIC_HINT,
    KafkaError.MSG_SIZE_TOO_LARGE: _SIZE_HINT,
    KafkaError.RECORD_LIST_TOO_LARGE: _SIZE_HINT,
    KafkaError.INVALID_MSG_SIZE: _SIZE_HINT,
    KafkaError.INVALID_RECORD: "the topic refuses such records (a compacted topic wants a key)",
    KafkaError.POLICY_VIOLATION: "a policy of the broker refuses it",
    KafkaError.INVALID_CONFIG: "correct the topic's configuration",
    KafkaError.INVALID_REPLICATION_FACTOR: "there are fewer brokers than replicas asked for",
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "lower the transaction timeout (the broker's transaction.max.timeout.ms)",
    KafkaError.INVALID_SESSION_TIMEOUT: "see the broker's group.min.session.timeout.ms and its max",
    KafkaError.INVALID_GROUP_ID: "correct the group id",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "the group's other members use another protocol or assignor",
    KafkaError.UNSUPPORTED_ASSIGNOR: _VERSION_HINT,
    KafkaError.UNSUPPORTED_VERSION: _VERSION_HINT,
    KafkaError._UNSUPPORTED_FEATURE: _VERSION_HINT,  # noqa: SLF001  librdkafka's name
}

# The group gave our partitions to others (or is about to): a poll will say which.
_FENCED = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001  librdkafka's name
    }
)

# A connection that is lost in the middle of a login: a broker that goes down, or a busy one, refuses nothing.
_LOST = KafkaError(KafkaError._TRANSPORT).str()  # noqa: SLF001  librdkafka's name

# librdkafka asks an OAuth server for a token again after a while (10 s).
_NO_TOKEN = "Failed to acquire SASL OAUTHBEARER token"  # noqa: S105  librdkafka's words

UNKNOWN_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001  librdkafka's name


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededRights:
    """The rights that a request takes, by what they are rights on: where the broker misses one, the error names it."""

    topic: str = "the topic (Read to consume, Write to publish)"
    group: str = "Read on the consumer group"
    transactional_id: str = "Write on the transactional id"
    cluster: str = "the operation on the cluster"

    def missing(self, code: int) -> str | None:
        """Returns the right that this error says is missing; None where it says something else."""
        return {
            KafkaError.TOPIC_AUTHORIZATION_FAILED: self.topic,
            KafkaError.GROUP_AUTHORIZATION_FAILED: self.group,
            KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: self.transactional_id,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED: self.cluster,
        }.get(code)


class Failure(NamedTuple):
    """An error, what was being done, and the rights that it takes."""

    error: KafkaError
    doing: str
    needed: NeededRights = NeededRights()


def on_topics(operation: str, topics: Iterable[str]) -> str:
    """Returns a right, as in "Write on the topic qa.answers"."""
    names = sorted(topics)
    return f"{operation} on the topic{'s' * (len(names) != 1)} {', '.join(names)}"


def map_error(error: KafkaError, doing: str, needed: NeededRights | None = None) -> SpanstreamError:
    """Maps a Kafka error to one of ours.

    Args:
        error: what the broker or librdkafka says.
        doing: names the act and its topic, as in "publishing to qa.answers".
        needed: the rights that it takes.
    """
    text = f"Kafka refused {doing}: {error.str()} ({error.name()})"
    if error.code() in _FENCED:
        return Fenced(text)
    right = (needed or NeededRights()).missing(error.code())
    if right is not None:
        return MissingRight(text, hint=f"grant this user {right}")
    hint = _STOP.get(error.code())
    if hint == _LOGIN_HINT and (CREDENTIALS.refusal_may_mend or _LOST in error.str()):
        hint = None
    return Retryable(text) if hint is None else Stop(text, hint=hint)


# Another producer took our transactional id, or the broker gave up our transaction.
FENCED_PRODUCER = frozenset(
    {KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._FENCED}  # noqa: SLF001  librdkafka's name
)


_NO_RIGHT = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
_NO_TOPIC_RIGHT = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED).str()
# A handle that is replaced has another name (in the first brackets) than the one before it.
_NO_CONNECTION = re.compile(r"FAIL \[[^]]*\] (?P<what>.*\(after )\d+ms in state CONNECT\b")
# librdkafka connects many times a second to a broker that is away, and says so each time.
_SAID_AGAIN_AFTER_SECONDS = 30.0
_NOT_ADDED = re.compile(r'Failed to add partition "(?P<topic>[^"]+)" \[\d+\] to transaction: (?P<why>.*)')


class ClientErrors:
    """Collects what a client reports outside any call (librdkafka's `error_cb`): refusals are kept, the rest passes."""

    def __init__(self, properties: Properties) -> None:
        self._servers = str(properties["bootstrap.servers"])
        self._secrets = secrets_in(properties)
        self._asks_for_tokens = properties.get("sasl.oauthbearer.method") == "oidc"
        self._latest = ""
        self._said: dict[str, float] = {}  # when it was logged that a broker is away
        self._refusal: Stop | None = None
        self.unwritable: set[str] = set()  # topics that a transaction was not allowed to write to
        self.fatal: KafkaError | None = None  # why the client is beyond use

    def __call__(self, error: KafkaError) -> None:
        """Keeps an error; librdkafka calls it from inside a poll or a flush."""
        # librdkafka quotes what it cannot read, a login's configuration too.
        shown = KafkaError(error.code(), redacted(error.str(), self._secrets))
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self._latest:  # noqa: SLF001  librdkafka's name; it says no reason
            self._latest = shown.str()
        mapped = map_error(shown, f"the connection to {self._servers}")
        waits_for_token = self._asks_for_tokens and shown.str().startswith(_NO_TOKEN)
        if isinstance(mapped, Stop) and not waits_for_token:
            self._refusal = mapped

    def log(self, level: int, line: str, *arguments: object) -> None:
        """Passes a line on to the log; librdkafka calls it in the place of a logger's `log`.

        A fatal error is reported there first, as "Fatal error: WHAT: why"; what confluent-kafka raises for it does not
        always say (see `handles.checked_call`). And only there does librdkafka name the topic for which a transaction
        is refused.
        """
        text = redacted(line % arguments if arguments else line, self._secrets)
        _, marker, reason = text.partition("Fatal error: ")
        if marker:
            known = (
                code for code in (*_STOP, *_NO_RIGHT, *FENCED_PRODUCER) if reason.startswith(KafkaError(code).str())
            )
            self.fatal = KafkaError(next(known, KafkaError._FATAL), reason, fatal=True)  # noqa: SLF001  librdkafka's name
        if (refused := _NOT_ADDED.search(text)) and refused["why"].startswith(_NO_TOPIC_RIGHT):
            self.unwritable.add(refused["topic"])
        if not self._was_just_said(text):
            librdkafka_log.log(level, text)

    def _was_just_said(self, text: str) -> bool:
        """Tells whether the log says already that this broker cannot be connected to, and why."""
        if (away := _NO_CONNECTION.match(text)) is None:
            return False
        now, last = time.monotonic(), self._said.get(away["what"])
        if last is not None and now - last < _SAID_AGAIN_AFTER_SECONDS:
            return True
        self._said[away["what"]] = now
        return False

    def raise_refusal(self) -> None:
        """Raises what the broker refused, if anything.

        Raises:
            Stop: the broker refused this client (authentication, authorization).
        """
        if self._refusal is not None:
            raise self._refusal

    def no_answer(self, doing: str) -> Retryable:
        """Returns the error for an answer that did not come in time, with the last thing heard about why."""
        because = f" (last heard: {self._latest})" if self._latest else ""
        return Retryable(f"no answer from Kafka at {self._servers} to {doing} in time{because}")
