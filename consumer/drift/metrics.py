"""Every metric about what is read, by name: this file is their documentation. They are made when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from spanstream.consumer.drift.watch import DriftWatch, Totals
from spanstream.models.drift.figures import FIGURES, Figure

# Whether a question was answered is counted by spanstream_records_total.
_HISTOGRAMS = {
    "document_tokens": ("spanstream_document_tokens", "Tokens of each question's document."),
    "document_windows": ("spanstream_document_windows", "Windows of each question's document."),
    "windows_read": ("spanstream_windows_read_ratio", "Share of its document's windows that were read for a question."),
    "unknown_tokens": (
        "spanstream_unknown_tokens_ratio",
        "Share of the tokens of each question's document that the vocabulary does not know.",
    ),
    "characters_per_token": (
        "spanstream_characters_per_token",
        "Characters to a token of each question's document: few in codes, logs and other languages.",
    ),
    "null_score_diff": (
        "spanstream_null_score_diff",
        "Raw score of no answer minus the candidate's, of each question with a candidate.",
    ),
    "confidence": ("spanstream_confidence", "Confidence of each question's candidate, given or not."),
    "answer_characters": ("spanstream_answer_characters", "Characters of each question's candidate, given or not."),
}


class DriftMetrics(Collector):
    """Shows what a watch holds."""

    def __init__(self, watch: DriftWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics as they are now."""
        totals = self._watch.totals()
        for figure in FIGURES:
            if figure.name in _HISTOGRAMS:
                yield _histogram(figure, totals)
        long = CounterMetricFamily(
            "spanstream_long_documents",
            "Questions about documents of more than 512 tokens, by how their document was read: whole, part.",
            labels=["read"],
        )
        long.add_metric(["whole"], totals.long_whole)
        long.add_metric(["part"], totals.long_part)
        yield long
        yield self._psi()
        yield GaugeMetricFamily(
            "spanstream_drift_questions", "Latest questions that spanstream_drift_psi compares.", self._watch.compared
        )
        yield self._reference()

    def _psi(self) -> GaugeMetricFamily:
        psi = GaugeMetricFamily(
            "spanstream_drift_psi",
            "Population stability index of the latest questions against the artifact's reference, less what chance "
            "explains; from 200 questions on.",
            labels=["figure"],
        )
        for drift in self._watch.drift():
            psi.add_metric([drift.figure.name], drift.index)
        return psi

    def _reference(self) -> GaugeMetricFamily:
        reference = GaugeMetricFamily(
            "spanstream_drift_reference_ratio",
            "Share of the reference's documents or questions whose figure is at most up_to.",
            labels=["figure", "up_to"],
        )
        for figure in FIGURES:
            if figure.name in self._watch.reference:
                counts = self._watch.reference[figure.name]
                shares = np.cumsum(counts) / max(1, counts.sum())
                for edge, share in zip(figure.edges, shares.tolist(), strict=False):
                    reference.add_metric([figure.name, f"{edge:g}"], share)
        return reference


def _histogram(figure: Figure, totals: Totals) -> HistogramMetricFamily:
    name, says = _HISTOGRAMS[figure.name]
    edges = (*(str(float(edge)) for edge in figure.edges), "+Inf")
    below = np.cumsum(totals.counts[figure.name]).tolist()
    return HistogramMetricFamily(
        name, says, buckets=list(zip(edges, below, strict=True)), sum_value=totals.sums[figure.name]
    )
