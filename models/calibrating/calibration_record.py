"""Reads and writes calibration.json, which says what an artifact's confidence and thresholds were fitted to.

Serving does not read it. `evaluate` does, to say when figures are measured on what was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from spanstream.models.artifact import FrozenModel, Sha256, sha256_of_file
from spanstream.models.calibrating.alternatives import RankFigures
from spanstream.models.calibrating.fit import FittedCalibration
from spanstream.models.calibrating.guarantee import ALPHA
from spanstream.models.calibrating.thresholds import ThresholdChoice
from spanstream.models.metrics.reliability import Interval
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example

RECORD_FILE: Final = "calibration.json"


class DataFile(FrozenModel):
    """A file of labelled questions."""

    file: str
    sha256: Sha256

    @classmethod
    def of(cls, path: Path) -> DataFile:
        """Describes the file as it is now."""
        return cls(file=path.name, sha256=sha256_of_file(path))

    @property
    def tag(self) -> str:
        """A short name for what is made of it: the file's stem and the first digits of its hash."""
        return f"{self.file.removesuffix('.gz').removesuffix('.json')}.{self.sha256[:8]}"


class RecordedThreshold(FrozenModel):
    """A threshold and what it does to the questions it was fitted on; shares are 0 to 1."""

    confidence: float
    given: int
    right: int
    precision: float | None
    recall: float | None

    @classmethod
    def of(cls, choice: ThresholdChoice) -> RecordedThreshold:
        """Writes down what was chosen."""
        return cls(
            confidence=choice.threshold,
            given=choice.given,
            right=choice.right,
            precision=choice.precision,
            recall=choice.recall,
        )


class RecordedGuarantee(FrozenModel):
    """A guarantee that was proved: of `given` answers `wrong` were wrong, on questions the score had not seen."""

    allowed: float
    confidence_level: float
    questions: int
    given: int
    wrong: int
    upper_bound: float


class RecordedAlternatives(FrozenModel):
    """What answers are worth by rank, and how often the first k hold a right one; held out, shares are 0 to 1."""

    by_rank: dict[str, RankFigures]
    among_first: dict[int, Interval]


class CalibrationRecord(FrozenModel):
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
    seen: SeenQuestions | None = Field(None, description="What was fitted on; null: known by its files only.")
    chose: SeenQuestions = Field(
        default=SeenQuestions(),
        description="What had a part in choosing the model or a score, in the build and since; it tests no guarantee.",
    )
    alternatives: RecordedAlternatives | None = Field(
        None, description="null: no confidence of alternatives was fitted."
    )

    def fitted_on(self, path: Path, examples: Sequence[Example]) -> int:
        """Returns how many questions of a file are about texts that were fitted on."""
        if self.seen is not None:
            # An earlier score that was kept has seen what had a part in choosing it.
            return sum(map((self.seen | self.chose).has_text, examples))
        sha256 = sha256_of_file(path)
        return len(examples) if any(file.sha256 == sha256 for file in self.data) else 0


def _record_of(fitted: FittedCalibration, data: Sequence[Path], chose: SeenQuestions) -> CalibrationRecord:
    guarantees = {
        name: RecordedGuarantee(
            allowed=guarantee.allowed,
            confidence_level=1 - ALPHA,
            questions=guarantee.questions,
            given=kept.given,
            wrong=kept.wrong,
            upper_bound=kept.bound,
        )
        for name, guarantee in fitted.guarantees.items()
        if (kept := guarantee.kept)
    }
    others = fitted.alternatives
    return CalibrationRecord(
        calibration=fitted.calibration.name,
        data=tuple(DataFile.of(path) for path in data),
        questions=len(fitted.held_out),
        grouped_by=fitted.grouped_by,
        score=fitted.score,
        log_losses=fitted.log_losses,
        thresholds={name: RecordedThreshold.of(choice) for name, choice in fitted.choices.items()},
        guarantees=guarantees,
        absent=fitted.absent,
        seen=fitted.seen,
        chose=fitted.chose | chose,
        alternatives=others and RecordedAlternatives(by_rank=others.by_rank, among_first=others.among_first),
    )


def write_record(
    folder: Path, fitted: FittedCalibration, data: Sequence[Path], *, chose: SeenQuestions | None = None
) -> None:
    """Writes the record into an artifact's folder. Comes before the manifest, which names its SHA-256.

    Args:
        folder: the artifact's.
        fitted: the calibration.
        data: the files it was fitted to.
        chose: what had a part in choosing before this fit.
    """
    text = _record_of(fitted, data, chose or SeenQuestions()).model_dump_json(indent=2)
    (folder / RECORD_FILE).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> CalibrationRecord | None:
    """Reads the record of an artifact; None where it has none, or one of another format."""
    try:
        return CalibrationRecord.model_validate_json((folder / RECORD_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
