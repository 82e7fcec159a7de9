"""Checks whether the labels break what confidence and threshold promise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from spanstream.consumer.broker.protocols import PartitionReader
from spanstream.consumer.clock import SystemClock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.operations.doctor.finding import Finding, in_time, ok, warning
from spanstream.consumer.operations.labelling.promises import promises_of
from spanstream.consumer.operations.labelling.sources import TopicSources
from spanstream.consumer.settings import Settings
from spanstream.models.labelling.promises import Promises, allowed_share, promised_percent

SUBJECT = "promise"


def promise(settings: Settings, open_reader: Callable[[], PartitionReader], seconds: float) -> Finding:
    """Tells whether more answers are wrong than was promised, by the labels that say what was looked at.

    Args:
        settings: of the consumer that is looked after.
        open_reader: opens a reader of the labels topic.
        seconds: how long the labels may take to read.
    """

    def test() -> Promises:
        allowed = allowed_share(promised_percent(settings.model.threshold))
        with closing(TopicSources(settings, open_reader, SystemClock())) as sources:
            return promises_of(sources, allowed, find_answers=False)

    try:
        promises = in_time(seconds, test)
    except Stop:
        return ok(SUBJECT, "not watched: there are no labels, or not for this user to see")
    except Retryable as error:
        return warning(SUBJECT, f"the labels could not be read: {error}", "`spanstream label watch` waits for longer")
    return judge(promises)


def judge(promises: Promises) -> Finding:
    """Tells what the labels say of the promises."""
    confidence = promises.confidence
    detail = f"{confidence.wrong} of {confidence.given} labelled answers are wrong"
    broken = [name for name, watched in promises.named.items() if watched.is_broken]
    if broken:
        says = {"confidence": "the confidence is too high", "allowed": "the threshold does not hold what it guarantees"}
        advice = "`spanstream model calibrate --topics`: calibrate anew with the labels"
        return warning(SUBJECT, f"{detail}: {' and '.join(says[name] for name in broken)}", advice)
    most = max(watched.evidence for watched in promises.named.values())
    return ok(SUBJECT, f"{detail}; evidence against what is promised {most:.2f}, broken from 20 on")
