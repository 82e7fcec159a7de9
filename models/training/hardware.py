"""Asks torch what this machine can do."""

from __future__ import annotations

import torch


def gpu_is_available() -> bool:
    """Returns whether torch finds a GPU."""
    return bool(torch.cuda.is_available())


def has_bf16(*, on_gpu: bool) -> bool:
    """Returns whether the device multiplies bfloat16 in hardware."""
    if on_gpu:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001  torch has no public way to ask
