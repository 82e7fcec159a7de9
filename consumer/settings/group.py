"""What all groups of settings have in common."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

ENV_PREFIX: Final = "SPANSTREAM_"

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SettingsGroup(BaseModel):
    """A group: `SPANSTREAM_GROUP__NAME`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # an error is shown in tracebacks


SAME_NAME: Final = "same_name"
"""The type of the error for two settings that name the same thing; its text names both settings."""


def check_different(kind: str, names: Iterable[tuple[str, str]]) -> None:
    """Refuses two settings that give one name to two things of a kind; `names` are pairs of setting and name.

    Raises:
        PydanticCustomError: of the type `SAME_NAME`.
    """
    for (one, name), (other, same) in combinations(names, 2):
        if name == same:
            both = f"{ENV_PREFIX}{one.upper()} and {ENV_PREFIX}{other.upper()}"
            raise PydanticCustomError(SAME_NAME, f"{both} name the same {kind}: give one of them another name")
