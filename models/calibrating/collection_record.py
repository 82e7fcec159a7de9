"""Reads and writes collection.json, which says what the confidence of a collection's answers was fitted to.

Serving does not read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from spanstream.models.artifact import FrozenModel
from spanstream.models.calibrating.calibration_record import DataFile, RecordedThreshold
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example

COLLECTION_RECORD_FILE: Final = "collection.json"


class CollectionRecord(FrozenModel):
    """collection.json, format 1."""

    format: Literal[1] = 1
    calibration: str
    day: date = Field(description="Of the fit, UTC.")
    data: tuple[DataFile, ...]
    questions: int
    texts: int = Field(description="How many the collection had.")
    passages: int = Field(description="Of a question that were read, at most.")
    encoder: str = Field(description="Fingerprint of the encoder that the passages were found with.")
    grouped_by: str
    score: str
    log_losses: dict[str, float]
    thresholds: dict[str, RecordedThreshold]
    absent: dict[str, str]
    seen: SeenQuestions

    def fitted_on(self, examples: Iterable[Example]) -> bool:
        """Returns whether some of these questions are about texts that were fitted on."""
        return any(map(self.seen.has_text, examples))


def write_collection_record(folder: Path, record: CollectionRecord) -> None:
    """Writes the record into an artifact's folder. Comes before the manifest, which names its SHA-256."""
    (folder / COLLECTION_RECORD_FILE).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_collection_record(folder: Path) -> CollectionRecord | None:
    """Reads the record of an artifact; None where it has none, or one of another format."""
    try:
        return CollectionRecord.model_validate_json((folder / COLLECTION_RECORD_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
