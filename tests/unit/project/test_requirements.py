"""The pinned requirements keep what is promised of them: hashes, no addresses, and one version in all groups."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "requirements"
GROUPS = ("serving", "evaluate", "test", "tools", "build", "gpu")
BUILD_TOOLS = frozenset(
    {"torch", "transformers", "optimum", "optimum-onnx", "onnx", "scikit-learn", "scipy", "matplotlib"}
)


@dataclass(frozen=True, slots=True)
class Pin:
    requirement: Requirement
    hashes: int

    @property
    def name(self) -> NormalizedName:
        return canonicalize_name(self.requirement.name)


def pins(group: str) -> list[Pin]:
    text = (FOLDER / f"{group}.txt").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    pinned = []
    for line in lines:
        requirement, *options = line.split("--hash=")
        pinned.append(Pin(Requirement(requirement.strip()), len(options)))
    return pinned


def asked(group: str) -> list[Requirement]:
    lines = (FOLDER / f"{group}.in").read_text(encoding="utf-8").splitlines()
    bare = (line.partition("#")[0].strip() for line in lines)
    return [Requirement(line) for line in bare if line and not line.startswith("-c ")]


@pytest.mark.parametrize("group", GROUPS)
def test_every_requirement_is_one_version_with_hashes(group: str) -> None:
    pinned = pins(group)
    assert pinned
    for pin in pinned:
        assert pin.hashes > 0, pin.requirement
        assert [specifier.operator for specifier in pin.requirement.specifier] == ["=="], pin.requirement
        assert pin.requirement.url is None


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_no_requirement_file_names_an_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"--(extra-)?index|--find-links|--trusted-host", text)
    assert not re.search(r"\b[a-z0-9-]+\.(com|dev|io|net|org)\b", text)


def test_serving_needs_none_of_the_build_tools() -> None:
    assert not BUILD_TOOLS & {pin.name for pin in pins("serving")}


@pytest.mark.parametrize("group", ["evaluate", "extras", "test", "build", "gpu"])
def test_a_package_that_serving_has_too_is_the_same_version(group: str) -> None:
    served: dict[str, set[str]] = {}
    for pin in pins("serving"):
        served.setdefault(pin.name, set()).add(str(pin.requirement.specifier))
    shared = [pin for pin in pins(group) if pin.name in served]
    assert shared
    for pin in shared:
        assert str(pin.requirement.specifier) in served[pin.name], pin.requirement


@pytest.mark.parametrize("group", GROUPS)
def test_what_a_group_asks_for_is_pinned_within_its_range(group: str) -> None:
    for requirement in asked(group):
        pinned = [pin for pin in pins(group) if pin.name == canonicalize_name(requirement.name)]
        assert pinned, requirement
        for pin in pinned:
            version = str(pin.requirement.specifier).removeprefix("==")
            assert requirement.specifier.contains(version, prereleases=True), pin.requirement


def test_the_package_and_the_pins_name_the_same_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        canonicalize_name(requirement.name): requirement for requirement in map(Requirement, project["dependencies"])
    }
    # These are listed to bound them; the program does not import them.
    bounded = {"huggingface-hub", "python-dateutil"}
    assert declared.keys() == {canonicalize_name(requirement.name) for requirement in asked("serving")} - bounded
    for pin in pins("serving"):
        if pin.name in declared:
            version = str(pin.requirement.specifier).removeprefix("==")
            assert declared[pin.name].specifier.contains(version, prereleases=True), pin.requirement


def test_each_extra_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    for extra, requirements in optional.items():
        group = extra if extra == "evaluate" else "extras"
        for requirement in map(Requirement, requirements):
            name = canonicalize_name(requirement.name)
            # confluent-kafka itself is pinned for serving; the extra adds what its registry client needs.
            found = [pin for pin in (*pins(group), *pins("serving")) if pin.name == name]
            assert found, requirement
            for pin in found:
                version = str(pin.requirement.specifier).removeprefix("==")
                assert requirement.specifier.contains(version, prereleases=True), pin.requirement
    asked_for = {canonicalize_name(requirement.name) for requirement in asked("extras")}
    declared = {canonicalize_name(Requirement(text).name) for extra in optional.values() for text in extra}
    assert asked_for == declared - {canonicalize_name(requirement.name) for requirement in asked("evaluate")}
