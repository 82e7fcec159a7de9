"""Generates records, runs each through its readers, and counts what became of them."""

from __future__ import annotations

import heapq
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from structlog.testing import capture_logs

from spanstream.consumer.broker.protocols import Record
from spanstream.schemas.errors import Reason
from tests.fuzzing.mutations import mutated
from tests.fuzzing.readers import outcome_of
from tests.fuzzing.scene import FuzzScene
from tests.fuzzing.seeds import KINDS, seed_record

_WHOLE_SHARE: Final = 0.1
# What the program writes to its log where it caught an exception that nobody foresaw.
_FAILURES: Final = frozenset({"ticket_failed", "outcome_failed", "deciding_failed", "formatting_failed"})
_REFUSALS: Final = frozenset({Reason.UNDECODABLE, Reason.INVALID_EVENT, Reason.INFERENCE_FAILED})
_SLOWEST: Final = 5


@dataclass(frozen=True)
class Fall:
    """A record on which the program raised what it should not have."""

    number: int
    kind: str
    what: str


@dataclass
class FuzzSummary:
    """What became of the records: outcomes by (kind, outcome), falls, and the slowest as (seconds, number, kind)."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    falls: list[Fall] = field(default_factory=list)
    slowest: list[tuple[float, int, str]] = field(default_factory=list)


def generated(scene: FuzzScene, seed: int, number: int) -> tuple[str, Record, bool]:
    """Returns record `number` of a seed, always the same: its kind, the record, and whether it was left whole."""
    draw = random.Random(f"{seed}/{number}")  # noqa: S311  no secret
    kind = draw.choice(list(KINDS))
    record = seed_record(draw, scene, kind)
    is_whole = draw.random() < _WHOLE_SHARE
    return kind, record if is_whole else mutated(draw, record), is_whole


def fuzz(
    seed: int,
    numbers: Iterable[int],
    *,
    most_seconds: float = 0.0,
    on_record: Callable[[], object] = lambda: None,
    on_fall: Callable[[Fall], object] = lambda _: None,
) -> FuzzSummary:
    """Runs these records of a seed through their readers.

    Args:
        seed: what the records are drawn from.
        numbers: which ones.
        most_seconds: of processor time for one record, past which it has failed; 0: no limit. Needs the main thread.
        on_record: called after each record.
        on_fall: called with each fall.
    """
    scene, summary = FuzzScene(), FuzzSummary()
    with capture_logs() as logs:
        for number in numbers:
            kind, record, is_whole = generated(scene, seed, number)
            began = time.process_time()
            try:
                with _limited(most_seconds):
                    outcome = outcome_of(scene, record)
                _check(kind, outcome, is_whole, {str(line["event"]) for line in logs})
                summary.outcomes[kind, outcome] += 1
            except Exception:  # noqa: BLE001  that is what is looked for
                summary.falls.append(Fall(number, kind, traceback.format_exc()))
                on_fall(summary.falls[-1])
            heapq.heappush(summary.slowest, (time.process_time() - began, number, kind))
            if len(summary.slowest) > _SLOWEST:
                heapq.heappop(summary.slowest)
            logs.clear()
            on_record()
    return summary


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside once so much processor time is spent."""
    if not seconds:
        yield
        return

    def give_up(number: int, frame: object) -> None:
        del number, frame
        raise TimeoutError(f"more than {seconds:g} s of processor time")

    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _check(kind: str, outcome: str, is_whole: bool, events: set[str]) -> None:
    # A state that nobody wrote so may leave a ticket without a record; nothing else may.
    caught = events & (_FAILURES - {"deciding_failed"} if kind == "state" else _FAILURES)
    assert not caught, f"an exception was caught: {caught}"
    assert not (is_whole and outcome in _REFUSALS), f"a whole record was refused: {outcome}"
