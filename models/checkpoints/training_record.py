"""`training.json` beside a checkpoint: what it was fine-tuned on, written by `spanstream model train`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spanstream.models.errors import BuildError

FILE: Final = "training.json"


class TrainingData(BaseModel):
    """One file of questions; a weight of 2 means that it was read twice as often."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    sha256: str = ""
    questions: int
    unanswerable: int = 0
    weight: float = 1.0


class Training(BaseModel):
    """How a checkpoint was made. What later versions add is left aside; the card shows what is known here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    base: str
    data: tuple[TrainingData, ...] = ()
    epochs: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    hours: float | None = None
    precision: str | None = None
    program: str | None = None
    earlier: Training | None = Field(None, description="How the base was made, where it says.")


def read_training(folder: Path) -> Training | None:
    """What stands beside a checkpoint, None where nothing does.

    Raises:
        BuildError: the file is there and is not what it should be.
    """
    path = folder / FILE
    try:
        return Training.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BuildError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise BuildError(f"{path}: {where}: {first['msg']}") from error
