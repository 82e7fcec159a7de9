"""Runs windows through a backend, several batches at a time; a failing batch is halved down to the one window.

windows -> batches -> logits -> {window: ScoredWindow | InferenceFailed}
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np

from spanstream.models.errors import ForkedReader, InferenceFailed
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch, assemble, pack
from spanstream.models.inference.session import Logits
from spanstream.models.spans.search import WindowSpan, best_span
from spanstream.models.text.windowing import Window


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """A window after inference: its best span, and the precision of the weights that found it."""

    span: WindowSpan
    precision: str


WindowOutcome = ScoredWindow | InferenceFailed


def scored_windows(windows: Sequence[Window], outcomes: Mapping[Window, WindowOutcome]) -> list[ScoredWindow]:
    """Returns what these windows say. Raises `InferenceFailed` where the session failed on one of them."""
    scored: list[ScoredWindow] = []
    for window in windows:
        outcome = outcomes[window]
        if isinstance(outcome, InferenceFailed):
            raise outcome
        scored.append(outcome)
    return scored


def precision_of(scored: Sequence[ScoredWindow], span: WindowSpan | None) -> str | None:
    """Returns the precision of the weights that found the span, else of the first window's: then all say no.

    None: nothing ran.
    """
    return next((one.precision for one in scored if one.span is span), scored[0].precision if scored else None)


class InferenceRunner:
    """Runs windows on backends. Safe to call from several threads: their batches share each backend's parallel runs."""

    def __init__(self, backends: Backends, *, pad_id: int, max_answer_tokens: int) -> None:
        self._backends = backends
        self._pad_id = pad_id
        self._max_answer_tokens = max_answer_tokens
        self._process = os.getpid()
        self._running = 0
        self._running_lock = Lock()
        # A pool for each, so that a GPU's batches do not take the CPU's turns.
        self._pools = {
            backend: ThreadPoolExecutor(backend.parallel_runs, thread_name_prefix=f"infer {backend.name}")
            for backend in (backends.cpu, backends.gpu)
            if backend is not None
        }

    def run(self, windows: Sequence[Window], *, waiting_windows: int = 0) -> Mapping[Window, WindowOutcome]:
        """Returns every window's best span, or why it has none.

        Args:
            windows: what to read.
            waiting_windows: how many more are queued behind these; decides whether the GPU takes over.

        Raises:
            ForkedReader: the threads are another process's.
        """
        if os.getpid() != self._process:
            raise ForkedReader("this reader was loaded before the process was forked: load one in each process")
        with self._counted():
            outcomes = self._run_on(self._backends.choose(waiting_windows + len(windows)), windows)
            # A GPU that fails halfway leaves windows unread; the CPU takes them.
            if self._backends.cpu and (unread := [window for window in windows if window not in outcomes]):
                outcomes |= self._run_on(self._backends.cpu, unread)
        return outcomes

    @property
    def is_idle(self) -> bool:
        """Whether no windows are being run now."""
        return not self._running

    def close(self) -> None:
        """Waits for the batches that are running and ends the threads."""
        for pool in self._pools.values():
            pool.shutdown()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._running_lock:
            self._running += 1
        try:
            yield
        finally:
            with self._running_lock:
                self._running -= 1

    def _run_on(self, backend: Backend, windows: Sequence[Window]) -> dict[Window, WindowOutcome]:
        batches = pack(windows, max_batch_tokens=backend.max_batch_tokens, pad_id=self._pad_id)
        outcomes: dict[Window, WindowOutcome] = {}
        for batch_outcomes in self._pools[backend].map(lambda batch: self._run_batch(backend, batch), batches):
            outcomes |= batch_outcomes
        return outcomes

    def _run_batch(self, backend: Backend, batch: Batch) -> dict[Window, WindowOutcome]:
        """Returns the batch's outcomes; none where the backend is to blame and another one will take the batch."""
        if self._backends.is_resting(backend):
            return {}
        started = time.perf_counter()
        try:
            logits = _sound_logits(backend, batch)
        except SessionError as error:
            return self._handle_failure(backend, batch, error)
        outcomes: dict[Window, WindowOutcome] = {}
        for row, window in enumerate(batch.windows):
            answerability = None if logits.answerable is None else float(logits.answerable[row])
            span = best_span(window, logits.start[row], logits.end[row], self._max_answer_tokens, answerability)
            outcomes[window] = ScoredWindow(span, backend.precision)
        self._backends.ran(backend, len(outcomes), time.perf_counter() - started)
        return outcomes

    def _handle_failure(self, backend: Backend, batch: Batch, error: SessionError) -> dict[Window, WindowOutcome]:
        """Leaves the batch to another backend if this one is to blame; else halves it, down to the failing window."""
        if self._backends.next_after(backend) is not None:
            return {}
        if len(batch.windows) == 1:
            return {batch.windows[0]: InferenceFailed(f"the session failed on one window: {error}")}
        middle = len(batch.windows) // 2
        halves = (batch.windows[:middle], batch.windows[middle:])
        first, second = (self._run_batch(backend, assemble(half, pad_id=self._pad_id)) for half in halves)
        return first | second


def _sound_logits(backend: Backend, batch: Batch) -> Logits:
    """Returns the batch's logits, checked to be finite numbers.

    Raises:
        SessionError: the session raised, or returned something else.
    """
    logits = backend.session.run(batch)
    shape = batch.input_ids.shape
    if logits.start.shape != shape or logits.end.shape != shape:
        raise SessionError(f"its logits are {logits.start.shape} and {logits.end.shape}, not {shape}")
    read = batch.attention_mask == 1
    if not (np.isfinite(logits.start[read]).all() and np.isfinite(logits.end[read]).all()):
        raise SessionError("its logits are not all numbers")
    if (answerable := logits.answerable) is not None and not (
        answerable.shape == shape[:1] and np.isfinite(answerable).all()
    ):
        raise SessionError(f"its answerable logits are not {shape[0]} numbers")
    return logits
