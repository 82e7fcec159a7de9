"""The shipped int8 session: the same logits whatever a window is batched with, and a self-test that notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from spanstream.models.artifact import Artifact, Golden, load_artifact
from spanstream.models.inference.backends import self_test
from spanstream.models.inference.packing import Batch, assemble, pack
from spanstream.models.inference.session import Logits, OnnxSession
from spanstream.models.text.windowing import Window, windows_of


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact()


@pytest.fixture(scope="module")
def session(artifact: Artifact) -> OnnxSession:
    [variant] = artifact.variants_for("cpu")
    return OnnxSession(artifact.path_of(variant), variant)


@pytest.fixture(scope="module")
def windows(artifact: Artifact) -> list[Window]:
    """Returns the golden windows, 17 to 300 tokens long."""
    tokenizer = artifact.tokenizer
    return [
        windows_of(
            tokenizer.tokenize_question(case.question), tokenizer.tokenize_document(case.context), artifact.shape
        )[0]
        for case in artifact.golden.cases
    ]


def rows(session: OnnxSession, batches: list[Batch]) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    for batch in batches:
        logits = session.run(batch)
        for row, window in enumerate(batch.windows):
            yield window, logits.start[row, : window.length], logits.end[row, : window.length]


@pytest.mark.parametrize("max_batch_tokens", [256, 512, 1024, 100_000])
def test_a_windows_logits_are_the_same_bits_alone_and_in_any_batch(
    artifact: Artifact, session: OnnxSession, windows: list[Window], max_batch_tokens: int
) -> None:
    pad_id = artifact.manifest.pad_id
    alone = {
        window: (s, e) for window, s, e in rows(session, [assemble([window], pad_id=pad_id) for window in windows])
    }
    packed = list(rows(session, pack(windows, max_batch_tokens=max_batch_tokens, pad_id=pad_id)))
    assert len(packed) == len(windows)
    for window, start, end in packed:
        assert np.array_equal(start, alone[window][0])
        assert np.array_equal(end, alone[window][1])


def test_what_stands_in_the_padding_changes_nothing(
    artifact: Artifact, session: OnnxSession, windows: list[Window]
) -> None:
    clean = assemble(windows, pad_id=artifact.manifest.pad_id)
    dirty = assemble(windows, pad_id=1_000)
    for (window, *expected), (_, *computed) in zip(rows(session, [clean]), rows(session, [dirty]), strict=True):
        assert all(np.array_equal(logits, golden) for logits, golden in zip(expected, computed, strict=True)), (
            window.length
        )


def test_the_golden_logits_come_out_and_a_session_that_computes_wrongly_is_noticed(
    artifact: Artifact, session: OnnxSession
) -> None:
    class OffByALittle:
        def run(self, batch: Batch) -> Logits:
            logits = session.run(batch)
            return Logits(logits.start * np.float32(1.1), logits.end)

    fed = artifact.variants_for("cpu")[0].session.max_batch_tokens
    assert self_test(session, artifact, max_batch_tokens=fed) <= artifact.golden.tolerance
    assert self_test(OffByALittle(), artifact, max_batch_tokens=fed) > artifact.golden.tolerance


def swapped_rows(session: OnnxSession, batch: Batch) -> Logits:
    logits = session.run(batch)
    return Logits(np.roll(logits.start, 1, axis=0), np.roll(logits.end, 1, axis=0))


def blended_rows(session: OnnxSession, batch: Batch) -> Logits:
    logits = session.run(batch)
    start, end = (rows + np.float32(0.2) * (rows.mean(axis=0) - rows) for rows in (logits.start, logits.end))
    return Logits(start, end)


def read_padding(session: OnnxSession, batch: Batch) -> Logits:
    return session.run(replace(batch, attention_mask=np.ones_like(batch.attention_mask)))


@pytest.mark.parametrize("damage", [swapped_rows, blended_rows, read_padding])
def test_a_session_that_mixes_the_rows_of_a_batch_is_noticed_though_each_is_right_alone(
    artifact: Artifact, session: OnnxSession, damage: Callable[[OnnxSession, Batch], Logits]
) -> None:
    class Mixing:
        def run(self, batch: Batch) -> Logits:
            return damage(session, batch)

    assert self_test(Mixing(), artifact, max_batch_tokens=1) <= artifact.golden.tolerance
    fed = artifact.variants_for("cpu")[0].session.max_batch_tokens
    assert self_test(Mixing(), artifact, max_batch_tokens=fed) > artifact.golden.tolerance


def test_the_golden_windows_are_of_many_lengths_and_point_at_answers(artifact: Artifact, windows: list[Window]) -> None:
    golden: Golden = artifact.golden
    lengths = [window.length for window in windows]
    assert min(lengths) < 32
    assert max(lengths) > 200
    for case in golden.cases:
        assert len(case.start_logits) == len(case.end_logits)
        assert max(case.start_logits) > min(case.start_logits) + 5
