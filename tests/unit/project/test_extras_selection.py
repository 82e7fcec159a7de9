"""`requirements/select`: the part of the pinned extras that some of them need, and nothing else."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PINS = (ROOT / "requirements" / "extras.txt").read_text(encoding="utf-8")
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def select(*extras: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "requirements" / "select", *extras], capture_output=True, text=True, check=False)


def names(text: str) -> set[str]:
    return {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"evaluate"}))
def test_an_extra_is_selected_with_its_hashes(extra: str) -> None:
    done = select(extra)
    assert done.returncode == 0, done.stderr
    assert {canonicalize_name(Requirement(text).name) for text in EXTRAS[extra]} <= names(done.stdout)
    assert names(done.stdout) < names(PINS)
    assert done.stdout.count("==") <= done.stdout.count("--hash=sha256:")
    assert all(line in PINS for line in done.stdout.splitlines())


def test_what_an_extra_needs_in_turn_is_selected_and_what_another_needs_is_not() -> None:
    assert {"fastapi", "starlette", "h11", "anyio"} <= names(select("http").stdout)
    assert not {"boto3", "botocore", "avro", "opentelemetry-sdk", "s3fs"} & names(select("http").stdout)


def test_all_extras_together_are_the_whole_file_and_none_is_nothing() -> None:
    assert PINS.endswith(select(*(EXTRAS.keys() - {"evaluate"})).stdout)
    assert names(select(*(EXTRAS.keys() - {"evaluate"})).stdout) == names(PINS)
    assert select().stdout == ""


def test_an_extra_that_there_is_not_is_told_in_one_line() -> None:
    done = select("http", "htpp")
    assert done.returncode == 1
    known = "aws, collections, desk, http, opensearch, redaction, registry, s3, traces"
    assert done.stderr == f"no extra is called htpp; there are {known}\n"
