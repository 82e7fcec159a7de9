"""Finds out how many CPUs this process may use, and whether they have int8 dot products."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
_CPUINFO = Path("/proc/cpuinfo")

# /proc/cpuinfo flags of instructions that multiply int8 and add up in int32 without saturating (x86 VNNI and AMX, Arm).
INT8_DOT_PRODUCT_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})


def available_cpus() -> int:
    """Returns the CPUs of the cgroup's quota or of this process's affinity, whichever is less; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, affinity if quota is None else min(affinity, int(quota)))


def _cgroup_quota() -> float | None:
    """Returns the CPUs of cgroup v2 `cpu.max` ("200000 100000"), or v1's pair of files; None without a limit."""
    for paths in ((_CGROUP_V2,), (_CGROUP_V1_QUOTA, _CGROUP_V1_PERIOD)):
        try:
            quota, period = " ".join(path.read_text() for path in paths).split()[:2]
            # -1 says that there is no limit, and so does "max", which is no number.
            return int(quota) / int(period) if int(quota) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None


def has_int8_dot_product(cpuinfo: Path = _CPUINFO) -> bool | None:
    """Whether the CPU multiplies int8 exactly and fast; None where that is not known (no /proc/cpuinfo)."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return None
    flags = {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()[1:]}
    return bool(flags & INT8_DOT_PRODUCT_FLAGS) if flags else None


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """Returns the CPU's model name as the kernel gives it, or the machine's architecture."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return os.uname().machine
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), os.uname().machine)
