"""The image's architectures: every pinned package has a wheel for each, so that nothing is compiled in its build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
# glibc of the base image (2.36) runs wheels for all of these.
GLIBC = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34")


def platforms(architecture: str) -> list[str]:
    tags = [f"manylinux2014_{architecture}", *(f"manylinux_{version}_{architecture}" for version in GLIBC)]
    return [option for tag in tags for option in ("--platform", tag)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("group", ["serving", "extras"])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_every_package_of_the_image_has_a_wheel(architecture: str, group: str, tmp_path: Path) -> None:
    python = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-input", "--disable-pip-version-check"),
            *(
                "--ignore-installed",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "--target",
                str(tmp_path),
            ),
            *(*python, *platforms(architecture), "--requirement", str(REQUIREMENTS / f"{group}.txt")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Retrying (" in done.stderr:
        pytest.skip("no package registry answers")
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stdout
