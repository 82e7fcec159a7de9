"""Reads the kinds of labelled questions from a file of labels beside the data.

    NAME.json(.gz) -> NAME.kinds.json -> {question id: {"text": "logs", "question": "time"}}

The labels come from people who read the texts. Nothing is guessed when the model is measured.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from spanstream.models.errors import SquadError


class _KindsFile(BaseModel):
    """The layout of NAME.kinds.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    questions: dict[str, dict[str, str]]


def kinds_path(data: Path) -> Path:
    """Returns where the labels of a data file lie, if it has any."""
    return data.with_name(data.name.removesuffix(".gz").removesuffix(".json") + ".kinds.json")


def read_kinds(data: Path, ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Returns the kinds of each question of a data file; empty without a file of labels.

    Args:
        data: the file with the questions.
        ids: of all its questions.

    Raises:
        SquadError: the file of labels cannot be read, or labels other questions than the data has.
    """
    path = kinds_path(data)
    try:
        labels = _KindsFile.model_validate_json(path.read_bytes()).questions
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SquadError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise SquadError(f"{path}: {place}: {problem['msg']}") from error
    if labels.keys() != set(ids):
        unlabelled, unknown = sorted(set(ids) - labels.keys()), sorted(labels.keys() - set(ids))
        problem_ids = [f"no label for question {unlabelled[0]}"] if unlabelled else []
        problem_ids += [f"question {unknown[0]} is not in {data.name}"] if unknown else []
        raise SquadError(f"{path}: {'; '.join(problem_ids)}")
    return labels
