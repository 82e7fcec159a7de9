"""A session at the lowest priority gives the same logits, and the rest of the program keeps its own."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest

from spanstream.models.inference.low_priority import LowPrioritySession
from spanstream.models.inference.onnx_model import SessionError
from spanstream.models.inference.packing import Batch, assemble
from spanstream.models.inference.session import Logits
from tests.support.model.fake_reader import LetterSession, fake_reader


def a_batch(text: str = "The train leaves at 07:05.") -> Batch:
    reader = fake_reader()
    [plan] = reader.plan(text, reader.tokenize(text), ["when ?"])
    return assemble(list(plan.windows), pad_id=0)


def test_it_gives_the_sessions_logits() -> None:
    batch = a_batch()
    expected, found = LetterSession().run(batch), LowPrioritySession(LetterSession()).run(batch)
    assert np.array_equal(expected.start, found.start)
    assert np.array_equal(expected.end, found.end)


def test_it_raises_what_the_session_raises() -> None:
    with pytest.raises(SessionError):
        LowPrioritySession(LetterSession()).run(a_batch("poison"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_only_the_sessions_own_thread_has_the_lowest_priority() -> None:
    seen: list[int] = []

    class Priorities(LetterSession):
        def run(self, batch: Batch) -> Logits:
            seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().run(batch)

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    LowPrioritySession(Priorities()).run(a_batch())
    assert seen == [19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
