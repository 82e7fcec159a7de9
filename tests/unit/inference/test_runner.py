from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanstream.models.errors import InferenceFailed
from spanstream.models.inference.backends import Backend, Backends
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.runner import InferenceRunner, ScoredWindow, WindowOutcome
from spanstream.models.inference.session import Logits
from spanstream.models.spans.search import best_span
from spanstream.models.text.windowing import Window
from tests.support.model.hand_made_windows import hand_made_document, hand_made_window

POISON = 666
MOST = 4


class IdSession:
    """Logits that are the token ids; refuses batches that hold the poisoned id."""

    def __init__(self, *, before: Callable[[Batch], None] = lambda _: None) -> None:
        self.before = before
        self.batches: list[tuple[Window, ...]] = []

    def run(self, batch: Batch) -> Logits:
        self.batches.append(batch.windows)
        self.before(batch)
        if (batch.input_ids == POISON).any():
            raise SessionError("poisoned")
        row = batch.input_ids.astype(np.float32)
        return Logits(row, row[:, ::-1].copy())


def _broken(_: Batch) -> None:
    raise SessionError("CUDA error: out of memory")


def _window(first_id: int, tokens: int = 6) -> Window:
    return hand_made_window(hand_made_document(range(tokens), ids=range(first_id, first_id + tokens)))


def _poisoned() -> Window:
    return hand_made_window(hand_made_document(range(3), ids=[7, POISON, 8]))


def _backend(session: IdSession, precision: str = "int8", *, runs: int = 2, max_batch_tokens: int = 64) -> Backend:
    return Backend(f"{precision} of a test", precision, session, runs, max_batch_tokens)


@contextmanager
def _inference(backends: Backends) -> Iterator[InferenceRunner]:
    inference = InferenceRunner(backends, pad_id=0, max_answer_tokens=MOST)
    yield inference
    inference.close()


def _alone(window: Window) -> ScoredWindow:
    """Returns the outcome of a window that is alone in its batch."""
    with _inference(Backends(_backend(IdSession(), max_batch_tokens=1))) as inference:
        outcome = inference.run([window])[window]
    assert isinstance(outcome, ScoredWindow)
    return outcome


def _spilling(cpu: Backend, gpu: Backend, clock: Callable[[], float] = lambda: 0.0) -> Backends:
    """Backends whose CPU was seen to be so slow that everything spills."""
    backends = Backends(cpu, gpu, spill_seconds=0.5, rest_seconds=60.0, clock=clock)
    backends.ran(cpu, 1, 100.0)
    return backends


def test_every_window_is_answered() -> None:
    windows = [_window(10 * number, tokens) for number, tokens in enumerate((1, 6, 12, 6, 30, 2), start=1)]
    with _inference(Backends(_backend(IdSession()))) as inference:
        outcomes = inference.run(windows)
    assert set(outcomes) == set(windows)
    for window, outcome in outcomes.items():
        assert isinstance(outcome, ScoredWindow)
        assert outcome.span.window is window
        assert outcome.precision == "int8"


def test_nothing_to_read_is_no_run() -> None:
    session = IdSession()
    with _inference(Backends(_backend(session))) as inference:
        assert inference.run([]) == {}
    assert session.batches == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 200))
def test_failing_windows_are_isolated_and_their_neighbours_answered(
    poisoned: list[bool], max_batch_tokens: int
) -> None:
    windows = [_poisoned() if bad else _window(20 + number) for number, bad in enumerate(poisoned)]
    with _inference(Backends(_backend(IdSession(), max_batch_tokens=max_batch_tokens))) as inference:
        outcomes = inference.run(windows)
    for window, bad in zip(windows, poisoned, strict=True):
        assert isinstance(outcomes[window], InferenceFailed if bad else ScoredWindow)


def test_a_failed_window_says_what_the_session_said() -> None:
    window = _poisoned()
    with _inference(Backends(_backend(IdSession()))) as inference:
        outcome = inference.run([window])[window]
    assert str(outcome) == "the session failed on one window: poisoned"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_no_numbers_are_a_failure_of_their_window(wrong: float) -> None:
    class _Wrong(IdSession):
        def run(self, batch: Batch) -> Logits:
            row = batch.input_ids.astype(np.float32)
            row[(batch.input_ids == POISON).any(axis=1), 2] = wrong
            return Logits(row, row)

    good, bad = _window(20), _poisoned()
    with _inference(Backends(_backend(_Wrong()))) as inference:
        outcomes = inference.run([good, bad])
    assert isinstance(outcomes[good], ScoredWindow)
    assert isinstance(outcomes[bad], InferenceFailed)


def test_logits_of_another_shape_are_a_failure() -> None:
    class _Short(IdSession):
        def run(self, batch: Batch) -> Logits:
            row = batch.input_ids[:, :-1].astype(np.float32)
            return Logits(row, row)

    window = _window(20)
    with _inference(Backends(_backend(_Short()))) as inference:
        assert isinstance(inference.run([window])[window], InferenceFailed)


class _HeadedSession(IdSession):
    """A session with an answerability head, whose logits are the first id of the document in each window."""

    def __init__(self, wrong: float | None = None, *, extra: int = 0) -> None:
        super().__init__()
        self._wrong = wrong
        self._extra = extra

    def run(self, batch: Batch) -> Logits:
        logits = super().run(batch)
        answerable = np.array([window.document.ids[0] for window in batch.windows], dtype=np.float32)
        if self._wrong is not None:
            answerable[:] = self._wrong
        return Logits(logits.start, logits.end, np.append(answerable, [np.float32(0)] * self._extra))


