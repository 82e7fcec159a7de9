"""Importing is free of consequences: nothing connects, reads the environment or configures logging."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import spanstream.models

ROOT = Path(__file__).parents[3]
BUILD_TOOLS = frozenset({"torch", "transformers", "optimum", "onnx", "peft", "sklearn", "scipy", "matplotlib"})

# Everything but the build of the artifact and its figures, which have groups of packages of their own.
_BUILDING = tuple(
    f"spanstream.models.{room}"
    for room in ("building", "calibrating", "checkpoints", "evaluation", "metrics", "training")
)
_IMPORT_ALL = """
import importlib, json, logging, pkgutil, sys

touched = []

def listen(event, arguments):
    if event.split(".")[0] in {"socket", "subprocess", "urllib"} and event != "socket.__new__":
        touched.append(event)

sys.addaudithook(listen)
names = []
for room in ("spanstream.schemas", "spanstream.models", "spanstream.consumer"):
    names.append(room)
    folder = importlib.import_module(room).__path__
    for module in pkgutil.walk_packages(folder, room + ".", onerror=lambda name: None):
        if not module.name.startswith(BUILDING):
            names.append(module.name)
before = (logging.getLogger().level, list(logging.getLogger().handlers))
for name in names:
    importlib.import_module(name)

import structlog

print(json.dumps({
    "names": names,
    "modules": sorted(name for name in sys.modules if "." not in name),
    "touched": touched,
    "logging_changed": before != (logging.getLogger().level, list(logging.getLogger().handlers)),
    "structlog_configured": structlog.is_configured(),
}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    # A value that no setting takes: whoever reads the settings while being imported fails.
    environment = os.environ | {"SPANSTREAM_CHUNK__MAX_QUESTIONS": "none", "SPANSTREAM_KAFKA__CLIENT": "{"}
    command = [sys.executable, "-c", _IMPORT_ALL.replace("BUILDING", repr(_BUILDING))]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_every_module_can_be_imported_whatever_the_environment_says(imported: dict[str, Any]) -> None:
    assert {
        "spanstream.schemas.codec",
        "spanstream.models.reader",
        "spanstream.consumer.answering.service",
        "spanstream.consumer.cli",
    } <= set(imported["names"])


def test_serving_imports_none_of_the_build_tools(imported: dict[str, Any]) -> None:
    assert not BUILD_TOOLS & set(imported["modules"])


def test_importing_connects_to_nothing_and_starts_nothing(imported: dict[str, Any]) -> None:
    assert imported["touched"] == []


def test_importing_configures_no_logging(imported: dict[str, Any]) -> None:
    assert not imported["logging_changed"]
    assert not imported["structlog_configured"]


def test_reading_a_setting_loads_neither_the_runtime_nor_the_tokenizers() -> None:
    program = "import json, sys, spanstream.consumer.settings; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert "spanstream.consumer.settings" in modules
    assert not {"onnxruntime", "tokenizers", "numpy"} & modules


@pytest.mark.parametrize("name", spanstream.models.__all__)
def test_every_name_that_the_model_offers_can_be_imported_from_it(name: str) -> None:
    offered = getattr(spanstream.models, name)
    assert offered.__name__ == name
    assert offered.__module__.startswith("spanstream.models.")


def test_the_model_offers_nothing_else() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Window'"):
        _ = spanstream.models.Window
