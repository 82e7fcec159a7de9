"""Chooses the session: int8 on the CPU by default, the next best where its self-test fails, a GPU as the fallback.

artifact -> [candidates] -> self-test against the golden logits -> Backends(cpu, gpu) -> `choose` per chunk
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np

from spanstream.models.artifact import Artifact, GoldenCase, SessionOptions, Variant
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.onnx_model import SessionError, cuda_is_available
from spanstream.models.inference.packing import Batch, assemble, pack
from spanstream.models.inference.recent_average import RecentAverage
from spanstream.models.inference.session import Logits, OnnxSession, Session
from spanstream.models.text.windowing import Window, windows_of

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Backend:
    """A session that passed its self-test, and how to feed it. Equal only to itself.

    Attributes:
        name: for logs, for example `int8 on cpu`.
        precision: of the weights; goes into every answer.
        session: runs batches; safe to call from several threads.
        parallel_runs: batches run at the same time.
        max_batch_tokens: padded tokens of one batch.
    """

    name: str
    precision: str
    session: Session
    parallel_runs: int
    max_batch_tokens: int


class Backends:
    """Holds the open sessions and chooses which takes the next windows. Safe to share between threads.

    Args:
        cpu: the default; None on a machine where only the GPU works.
        gpu: the fallback, if there is one.
        spill_seconds: the GPU takes over while the waiting windows would keep the CPU busy for longer.
        rest_seconds: how long a GPU that failed is left alone.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        cpu: Backend | None,
        gpu: Backend | None = None,
        *,
        spill_seconds: float = 10.0,
        rest_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if cpu is None and gpu is None:
            raise ArtifactError("no session passed its self-test on this machine")
        self.cpu = cpu
        self.gpu = gpu
        self._spill_seconds = spill_seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._gpu_rests_until = float("-inf")
        self._lock = Lock()
        self._cpu_seconds_per_window = RecentAverage()

    def choose(self, waiting_windows: int) -> Backend:
        """Returns the backend for the next windows, given how many are waiting in all."""
        if self.cpu is None:
            return self._only(self.gpu)
        if self.gpu is None or self.is_resting(self.gpu):
            return self.cpu
        rate = self.cpu_windows_per_second
        return self.gpu if rate is not None and waiting_windows / rate > self._spill_seconds else self.cpu

    def next_after(self, failed: Backend) -> Backend | None:
        """Returns the backend that takes over a batch that failed; None where the batch itself is to blame."""
        if failed is not self.gpu:
            return None
        self._gpu_rests_until = self._clock() + self._rest_seconds
        return self.cpu

    def is_resting(self, backend: Backend) -> bool:
        """Whether the backend failed a moment ago and another one does its work."""
        return backend is self.gpu and self.cpu is not None and self._clock() < self._gpu_rests_until

    def ran(self, backend: Backend, windows: int, busy_seconds: float) -> None:
        """Counts how long one run kept its thread busy; the CPU's rate decides about spilling to the GPU."""
        if backend is not self.cpu or busy_seconds <= 0:
            return
        with self._lock:
            self._cpu_seconds_per_window.add(windows, busy_seconds)

    @property
    def cpu_windows_per_second(self) -> float | None:
        """Measured rate of the CPU backend, all its parallel runs together; None before its first run."""
        with self._lock:
            seconds = self._cpu_seconds_per_window.value
        return self.cpu.parallel_runs / seconds if self.cpu is not None and seconds is not None else None

    @staticmethod
    def _only(backend: Backend | None) -> Backend:
        if backend is None:
            raise ArtifactError("no session is left")
        return backend


def open_backends(
    artifact: Artifact, *, threads: int, spill_seconds: float = 10.0, rest_seconds: float = 60.0, report: Report
) -> Backends:
    """Opens and self-tests the artifact's sessions.

    Args:
        artifact: what to run.
        threads: CPU threads to use in all.
        spill_seconds: see `Backends`.
        rest_seconds: see `Backends`.
        report: called with one line for each session that cannot be used and why.

    Raises:
        ArtifactError: no session reproduces the golden logits.
    """
    cpu = _first_sound(artifact, _cpu_candidates(artifact), threads, report)
    gpu = None
    if cuda_is_available():
        gpu_variants = [(variant, None) for variant in artifact.variants_for("cuda")]
        if not gpu_variants:
            report(
                "a GPU runtime is here, but this artifact has no fp16 variant for it: the CPU does all the work; build "
                "one with `spanstream model build --gpu` from the artifact's checkpoint"
            )
        gpu = _first_sound(artifact, iter(gpu_variants), threads, report)
    return Backends(cpu, gpu, spill_seconds=spill_seconds, rest_seconds=rest_seconds)


