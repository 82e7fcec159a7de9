"""Settings of what answers and dead letters carry for other programs, beside what they always carry."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OutputSettings(BaseModel):
    """What answers and dead letters carry for programs that expect other conventions."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    utf16_offsets: bool = Field(
        False,
        description="Answers also give their places in UTF-16 units (utf16_start, utf16_end), as JavaScript, Java and "
        ".NET count.",
    )
