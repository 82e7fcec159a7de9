"""Settings of what answers and dead letters carry for other programs, beside what they always carry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spanstream.consumer.settings.group import SettingsGroup

DeadLetterHeaders = Literal["own", "spring", "connect", "all"]


class OutputSettings(SettingsGroup):
    """What answers and dead letters carry for programs that expect other conventions."""

    utf16_offsets: bool = Field(
        False,
        description="Answers also give their places in UTF-16 units (utf16_start, utf16_end), as JavaScript, Java and "
        ".NET count.",
    )
    dead_letter_headers: DeadLetterHeaders = Field(
        "own",
        description="Error headers of dead letters: own (dlq.*), or beside them those of Spring Kafka (spring), of "
        "Kafka Connect (connect), or of both (all).",
    )
