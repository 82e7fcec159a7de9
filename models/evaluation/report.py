"""Defines the report of an evaluation: what `spanstream model evaluate --json` prints, format 1.

Shares and probabilities are 0 to 1; exact match and F1 are percentages, as the official SQuAD script has them; times
are milliseconds. Fields are only ever added to a format.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spanstream.models.artifact import FrozenModel
from spanstream.models.calibrating.calibration_record import DataFile
from spanstream.models.defaults import WindowMode
from spanstream.models.metrics.reliability import Interval


class ArtifactFacts(FrozenModel):
    """The artifact that was measured."""

    name: str
    version: str
    calibration: str


class DataFacts(FrozenModel):
    """The data that it was measured on."""

    files: tuple[DataFile, ...]
    questions: int
    answerable: int
    documents: int
    articles: int


class BestScores(FrozenModel):
    """The official script's best figures over all thresholds on one score, and those thresholds."""

    exact: float
    exact_threshold: float
    f1: float
    f1_threshold: float


class ThresholdFigures(FrozenModel):
    """Figures at a threshold, the least confidence of an answer; exact match and F1 with 95 % intervals by text."""

    threshold: float
    exact: Interval
    f1: Interval
    answerable_exact: float | None
    answerable_f1: float | None
    unanswerable_declined: float | None = Field(description="Percent of the questions without an answer.")
    given: int
    right: int
    precision: Interval | None = Field(description="Right among given, with the exact binomial 95 % interval.")
    recall: float | None = Field(description="Given among the right candidates.")


class SizeBucket(FrozenModel):
    """Questions about documents of like size, at the default threshold; candidates count whatever their confidence."""

    of: str
    questions: int
    answerable: int
    windows_read: float = Field(description="Mean windows read for a question.")
    exact: float
    f1: float
    candidate_exact: float | None = Field(description="Of the answerable questions, as if all were answered.")
    candidate_f1: float | None
    declined: float | None = Field(description="Percent of the questions without an answer.")


class KindFigures(FrozenModel):
    """Questions of one kind, or about texts of one kind, at the default threshold; counts but for the F1."""

    kind: str
    f1: float
    answerable: int
    right: int
    wrong: int = Field(description="Another answer was given, though the text has one.")
    missed: int = Field(description="No answer was given, though the text has one.")
    unanswerable: int
    declined: int = Field(description="Of the questions without an answer.")


class ConfidenceFigures(FrozenModel):
    """What a confidence is worth, with 95 % bootstrap intervals by text."""

    expected_calibration_error: Interval
    brier_score: Interval
    area_under_risk_coverage: Interval
    coverage_at_80: Interval
    coverage_at_90: Interval


class ReliabilityBin(FrozenModel):
    """Questions of like confidence; the accuracy has an exact binomial 95 % interval."""

    questions: int
    confidence: float
    accuracy: Interval


class LatencyTimes(FrozenModel):
    """Times of one operation, repeated without other work."""

    median: float
    p95: float


class Latency(FrozenModel):
    """Milliseconds on this machine, one question at a time, without other work."""

    cpu: str
    threads: int
    parallel_runs: int = Field(description="Batches that run at the same time, of `threads` in all.")
    questions: int
    mean_window_tokens: float
    window: LatencyTimes = Field(description="One window through the session.")
    question: LatencyTimes = Field(description="From text to validated answer, tokenization included.")


class VariantReport(FrozenModel):
    """One variant of the artifact."""

    file: str
    precision: str
    session: str
    size_bytes: int
    best: dict[Literal["null_score_diff", "confidence"], BestScores]
    thresholds: dict[str, ThresholdFigures]
    by_tokens: tuple[SizeBucket, ...]
    by_windows: tuple[SizeBucket, ...]
    by_kind: dict[str, tuple[KindFigures, ...]] = Field(
        default={}, description="By what the data's labels name, such as text and question; empty without labels."
    )
    confidence: dict[Literal["calibrated", "softmax"], ConfidenceFigures]
    reliability: dict[Literal["calibrated", "softmax"], tuple[ReliabilityBin, ...]]
    latency: Latency | None


class EvaluationReport(FrozenModel):
    """The whole report."""

    format: Literal[1] = 1
    artifact: ArtifactFacts
    data: DataFacts
    max_windows: int | None = Field(description="Windows read of one document at most; null: all of them.")
    windows: WindowMode = Field("sliding", description="How documents were cut into windows.")
    notes: tuple[str, ...] = Field(description="What to keep in mind when reading the figures.")
    variants: tuple[VariantReport, ...]
