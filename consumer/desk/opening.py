"""The composition root of the desk; imports FastAPI, uvicorn and Jinja2 where they are used, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spanstream.consumer.broker.kafka import AtLeastOncePublisher, KafkaPartitionReader, TopicAdmin
from spanstream.consumer.broker.protocols import PartitionReader, Publisher
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.desk.drift_comparison import DriftComparison
from spanstream.consumer.desk.explainer import Explainer
from spanstream.consumer.desk.feedback_publisher import FeedbackPublisher
from spanstream.consumer.desk.labelling import Labelling
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.replays import Replays
from spanstream.consumer.desk.view.group_watch import GroupQueries, GroupWatch
from spanstream.consumer.desk.view.health_watch import HealthWatch
from spanstream.consumer.desk.view.live_view import LiveView
from spanstream.consumer.desk.view.topic_follower import TopicFollower
from spanstream.consumer.desk.view.whole_records import WholeRecords
from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import open_formats, open_writer
from spanstream.consumer.http import is_loopback
from spanstream.consumer.settings import DeskSettings, Settings
from spanstream.schemas.feedback import Feedback

if TYPE_CHECKING:
    from spanstream.consumer.desk.web.server import DeskServer

_PATIENCE_SECONDS = 10.0  # for the schema registry


def open_parts(
    settings: Settings,
    *,
    is_writing: bool,
    open_reader: Callable[[], PartitionReader] | None = None,
    open_publisher: Callable[[], Publisher] | None = None,
    queries: GroupQueries | None = None,
) -> DeskParts:
    """Begins to follow the topics.

    Args:
        settings: all settings.
        is_writing: whether the pages may publish.
        open_reader: opens a reader of partitions; by default Kafka's.
        open_publisher: opens what publishes feedback; by default Kafka's.
        queries: asks about the consumers' group; by default Kafka.

    Raises:
        Stop: a mapping, an address of a consumer or the schema registry's client cannot be used.
    """
    clock, topics = SystemClock(), settings.topics
    health = HealthWatch(_listed(settings.desk.consumers), clock)
    open_reader = open_reader or (lambda: KafkaPartitionReader(settings.kafka))
    formats = open_formats(settings).patient(clock, _PATIENCE_SECONDS)
    view = LiveView(settings.desk.rows)
    records = WholeRecords(open_reader(), topics, formats, view)
    writer = open_writer(settings, Feedback)
    open_publisher = open_publisher or (lambda: AtLeastOncePublisher(settings.kafka))
    feedback = FeedbackPublisher(view, open_publisher, writer, topics.feedback, settings.limits)
    return DeskParts(
        settings,
        view,
        TopicFollower(open_reader, topics, view, formats, clock),
        records,
        GroupWatch(queries or TopicAdmin(settings.kafka), settings.kafka.group_id, topics.consumed, clock),
        health,
        Explainer(settings),
        DriftComparison(settings, open_reader, clock),
        Replays(settings),
        Labelling(view, records, feedback, clock),
        feedback,
        clock,
        is_writing,
    )


def open_desk(settings: DeskSettings, parts: DeskParts) -> DeskServer:
    """Listens; `run` of what is returned serves the pages.

    Raises:
        Stop: the extra is missing, the port is taken, or there is no token where others can reach it.
    """
    check_desk(settings)
    from spanstream.consumer.desk.web.access import Access  # noqa: PLC0415  the extra
    from spanstream.consumer.desk.web.app import create_app  # noqa: PLC0415  the extra
    from spanstream.consumer.desk.web.server import DeskServer  # noqa: PLC0415  the extra

    token = settings.token.get_secret_value().strip() if settings.token else None
    names = frozenset(name.lower() for name in _listed(settings.names))
    return DeskServer(create_app(parts, Access(token or None, names)), settings.host, settings.port)


def check_desk(settings: DeskSettings) -> None:
    """Refuses what cannot be served. Raises `Stop`: the extra is missing, or a token where others can reach it."""
    if not settings.has_token and not is_loopback(settings.host):
        raise Stop(
            f"others can reach {settings.host}, and there is no token for the desk",
            hint="set SPANSTREAM_DESK__TOKEN, or SPANSTREAM_DESK__HOST to 127.0.0.1",
        )
    with _desk_extra():
        import spanstream.consumer.desk.web.app  # noqa: PLC0415  the extra
        import spanstream.consumer.desk.web.server  # noqa: F401, PLC0415  the extra


def _listed(text: str) -> list[str]:
    """Returns what a comma-separated setting lists."""
    return [name.strip() for name in text.split(",") if name.strip()]


@contextmanager
def _desk_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Stop(
            f"the desk needs the extra desk ({error.name} is missing): pip install 'spanstream[desk]'"
        ) from error
