"""Loads the settings out of the environment and a TOML file.

    file.toml ──> Settings, the environment over it ──> or one line that names the setting

The environment wins over the file. `load_settings` is called once, by the command line; nothing else reads either.
"""

from __future__ import annotations

import json
import os
import tomllib
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import ENV_PREFIX, SAME_NAME, Settings

_DELIMITER = "__"


def load_settings(file: Path | None = None) -> Settings:
    """Loads the settings of the environment, over those of a TOML file.

    Raises:
        Stop: the file or a value is wrong; one line that names it, without the value.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8")) if file else {}
    except OSError as error:
        raise Stop(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stop(f"{file}: no TOML: {error}") from error
    _refuse_unknown_groups()
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == SAME_NAME:  # names its settings itself
            raise Stop(first["msg"]) from error
        name = ENV_PREFIX + _DELIMITER.join(str(part) for part in first["loc"]).upper()
        raise Stop(f"setting {name}: {first['msg']}") from error
    except SettingsError as error:  # a table that should be JSON; the library names its group only
        raise Stop(f"setting {_not_json() or ENV_PREFIX + '*'}: should be a JSON object") from error


def _refuse_unknown_groups() -> None:
    """Refuses variables of ours that no group of settings takes; the library passes over them.

    Names without the delimiter are left alone: Kubernetes sets such for each service.

    Raises:
        Stop: with the variable's name, and the group that may have been meant.
    """
    groups = [f"{ENV_PREFIX}{field}".upper() for field in Settings.model_fields]
    for name in os.environ:
        group, delimiter, _ = name.upper().partition(_DELIMITER)
        if delimiter and group.startswith(ENV_PREFIX) and group not in groups:
            meant = get_close_matches(group, groups, n=1)
            hint = f"is it {meant[0]}{_DELIMITER}...?" if meant else "`spanstream run --help` lists all"
            raise Stop(f"setting {name}: there is no such group of settings", hint=hint)


def _not_json() -> str | None:
    """Returns the name of the first variable of ours that should be a JSON object and is not JSON."""
    tables = {f"{ENV_PREFIX}{group}{_DELIMITER}CLIENT" for group in ("KAFKA", "REDIS", "REGISTRY")}
    groups = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name, value in os.environ.items():
        if name.upper() in tables | groups:
            try:
                json.loads(value)
            except ValueError:
                return name
    return None
