"""Dockerfile and compose.yaml keep what they promise, as far as it can be read off them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from spanstream.consumer.cli.program import app
from spanstream.consumer.settings.loading import load_settings
from spanstream.consumer.settings.table import rows
from spanstream.consumer.time_limits import longest_stop

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("topics", "consumer")


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    arguments: str


def stages() -> list[list[Instruction]]:
    """Returns the Dockerfile's instructions by stage; what stands before the first FROM is a stage of its own."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    stages_found: list[list[Instruction]] = [[]]
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, _, arguments = line.strip().partition(" ")
        if name == "FROM":
            stages_found.append([])
        stages_found[-1].append(Instruction(name, arguments.strip()))
    return stages_found


def last(name: str) -> str:
    """Returns the arguments that count of an instruction in the final stage."""
    return [instruction.arguments for instruction in stages()[-1] if instruction.name == name][-1]


def images() -> list[str]:
    defaults = dict(instruction.arguments.split("=", 1) for instruction in stages()[0] if instruction.name == "ARG")
    built_from = [
        instruction.arguments.split()[0] for stage in stages() for instruction in stage if instruction.name == "FROM"
    ]
    named = [re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], image) for image in built_from]
    return [*named, *(service["image"] for service in SERVICES.values())]


def installs() -> list[str]:
    commands = [instruction.arguments for stage in stages() for instruction in stage if instruction.name == "RUN"]
    return [part for command in commands for part in command.split("&&") if " install " in part]


@pytest.mark.parametrize("image", images())
def test_every_image_has_a_version(image: str) -> None:
    name, _, tag = image.rpartition(":")
    assert name
    assert re.match(r"\d", tag), image


def test_one_argument_pins_the_base_image_and_the_image_says_which_it_was() -> None:
    built_from = [
        instruction.arguments.split()[0] for stage in stages() for instruction in stage if instruction.name == "FROM"
    ]
    assert set(built_from) == {"${PYTHON_IMAGE}"}
    names = [instruction.name for instruction in stages()[-1]]
    assert names.index("ARG") < names.index("LABEL")
    assert 'org.opencontainers.image.base.name="${PYTHON_IMAGE}"' in last("LABEL")


def test_the_container_runs_as_a_number_that_is_not_root() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_signals_reach_the_program() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["spanstream"]
    assert json.loads(last("CMD")) == ["run"]


def test_everything_installed_has_a_hash_or_was_built_here() -> None:
    assert len(installs()) == 4
    for command in installs():
        assert "--require-hashes" in command or "--no-index" in command, command


def test_the_final_stage_installs_nothing() -> None:
    for instruction in stages()[-1]:
        assert instruction.name != "ADD"
        assert " install " not in instruction.arguments
    assert "pip" in last("RUN")
    assert "uninstall" in last("RUN")


def test_the_image_holds_what_serving_needs_and_the_extras_that_were_asked_for() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"requirements/(\w+)\.txt", text)) == {"serving", "extras", "tools"}
    into_environment = [command for command in installs() if "--python /opt/spanstream" in command]
    assert len(into_environment) == 3
    for command, source in zip(into_environment, ("requirements/serving.txt", "/tmp/extras.txt", "dist/"), strict=True):  # noqa: S108  in the image
        assert source in command
    selects = [part for stage in stages() for instruction in stage for part in instruction.arguments.split("&&")]
    assert "requirements/select ${EXTRAS} >/tmp/extras.txt" in [part.strip() for part in selects]


def test_what_is_copied_exists_and_is_let_through() -> None:
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    ]
    copies = [instruction.arguments for stage in stages() for instruction in stage if instruction.name == "COPY"]
    sources = [source for copy in copies if "--from" not in copy for source in copy.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_through), source


def test_compose_sets_only_what_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {row.name for row in rows()}
    for service in OURS:
        environment: dict[str, str] = SERVICES[service]["environment"]
        assert environment
        assert environment.keys() <= known
        for name, value in environment.items():
            assert isinstance(value, str), name
            monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.kafka.bootstrap_servers in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.redis.url is not None


@pytest.mark.parametrize("service", OURS)
def test_compose_runs_commands_that_there_are(service: str) -> None:
    command: Any = get_command(app)
    words = list(SERVICES[service]["command"])
    while words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("service", OURS)
def test_the_containers_may_do_little(service: str) -> None:
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICES[service]["security_opt"]


def test_the_consumer_waits_for_its_topics_and_not_for_redis() -> None:
    conditions = {name: instruction["condition"] for name, instruction in SERVICES["consumer"]["depends_on"].items()}
    assert conditions == {
        "kafka": "service_healthy",
        "topics": "service_completed_successfully",
        "redis": "service_started",
    }
    assert "healthcheck" in SERVICES["kafka"]


def test_the_consumer_is_given_two_cpus() -> None:
    assert SERVICES["consumer"]["deploy"]["resources"]["limits"]["cpus"] == "2"


def test_the_consumer_has_the_time_it_takes_to_stop() -> None:
    grace = SERVICES["consumer"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > longest_stop(load_settings().drain_seconds)


def test_compose_opens_no_port_to_the_outside() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
