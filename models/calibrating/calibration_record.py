"""calibration.json: where an artifact's confidence and thresholds come from, beside the manifest that holds them.

Serving does not read it. `evaluate` does, to say when figures are measured on what was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from spanstream.models.artifact import Sha256, sha256_of_file
from spanstream.models.calibrating.fit import Fitted
from spanstream.models.calibrating.guarantee import MISS

RECORD: Final = "calibration.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataFile(_Part):
    """A file of labelled questions."""

    file: str
    sha256: Sha256

    @classmethod
    def of(cls, path: Path) -> DataFile:
        """The file as it is now."""
        return cls(file=path.name, sha256=sha256_of_file(path))


class RecordedThreshold(_Part):
    """A threshold and what it does to all the questions it was fitted on; shares are 0 to 1, of `questions` if any."""

    confidence: float
    given: int
    right: int
    precision: float | None
    recall: float | None


class RecordedGuarantee(_Part):
    """A promise that was proved: of `given` answers `wrong` were, on questions the score had not seen."""

    allowed: float
    confidence_level: float
    questions: int
    given: int
    wrong: int
    upper_bound: float


class CalibrationRecord(_Part):
    """calibration.json, format 1."""

    format: Literal[1] = 1
    calibration: str
    data: tuple[DataFile, ...]
    questions: int
    grouped_by: str
    score: str
    log_losses: dict[str, float]
    thresholds: dict[str, RecordedThreshold]
    guarantees: dict[str, RecordedGuarantee]
    absent: dict[str, str]


def record(fitted: Fitted, data: Sequence[Path]) -> CalibrationRecord:
    """What is to be known of a calibration later on."""
    thresholds = {
        name: RecordedThreshold(
            confidence=choice.threshold,
            given=choice.given,
            right=choice.right,
            precision=choice.precision,
            recall=choice.recall,
        )
        for name, choice in fitted.choices.items()
    }
    guarantees = {
        name: RecordedGuarantee(
            allowed=guarantee.allowed,
            confidence_level=1 - MISS,
            questions=guarantee.questions,
            given=kept.given,
            wrong=kept.wrong,
            upper_bound=kept.bound,
        )
        for name, guarantee in fitted.guarantees.items()
        if (kept := guarantee.kept)
    }
    return CalibrationRecord(
        calibration=fitted.calibration.name,
        data=tuple(DataFile.of(path) for path in data),
        questions=len(fitted.held_out),
        grouped_by=fitted.grouped_by,
        score=fitted.score,
        log_losses=fitted.log_losses,
        thresholds=thresholds,
        guarantees=guarantees,
        absent=fitted.absent,
    )


def write_record(folder: Path, fitted: Fitted, data: Sequence[Path]) -> None:
    """Write it into an artifact's folder, before the manifest that names its SHA-256."""
    text = record(fitted, data).model_dump_json(indent=2)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> CalibrationRecord | None:
    """The record of an artifact; None where it has none, or one of another format."""
    try:
        return CalibrationRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
