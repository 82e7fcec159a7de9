"""Tests what confidence and threshold promised with the labels of the topics or of files."""

from __future__ import annotations

from spanstream.consumer.feedback.judged_answers import judged_answer, metadata_of
from spanstream.consumer.operations.labelling.sources import LabellingSources
from spanstream.models.labelling.promises import Promises, watch_promises


def promises_of(sources: LabellingSources, allowed: float | None, *, find_answers: bool = True) -> Promises:
    """Tests the promises.

    Args:
        sources: where the labels and the answers are.
        allowed: the share of the answers given that may be wrong, 0 to 1; None: nothing was promised.
        find_answers: look for the answers of labels that do not say what was looked at; else those do not count.

    Raises:
        Stop, Retryable: as the sources do.
    """
    labels = {one.label_key: one for one in sources.labels() if one.source == "person"}
    judged = {key: judged_answer(label) for key, label in labels.items()}
    unknown = {key for key, answer in judged.items() if answer is None}
    if find_answers and unknown:
        for answer in sources.answers():
            label = labels.get(answer.question_id)
            if label is None or answer.question_id not in unknown:
                continue
            if label.document_sha256 in {None, answer.document_sha256}:
                judged[answer.question_id] = judged_answer(label, metadata_of(answer))
    return watch_promises((answer for answer in judged.values() if answer is not None), allowed)
