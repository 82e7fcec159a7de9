"""Tests what the confidence and the threshold promised with the labels of answers that were drawn uniformly.

answers, labels -> the uniform share of those that were given -> watch
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from spanstream.consumer.operations.labelling.sources import LabellingSources
from spanstream.models.labelling.choosing import uniform_share
from spanstream.models.labelling.labels import SAMPLING
from spanstream.models.labelling.watching import Watched, watch
from spanstream.models.metrics.squad_metrics import normalize_answer
from spanstream.schemas.events import Answer
from spanstream.schemas.feedback import Feedback


@dataclass(frozen=True, slots=True)
class Promises:
    """What the labels say of two promises.

    Attributes:
        confidence: of so many answers as their confidences leave, no more are wrong.
        allowed: of the answers given, no more than a share is wrong; None where no share was named.
    """

    confidence: Watched
    allowed: Watched | None


def watch_promises(sources: LabellingSources, allowed: float | None) -> Promises:
    """Tests the promises.

    Args:
        sources: where the answers and the labels are.
        allowed: the share of the answers given that may be wrong, 0 to 1; None: nothing was promised.

    Raises:
        Stop, Retryable: as the sources do.
    """
    judged = list(_judged(sources))
    return Promises(
        watch((is_wrong, 1 - answer.confidence) for answer, is_wrong in judged),
        None if allowed is None else watch((is_wrong, allowed) for _, is_wrong in judged),
    )


def _judged(sources: LabellingSources) -> Iterator[tuple[Answer, bool]]:
    """Yields the answers given that were drawn uniformly and labelled, and whether each is wrong, by time of label."""
    labels = {one.label_key: one for one in sources.labels() if one.source == "person"}
    uniform, _ = uniform_share({name: one.metadata.get(SAMPLING) for name, one in labels.items()})
    answers = {one.question_id: one for one in sources.answers() if one.question_id in uniform}
    for label in sorted(labels.values(), key=attrgetter("given_at")):
        answer = answers.get(label.label_key)
        if answer is None or answer.answer is None or label.verdict == "unsure":
            continue
        if label.document_sha256 in {None, answer.document_sha256}:
            yield answer, _is_wrong(answer.answer.text, label)


def _is_wrong(given: str, label: Feedback) -> bool:
    return label.span is None or normalize_answer(given) != normalize_answer(label.span.text)