def test_every_window_carries_what_the_answerability_head_says_of_it() -> None:
    windows = [_window(20 + number, 3 + number) for number in range(6)]
    with _inference(Backends(_backend(_HeadedSession(), max_batch_tokens=40))) as inference:
        outcomes = inference.run(windows)
    for number, window in enumerate(windows):
        outcome = outcomes[window]
        assert isinstance(outcome, ScoredWindow)
        assert outcome.span.answerability == 20 + number
        assert _alone(window).span.answerability is None


@pytest.mark.parametrize("session", [_HeadedSession(np.nan), _HeadedSession(np.inf), _HeadedSession(extra=1)])
def test_a_head_that_gives_no_numbers_is_a_failure(session: _HeadedSession) -> None:
    window = _window(20)
    with _inference(Backends(_backend(session))) as inference:
        assert isinstance(inference.run([window])[window], InferenceFailed)


def test_what_is_beside_a_window_does_not_change_it() -> None:
    class _Causal(IdSession):
        def run(self, batch: Batch) -> Logits:
            row = (batch.input_ids * 37 % 101).astype(np.float32)
            return Logits(row, row * 2)

    windows = [_window(10 * number, number) for number in range(1, 14)]
    runs: list[dict[Window, WindowOutcome]] = []
    for max_batch_tokens in (1, 40, 1000):
        with _inference(Backends(_backend(_Causal(), max_batch_tokens=max_batch_tokens))) as inference:
            runs.append(dict(inference.run(windows)))
    assert runs[0] == runs[1] == runs[2]


def test_a_gpu_takes_what_spills_and_says_so() -> None:
    cpu, gpu = IdSession(), IdSession()
    window = _window(20)
    with _inference(_spilling(_backend(cpu), _backend(gpu, "fp16"))) as inference:
        outcome = inference.run([window])[window]
    assert isinstance(outcome, ScoredWindow)
    assert outcome.precision == "fp16"
    assert cpu.batches == []


def test_what_a_failing_gpu_leaves_is_the_cpus() -> None:
    cpu, gpu = IdSession(), IdSession(before=_broken)
    windows = [_window(20 + number, 20) for number in range(12)]
    with _inference(_spilling(_backend(cpu), _backend(gpu, "fp16", runs=1, max_batch_tokens=50))) as inference:
        outcomes = inference.run(windows)
        assert set(outcomes) == set(windows)
        assert {outcome.precision for outcome in outcomes.values() if isinstance(outcome, ScoredWindow)} == {"int8"}
        # It failed once, and is left alone from then on, in this call and the next.
        assert len(gpu.batches) == 1
        inference.run(windows)
    assert len(gpu.batches) == 1


def test_a_gpu_that_fails_midway_keeps_what_it_read() -> None:
    runs: list[Batch] = []

    def second_fails(batch: Batch) -> None:
        runs.append(batch)
        if len(runs) > 1:
            _broken(batch)

    windows = [_window(20 + number, 20) for number in range(6)]
    backends = _spilling(
        _backend(IdSession()), _backend(IdSession(before=second_fails), "fp16", runs=1, max_batch_tokens=50)
    )
    with _inference(backends) as inference:
        outcomes = inference.run(windows)
    precisions = [outcome.precision for outcome in outcomes.values() if isinstance(outcome, ScoredWindow)]
    assert sorted(precisions) == ["fp16", "fp16", "int8", "int8", "int8", "int8"]


def test_a_poisoned_window_on_the_gpu_is_isolated_on_the_cpu() -> None:
    good, bad = _window(20), _poisoned()
    with _inference(_spilling(_backend(IdSession()), _backend(IdSession(), "fp16"))) as inference:
        outcomes = inference.run([good, bad])
    assert isinstance(outcomes[good], ScoredWindow)
    assert isinstance(outcomes[bad], InferenceFailed)


def test_without_a_cpu_a_failing_batch_is_halved_on_the_gpu() -> None:
    good, bad = _window(20), _poisoned()
    with _inference(Backends(None, _backend(IdSession(), "fp16"))) as inference:
        outcomes = inference.run([good, bad])
    assert isinstance(outcomes[good], ScoredWindow)
    assert isinstance(outcomes[bad], InferenceFailed)


def test_several_callers_share_the_parallel_runs() -> None:
    lock, running, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(2)

    def count(_: Batch) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        meet.wait(timeout=30)  # two runs are at work at the same time, or this breaks
        with lock:
            running[0] -= 1

    backends = Backends(_backend(IdSession(before=count), runs=2, max_batch_tokens=1))
    chunks = [[_window(20 + 10 * number + place) for place in range(4)] for number in range(3)]
    with _inference(backends) as inference, ThreadPoolExecutor(3) as callers:
        outcomes_of_chunks = list(callers.map(inference.run, chunks))
    assert most[0] == 2
    for chunk, outcomes in zip(chunks, outcomes_of_chunks, strict=True):
        assert outcomes == {window: _alone(window) for window in chunk}


def test_a_window_reads_the_same_as_by_itself() -> None:
    window = _window(20, 9)
    ids = np.array([1, 100, 101, 2, *range(20, 29), 2], dtype=np.float32)
    assert _alone(window).span == best_span(window, ids, ids[::-1].copy(), MOST)
