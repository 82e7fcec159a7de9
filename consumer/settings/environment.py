"""Reads the settings' variables out of the environment, and the values out of files that such variables name.

SPANSTREAM_REDIS__URL_FILE=/run/secrets/redis-url     the value is what stands in the file
SPANSTREAM_KAFKA__CLIENT__SASL_PASSWORD=...           librdkafka's property sasl.password
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, EnvSettingsSource

from spanstream.consumer.errors import Stop

_DELIMITER: Final = "__"
_FILE: Final = "_file"
# Whose clients' properties have dots in their names; redis-py's have underscores.
_DOTTED: Final = ("kafka", "registry")
# Properties of librdkafka whose own value is a file's name.
_NAMES_A_FILE: Final = "kafka__client__sasl_oauthbearer_assertion_"


class EnvironmentSource(EnvSettingsSource):
    """The environment, with the values of files in the place of their names.

    Raises:
        Stop: a file cannot be read, or one setting is given twice.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        files = files_in(self.env_vars, settings_cls)
        given: dict[str, str] = {}  # the variable that gave a value, by the name of the setting
        values: dict[str, str | None] = {}
        for variable, value in sorted(self.env_vars.items()):  # a JSON table stands before its single entries
            name = _setting(variable.removesuffix(_FILE) if variable in files else variable, self.env_prefix)
            if name in given:
                raise Stop(f"{given[name].upper()} and {variable.upper()} are the same setting: take one of them out")
            given[name] = variable
            values[name] = text_of(variable, files[variable]) if variable in files else value
        self.env_vars = values


def files_in(variables: Mapping[str, str | None], settings_cls: type[BaseSettings]) -> dict[str, Path]:
    """Returns the files that variables name whose value is what stands in them, by variable (as it is given)."""
    prefix = str(settings_cls.model_config["env_prefix"]).lower()
    settings = set(_settings(settings_cls))
    files = {}
    for variable, value in variables.items():
        name = variable.lower().removeprefix(prefix)
        is_file = name.endswith(_FILE) and name not in settings and not name.startswith(_NAMES_A_FILE)
        is_ours = name != variable.lower() and (_DELIMITER in name or name.removesuffix(_FILE) in settings)
        if is_file and is_ours and value:
            files[variable] = Path(value)
    return files


def text_of(variable: str, file: Path) -> str:
    """Returns what stands in a file, without the end of its last line.

    Raises:
        Stop: it cannot be read, or nothing stands in it.
    """
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"setting {variable.upper()}: {file} cannot be read: {_reason(error)}") from error
    if not text:
        raise Stop(f"setting {variable.upper()}: {file} is empty")
    return text


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is no UTF-8"


def _setting(variable: str, prefix: str) -> str:
    """Returns a variable's name with the client property in it written as that client writes it."""
    for group in _DOTTED:
        table, marker, entry = variable.partition(f"{prefix.lower()}{group}{_DELIMITER}client{_DELIMITER}")
        if marker:
            return f"{table}{marker}{entry.replace('_', '.')}"
    return variable


def _settings(model: Any) -> Iterator[str]:  # noqa: ANN401  a class with pydantic's fields; settings have several kinds
    """Yields the names of all settings, as in kafka__group_id."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from (f"{name}{_DELIMITER}{inner}" for inner in _settings(field.annotation))
        else:
            yield name
