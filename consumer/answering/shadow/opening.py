"""Makes the shadow that the settings ask for."""

from __future__ import annotations

from spanstream.consumer.answering.open_reader import open_shadow_reader
from spanstream.consumer.answering.outcomes import Outcomes
from spanstream.consumer.answering.shadow.model import ShadowModel
from spanstream.consumer.answering.shadow.queue import ShadowQueue
from spanstream.consumer.answering.shadow.shadow import Shadow
from spanstream.consumer.broker.protocols import Publisher
from spanstream.consumer.clock import Clock
from spanstream.consumer.formats.event_writer import EventWriter
from spanstream.consumer.metrics import ShadowMetrics
from spanstream.consumer.settings import Settings
from spanstream.models.reader import Reader

# Questions of some seconds: one that waits for longer is as well replaced by a later one.
_MAX_QUESTIONS = 256


def open_shadow(  # noqa: PLR0913, PLR0917  built in one place
    settings: Settings,
    publisher: Publisher | None,
    first: Reader,
    writer: EventWriter,
    metrics: ShadowMetrics,
    clock: Clock,
) -> Shadow | None:
    """Returns what tries the second model of the settings; None where they name none.

    Args:
        settings: all settings.
        publisher: for the shadow's thread alone.
        first: the model that answers.
        writer: writes the answers; it is open before there are any.
        metrics: count what it reads.
        clock: gives the times of the answers.
    """
    model = settings.model.shadow
    if model is None or publisher is None:
        return None
    topics = settings.topics.model_copy(update={"answers": settings.topics.shadow_answers})

    def open_model() -> ShadowModel:
        reader = open_shadow_reader(model, settings)
        manifest = reader.artifact.manifest
        outcomes = Outcomes(
            topics, settings.retries, manifest, source=settings.event_source, clock=clock, writer=writer
        )
        return ShadowModel(reader, outcomes, takes_plans=reader.plans_as(first))

    queue = ShadowQueue(max_questions=_MAX_QUESTIONS, max_bytes=settings.chunk.max_bytes)
    return Shadow(open_model, publisher, first=first, queue=queue, share=settings.model.shadow_share, metrics=metrics)
