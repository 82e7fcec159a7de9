"""int8 weights: as close as int8 allows, and no pair that could overflow 16 bits against any activation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from spanstream.models.arrays import Float32Array, Int8Array
from spanstream.models.building.graph.weight_quantization import quantize_weight

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5))
WEIGHTS = npst.arrays(np.float32, SHAPES, elements=st.floats(-50, 50, width=32, allow_subnormal=False))


def greatest_sums(int8: Int8Array) -> tuple[int, int]:
    """Returns the most and the least that vpmaddubsw can give: pairs of inputs times activations of 0 to 255."""
    rows = np.vstack([int8, np.zeros((len(int8) % 2, int8.shape[1]), dtype=np.int8)]).astype(np.int64)
    pairs = rows.reshape(-1, 2, rows.shape[1])
    return int((255 * np.maximum(pairs, 0)).sum(axis=1).max()), int((255 * np.minimum(pairs, 0)).sum(axis=1).min())


@given(WEIGHTS)
def test_no_pair_of_weights_can_overflow_sixteen_bits(weight: Float32Array) -> None:
    int8, _ = quantize_weight(weight)
    most, least = greatest_sums(int8)
    assert least >= -32768
    assert most <= 32767


@given(WEIGHTS)
def test_every_weight_is_within_half_a_step_of_what_it_was(weight: Float32Array) -> None:
    int8, scales = quantize_weight(weight)
    assert np.all(np.abs(int8 * scales - weight) <= 0.5001 * scales + 1e-6)


def test_a_pair_that_would_overflow_gets_a_coarser_scale_and_its_column_alone() -> None:
    weight = np.array([[1.0, 1.0], [1.0, -1.0]], dtype=np.float32)
    int8, scales = quantize_weight(weight)
    assert int8[:, 0].tolist() == [64, 64]
    assert int8[:, 1].tolist() == [127, -127]
    assert scales == pytest.approx([1 / 64, 1 / 127])


def test_neighbours_in_different_pairs_keep_the_full_range() -> None:
    int8, _ = quantize_weight(np.array([[0.0], [2.0], [2.0], [0.0]], dtype=np.float32))
    assert int8[:, 0].tolist() == [0, 127, 127, 0]


def test_a_column_of_zeros_stays_zero() -> None:
    int8, scales = quantize_weight(np.zeros((4, 2), dtype=np.float32))
    assert not int8.any()
    assert np.isfinite(scales).all()
    assert (scales > 0).all()
