"""Quantizes weights to int8 so that every CPU multiplies them exactly.

x86 CPUs without VNNI multiply u8 by s8 in pairs and add each pair in 16 bits (vpmaddubsw), which saturates:
255 x 127 x 2 does not fit. Here no two weights that meet in a pair add up to more than 128 in magnitude with one sign,
so that no activation can overflow them; it costs a fraction of a bit in most columns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from spanstream.models.arrays import AnyArray, Float32Array, Int8Array

_INT8_MOST: Final = 127
# 255 x 128 = 32,640 is the greatest multiple of 255 below 2 ** 15.
_PAIR_MOST: Final = 128
_SCALE_STEP: Final = 1.004


def quantize_weight(weight: AnyArray) -> tuple[Int8Array, Float32Array]:
    """Returns (inputs, outputs) weights in int8 and (outputs,) scales, so that no pair can overflow 16 bits."""
    scales = np.maximum(np.abs(weight).max(axis=0) / _INT8_MOST, _greatest_pair(weight) / _PAIR_MOST)
    scales[scales == 0] = 1
    while True:
        rounded = np.clip(np.rint(weight / scales), -_INT8_MOST, _INT8_MOST)
        # Rounding up both of a pair can pass the limit by one.
        over = _greatest_pair(rounded) > _PAIR_MOST
        if not over.any():
            return rounded.astype(np.int8), scales.astype(np.float32)
        scales = np.where(over, scales * _SCALE_STEP, scales)


def _greatest_pair(weight: AnyArray) -> AnyArray:
    """Returns (outputs,) the greatest sum, in magnitude, of weights of one sign in a pair of neighbouring inputs."""
    even = np.vstack([weight, np.zeros_like(weight[: len(weight) % 2])])
    positive, negative = np.maximum(even, 0), np.maximum(-even, 0)
    sums: AnyArray = np.maximum(positive[0::2] + positive[1::2], negative[0::2] + negative[1::2])
    greatest: AnyArray = sums.max(axis=0)
    return greatest
