"""Makes an artifact's reference out of the labelled questions that it was calibrated on."""

from __future__ import annotations

from collections.abc import Sequence

from spanstream.models.drift.figures import QuestionRead
from spanstream.models.drift.reference import Reference
from spanstream.models.evaluation.observe import Observation
from spanstream.models.metrics.reading import ReadQuestion
from spanstream.models.spans.calibration import Calibration
from spanstream.models.text.tokenization import Tokenizer, sha256_of


def reference_of(observations: Sequence[Observation], calibration: Calibration, tokenizer: Tokenizer) -> Reference:
    """Counts the figures of observed questions as this calibration would answer them.

    Args:
        observations: at least one; each counts by the weight of its example.
        calibration: gives the confidence, and the threshold `default`.
        tokenizer: tells which tokens are unknown.
    """
    threshold = calibration.thresholds["default"]
    reads = [_question_read(observation, calibration, threshold) for observation in observations]
    weights = [observation.read.example.weight for observation in observations]
    return Reference.of(reads, threshold=threshold, unknown_id=tokenizer.unknown_id, weights=weights)


def whole_document_observations(reads: Sequence[ReadQuestion]) -> list[Observation]:
    """Returns the observations of questions that were read with all windows of their documents, as a build does."""
    return [
        Observation(
            read,
            tokens=read.reading.best.window.document.size if read.reading.best else 0,
            windows_read=read.reading.windows,
            windows_total=read.reading.windows,
        )
        for read in reads
    ]


def _question_read(observation: Observation, calibration: Calibration, threshold: float) -> QuestionRead:
    read, best = observation.read, observation.read.reading.best
    confidence = calibration.confidence(read.reading)
    return QuestionRead(
        text_sha256=sha256_of(read.example.context),
        document=best.window.document if best else None,  # without a word there is no candidate
        windows_read=observation.windows_read,
        windows_total=observation.windows_total,
        null_score_diff=read.reading.null_score_diff,
        confidence=confidence,
        answered=best is not None and confidence >= threshold,
        answer_characters=len(read.text) if best else None,
    )
