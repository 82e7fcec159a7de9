"""Measures how long one question takes on an idle machine, and one window of it in the session alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from spanstream.models.errors import ArtifactError
from spanstream.models.evaluation.observe import LabelledQuestion
from spanstream.models.evaluation.report import Latency, LatencyTimes
from spanstream.models.inference.cpu import cpu_name
from spanstream.models.inference.packing import assemble
from spanstream.models.reader import Reader
from spanstream.models.text.read_plan import ReadPlan

# Questions, spread evenly: ten of them lie above the 95th percentile.
_MOST: Final = 200
_WARM_UP: Final = 5


def measure_latency(questions: Sequence[LabelledQuestion], reader: Reader, *, threads: int) -> Latency:
    """Reads some of the questions once more, one at a time, and times them.

    Raises:
        ArtifactError: there is no CPU session to time.
    """
    cpu = reader.backends.cpu
    if cpu is None:
        raise ArtifactError("there is no CPU session to time")
    timed = [questions[place] for place in np.linspace(0, len(questions) - 1, min(_MOST, len(questions))).astype(int)]
    for question in timed[:_WARM_UP]:
        _read(question, reader)
    question_times, plans = [], []
    for question in timed:
        started = time.perf_counter()
        plans.append(_read(question, reader))
        question_times.append(time.perf_counter() - started)
    batches = [assemble([plan.windows[0]], pad_id=reader.artifact.manifest.pad_id) for plan in plans if plan.windows]
    window_times = []
    for batch in batches:
        started = time.perf_counter()
        cpu.session.run(batch)
        window_times.append(time.perf_counter() - started)
    return Latency(
        cpu=cpu_name(),
        threads=threads,
        parallel_runs=cpu.parallel_runs,
        questions=len(timed),
        mean_window_tokens=float(np.mean([batch.input_ids.shape[1] for batch in batches])) if batches else 0.0,
        window=_times(window_times),
        question=_times(question_times),
    )


def _read(question: LabelledQuestion, reader: Reader) -> ReadPlan:
    text = question.example.context
    [plan] = reader.plan(text, reader.tokenize(text), [question.example.question])
    reader.conclude(plan, reader.score([plan]))
    return plan


def _times(seconds: Sequence[float]) -> LatencyTimes:
    median, p95 = np.percentile(seconds, [50, 95]) * 1000 if seconds else (0.0, 0.0)
    return LatencyTimes(median=float(median), p95=float(p95))
