"""Wires a replay by the settings; nothing connects before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spanstream.consumer.answering.open_collections import opened_retriever
from spanstream.consumer.answering.open_reader import open_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.steps import open_steps
from spanstream.consumer.broker.kafka import (
    KafkaPartitionReader,
    KafkaProgressPublisher,
    TopicAdmin,
)
from spanstream.consumer.broker.protocols import PartitionReader, ProgressPublisher, TopicSpec
from spanstream.consumer.cache.opening import open_cache
from spanstream.consumer.clock import Clock, SystemClock
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats
from spanstream.consumer.replay.checker import Checker
from spanstream.consumer.replay.current_documents import CurrentDocuments
from spanstream.consumer.replay.fixes.user_files import choose_fixes, load_fix_file
from spanstream.consumer.replay.ledger import ledger_of, parking_of
from spanstream.consumer.replay.letters.letter import LetterState, SeenLetter
from spanstream.consumer.replay.letters.selection import Selection
from spanstream.consumer.replay.planning.destinations import Destinations
from spanstream.consumer.replay.planning.headers import HeaderPolicy
from spanstream.consumer.replay.planning.latest_records import LatestRecords
from spanstream.consumer.replay.planning.planner import Planner
from spanstream.consumer.replay.planning.superseding import Superseding
from spanstream.consumer.replay.snapshot import SnapshotOpener
from spanstream.consumer.settings import KafkaSettings, Settings

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Names a dead-letter topic, its ledger topic and the replay group; None: by the settings and by convention."""

    topic: str | None = None
    ledger: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class SendingOptions:
    """What happens to the records on their way.

    Attributes:
        fixes: fixes as written on the command line, in their order.
        fix_files: Python files with a user's own fixes.
        to: the destination of all records; None: the topic that each came from.
        by_key: let the key choose the partition, instead of the origin's partition number.
        over_newer: send to compacted topics even what is superseded there.
        policy: which headers are carried.
    """

    fixes: tuple[str, ...]
    fix_files: tuple[Path, ...]
    to: str | None
    by_key: bool
    over_newer: bool
    policy: HeaderPolicy


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """One dead-letter topic, and the parts that read it and send from it.

    Attributes:
        topic: the dead-letter topic.
        ledger: its ledger topic.
        parking: its parking topic.
        group: the replay group.
        opener: opens snapshots of the topic; without a ledger topic, nothing was replayed yet.
        documents: the documents of the consumer's own topic, for fixes and checks.
        latest: the latest records of compacted destinations.
    """

    settings: Settings
    topic: str
    ledger: str
    parking: str
    group: str
    kafka: KafkaSettings
    admin: TopicAdmin
    reader: PartitionReader
    opener: SnapshotOpener
    documents: CurrentDocuments
    latest: LatestRecords
    clock: Clock

    def matching(self, selection: Selection) -> Iterator[SeenLetter]:
        """Reads the dead letters that match a selection.

        Raises:
            Retryable: Kafka did not answer in time.
            Stop: there is no such topic.
        """
        snapshot = self.opener.open(from_the_beginning=selection.state is not LetterState.OPEN)
        return snapshot.matching(selection)

    def describe(self, name: str) -> TopicSpec | None:
        """Returns a topic as Kafka describes it; None where it does not exist."""
        return self.admin.describe([name]).get(name)

    def publisher(self) -> ProgressPublisher:
        """Opens a publisher with the ledger's transactional id, which only one run at a time can use."""
        return KafkaProgressPublisher(self.kafka)

    def planner(self, sending: SendingOptions, run: str, max_attempts: int, parking: str | None = None) -> Planner:
        """Makes the planner for these options.

        Raises:
            Stop: there is no such fix, or the destination is not allowed.
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
            superseding=None if sending.over_newer else Superseding(self.latest),
        )


def _check_destination(to: str | None, settings: Settings) -> None:
    """Checks that `--to` names a topic that the settings allow.

    Raises:
        Stop: it does not.
    """
    listed = [name.strip() for name in settings.replay.destinations.split(",")]
    allowed = [settings.topics.questions, settings.topics.documents, *(name for name in listed if name)]
    if to is not None and to not in allowed:
        detail = f"--to {to}: not an allowed destination ({', '.join(allowed)})"
        raise Stop(detail, hint="add it to SPANSTREAM_REPLAY__DESTINATIONS")


@contextmanager
def open_replay(settings: Settings, names: TopicNames) -> Iterator[ReplayContext]:
    """Opens the context of one dead-letter topic, and closes its connections at the end.

    Raises:
        Stop: Kafka refuses.
        Retryable: Kafka did not answer in time.
    """
    topic = names.topic or settings.topics.dead_letters
    ledger = names.ledger or ledger_of(topic)
    group = names.group or settings.replay.group_id or f"{settings.kafka.group_id}.replay"
    kafka = settings.kafka.model_copy(
        update={"group_id": group, "group_instance_id": None, "transactional_id": f"replay.{ledger}"}
    )
    admin, clock = TopicAdmin(kafka), SystemClock()
    has_ledger = ledger in admin.describe([ledger])
    reader, offsets = KafkaPartitionReader(kafka), KafkaProgressPublisher(kafka)
    formats = open_formats(settings).patient(clock, PATIENCE_SECONDS)
    documents = CurrentDocuments(KafkaPartitionReader(kafka), settings, formats, clock, PATIENCE_SECONDS)
    latest = LatestRecords(KafkaPartitionReader(kafka), clock, PATIENCE_SECONDS)
    topic_id = admin.topic_id(topic)
    opener = SnapshotOpener(
        reader, topic, topic_id, ledger if has_ledger else None, offsets.committed, clock, PATIENCE_SECONDS
    )
    try:
        yield ReplayContext(
            settings, topic, ledger, parking_of(topic), group, kafka, admin, reader, opener, documents, latest, clock
        )
    finally:
        offsets.close()
        latest.close()
        documents.close()
        reader.close()


@contextmanager
def open_checker(settings: Settings, documents: CurrentDocuments, clock: Clock) -> Iterator[Checker]:
    """Opens a checker of the consumer's own preparer and answerer, which publishes nothing.

    Raises:
        Stop: the model cannot be opened, or there is no documents topic.
        Retryable: Kafka did not answer in time.
    """
    reader = open_reader(settings)
    try:
        manifest = reader.artifact.manifest
        outcomes = Outcomes(settings.topics, settings.retries, manifest, source="spanstream/check", clock=clock)
        index, formats = documents.documents, documents.formats
        with opened_retriever(settings.index, clock) as retriever:
            steps = open_steps(
                settings,
                reader=reader,
                cache=open_cache(settings, reader, None),
                documents=index,
                formats=formats,
                outcomes=outcomes,
                retriever=retriever,
                clock=clock,
            )
            yield Checker(steps.preparer, steps.answerer, settings.topics, formats, partitions=len(index.owned))
    finally:
        reader.close()
