"""What the verbs of `replay` work with, wired by the settings; nothing connects before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from spanstream.consumer.answering.answer import Answerer
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.prepare import Preparer
from spanstream.consumer.answering.wiring import kafka_config
from spanstream.consumer.broker.kafka import (
    KafkaConfig,
    KafkaPartitionReader,
    KafkaProgressPublisher,
    TopicAdmin,
    TopicSpec,
)
from spanstream.consumer.broker.protocols import PartitionReader, ProgressPublisher
from spanstream.consumer.cache.opening import open_cache
from spanstream.consumer.cli.options import open_settings
from spanstream.consumer.cli.replay.options import SendingOptions, TopicOptions
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.replay.check import Checker
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.replay.fixes.user_files import choose_fixes, load_fix_file
from spanstream.consumer.replay.letters.ledger import ledger_of, parking_of
from spanstream.consumer.replay.letters.view import SnapshotOpener
from spanstream.consumer.replay.sending.destinations import Destinations
from spanstream.consumer.replay.sending.plan import Planner
from spanstream.consumer.settings import Settings

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """One dead-letter topic and what belongs to it.

    Attributes:
        topic: the dead-letter topic.
        ledger: its ledger topic.
        parking: its parking topic.
        group: the replay group.
        opener: opens views of it; without a ledger topic, nothing was replayed yet.
    """

    settings: Settings
    topic: str
    ledger: str
    parking: str
    group: str
    config: KafkaConfig
    admin: TopicAdmin
    reader: PartitionReader
    opener: SnapshotOpener
    documents: CurrentDocuments
    clock: Clock

    def describe(self, name: str) -> TopicSpec | None:
        """A topic as Kafka knows it."""
        return self.admin.describe([name]).get(name)

    def publisher(self) -> ProgressPublisher:
        """A publisher for the ledger's one holder."""
        return KafkaProgressPublisher(self.config)

    def planner(self, sending: SendingOptions, run: str, max_attempts: int, parking: str | None = None) -> Planner:
        """Plans as the options say.

        Raises:
            Stop: a fix is none, or the destination is not allowed.
        """
        parking = parking or self.parking
        forbidden = {
            self.topic: "the dead-letter topic itself",
            self.ledger: "its ledger",
            parking: "its parking topic",
        }
        _check_destination(sending.to, self.settings)
        return Planner(
            run=run,
            destinations=Destinations(self.describe, forbidden),
            parking=parking,
            max_attempts=max_attempts,
            to=sending.to,
            by_key=sending.by_key,
            fixes=choose_fixes(sending.fixes, [load_fix_file(path) for path in sending.fix_files], self.documents.text),
            policy=sending.policy,
        )


def _check_destination(to: str | None, settings: Settings) -> None:
    """Whether `--to` names a topic that the settings allow.

    Raises:
        Stop: it does not.
    """
    listed = [name.strip() for name in settings.replay.destinations.split(",")]
    allowed = [settings.topics.questions, settings.topics.documents, *(name for name in listed if name)]
    if to is not None and to not in allowed:
        detail = f"--to {to}: not an allowed destination ({', '.join(allowed)})"
        raise Stop(detail, hint="add it to SPANSTREAM_REPLAY__DESTINATIONS")


@contextmanager
def open_replay(where: TopicOptions) -> Iterator[ReplayContext]:
    """A workbench; its connections are closed at the end.

    Raises:
        Stop: a setting is wrong, or Kafka refuses.
        Retryable: Kafka did not answer in time.
    """
    settings = open_settings(where.config)
    topic = where.topic or settings.topics.dead_letters
    ledger = where.ledger or ledger_of(topic)
    group = where.group or settings.replay.group_id or f"{settings.kafka.group_id}.replay"
    config = replace(
        kafka_config(settings), group_id=group, group_instance_id=None, transactional_id=f"replay.{ledger}"
    )
    admin, clock = TopicAdmin(config), SystemClock()
    has_ledger = ledger in admin.describe([ledger])
    reader, offsets = KafkaPartitionReader(config), KafkaProgressPublisher(config)
    documents = CurrentDocuments(KafkaPartitionReader(config), settings, clock, PATIENCE_SECONDS)
    topic_id = admin.topic_id(topic)
    opener = SnapshotOpener(
        reader, topic, topic_id, ledger if has_ledger else None, offsets.committed, clock, PATIENCE_SECONDS
    )
    try:
        yield ReplayContext(
            settings, topic, ledger, parking_of(topic), group, config, admin, reader, opener, documents, clock
        )
    finally:
        offsets.close()
        documents.close()
        reader.close()


@contextmanager
def open_checker(settings: Settings, documents: CurrentDocuments, clock: Clock) -> Iterator[Checker]:
    """What says whether records would pass now: the consumer's own preparer and answerer, with nowhere to publish.

    Raises:
        Stop: the model cannot be opened, or there is no documents topic.
        Retryable: Kafka did not answer in time.
    """
    reader = open_reader(settings)
    try:
        manifest = reader.artifact.manifest
        outcomes = Outcomes(settings.topics, settings.retries, manifest, source="spanstream/check", clock=clock)
        index = documents.documents
        preparer = Preparer(
            reader,
            index,
            open_cache(settings, reader, None),
            outcomes,
            limits=settings.limits,
            max_windows=settings.chunk.max_windows,
            clock=clock,
        )
        answerer = Answerer(reader, outcomes)
        yield Checker(preparer, answerer, settings.topics, settings.limits, partitions=len(index.owned))
    finally:
        reader.close()
