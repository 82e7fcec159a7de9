from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanstream.models.inference import cpu


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a machine of 64 CPUs without a cgroup; tests add its files."""
    for name in ("_CGROUP_V2", "_CGROUP_V1_QUOTA", "_CGROUP_V1_PERIOD"):
        monkeypatch.setattr(cpu, name, tmp_path / name)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("200000 100000", 2), ("max 100000", 64), ("150000 100000", 1), ("50000 100000", 1), ("9900000 100000", 64)],
)
def test_the_quota_of_cgroup_2_bounds_the_cpus(machine: Path, quota: str, cpus: int) -> None:
    (machine / "_CGROUP_V2").write_text(quota + "\n")
    assert cpu.available_cpus() == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("400000", 4), ("-1", 64)])
def test_the_quota_of_cgroup_1_bounds_the_cpus(machine: Path, quota: str, cpus: int) -> None:
    (machine / "_CGROUP_V1_QUOTA").write_text(quota + "\n")
    (machine / "_CGROUP_V1_PERIOD").write_text("100000\n")
    assert cpu.available_cpus() == cpus


def test_without_a_quota_the_affinity_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(machine.iterdir())
    assert cpu.available_cpus() == 64
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert cpu.available_cpus() == 2


@pytest.mark.parametrize("text", ["", "nonsense", "0 0", "100000 0", "x y"])
def test_a_quota_that_is_none_bounds_nothing(machine: Path, text: str) -> None:
    (machine / "_CGROUP_V2").write_text(text)
    assert cpu.available_cpus() == 64


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        ("model name : A CPU\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t\t: fpu avx2\n", False),
        ("Features\t: fp asimd asimddp\n", True),
        ("model name : A CPU\n", None),
    ],
)
def test_int8_dot_products_are_read_off_the_cpus_flags(tmp_path: Path, cpuinfo: str, has: bool | None) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    assert cpu.has_int8_dot_product(path) is has


def test_a_machine_that_does_not_tell_is_not_guessed_about(tmp_path: Path) -> None:
    assert cpu.has_int8_dot_product(tmp_path / "none") is None
    assert cpu.cpu_name(tmp_path / "none") == os.uname().machine


def test_the_cpus_name_is_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: Some CPU @ 2.0GHz: v2\n")
    assert cpu.cpu_name(tmp_path / "cpuinfo") == "Some CPU @ 2.0GHz: v2"