def _cpu_candidates(artifact: Artifact) -> Iterator[tuple[Variant, SessionOptions | None]]:
    """Yields every variant as it was measured to be fastest, then with options that any CPU computes rightly."""
    variants = artifact.variants_for("cpu")
    yield from ((variant, None) for variant in variants)
    yield from ((variant, variant.fallback) for variant in variants if variant.fallback is not None)


def _first_sound(
    artifact: Artifact,
    candidates: Iterator[tuple[Variant, SessionOptions | None]],
    threads: int,
    report: Report,
) -> Backend | None:
    for variant, other_options in candidates:
        options = other_options or variant.session
        name = f"{variant.precision} on {variant.device}" + (" with fallback options" if other_options else "")
        try:
            session = OnnxSession(artifact.path_of(variant), variant, options)
            difference = self_test(session, artifact, max_batch_tokens=options.max_batch_tokens)
        except (ArtifactError, SessionError) as error:
            report(f"{name}: {error}; trying the next session")
            continue
        tolerance = variant.tolerance or artifact.golden.tolerance
        if difference > tolerance:
            report(
                f"{name}: its logits are {difference:.2f} off the golden ones (tolerance {tolerance:.2f}): "
                "this machine computes the model wrongly; trying the next session"
            )
            continue
        parallel_runs = max(1, threads // options.threads_per_run)
        return Backend(name, variant.precision, session, parallel_runs, options.max_batch_tokens)
    return None


def self_test(session: Session, artifact: Artifact, *, max_batch_tokens: int) -> float:
    """Returns the largest difference between the session's logits and the golden ones.

    Every golden window runs alone, and again in the padded batches that it would be packed into when serving: a session
    that lets the rows of a batch into each other computes each of them rightly alone.

    Args:
        session: to be tested.
        artifact: holds the golden windows.
        max_batch_tokens: padded tokens of a batch that the session is fed.

    Raises:
        SessionError: the session cannot run a window.
    """
    pad_id = artifact.manifest.pad_id
    golden = {_golden_window(case, artifact): case for case in artifact.golden.cases}
    alone = [assemble([window], pad_id=pad_id) for window in golden]
    packed = pack(list(golden), max_batch_tokens=max_batch_tokens, pad_id=pad_id)
    together = [batch for batch in packed if len(batch.windows) > 1]
    return max(_difference(session.run(batch), batch, golden) for batch in [*alone, *together])


def _golden_window(case: GoldenCase, artifact: Artifact) -> Window:
    question = artifact.tokenizer.tokenize_question(case.question)
    document = artifact.tokenizer.tokenize_document(case.context)
    return windows_of(question, document, artifact.shape)[0]


def _difference(logits: Logits, batch: Batch, golden: Mapping[Window, GoldenCase]) -> float:
    """Returns the largest difference of a batch's logits from the golden ones; infinity where they are no logits."""
    if not logits.start.shape == logits.end.shape == batch.input_ids.shape:
        return math.inf
    largest = 0.0
    for row, window in enumerate(batch.windows):
        case = golden[window]
        for computed, expected in ((logits.start[row], case.start_logits), (logits.end[row], case.end_logits)):
            values = computed[: window.length]
            if len(expected) != window.length or not np.isfinite(values).all():
                return math.inf
            largest = max(largest, float(np.abs(values - np.array(expected, dtype=np.float32)).max()))
        if case.answerable_logit is not None:
            answerable = math.nan if logits.answerable is None else float(logits.answerable[row])
            if not math.isfinite(answerable):
                return math.inf
            largest = max(largest, abs(answerable - case.answerable_logit))
    return largest
