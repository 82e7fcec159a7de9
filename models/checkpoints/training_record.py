"""Reads `training.json` beside a checkpoint: what it was fine-tuned on, as `spanstream model train` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanstream.models.artifact import first_problem
from spanstream.models.errors import BuildError
from spanstream.models.metrics.seen_questions import Hashes

RECORD_FILE: Final = "training.json"


class TrainingData(BaseModel):
    """One file of questions; a weight of 2 means that it was read twice as often."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    sha256: str = ""
    questions: int
    unanswerable: int = 0
    weight: float = 1.0


class TrainingRecord(BaseModel):
    """How a checkpoint was made. Fields that later versions add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    base: str
    data: tuple[TrainingData, ...] = ()
    epochs: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    hours: float | None = None
    precision: str | None = None
    answerability: float | None = Field(None, description="Weight of an answerability head's loss.")
    answerability_only: bool = False
    program: str | None = None
    texts: Hashes | None = Field(None, description="Hashes of the texts, those of trainings before among them.")
    earlier: TrainingRecord | None = Field(None, description="How the base was made, where it says.")


def read_training(folder: Path) -> TrainingRecord | None:
    """Reads the record beside a checkpoint; None where there is none.

    Raises:
        BuildError: the file is there and is not what it should be.
    """
    path = folder / RECORD_FILE
    try:
        return TrainingRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BuildError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BuildError(f"{path}: {first_problem(error)}") from error
