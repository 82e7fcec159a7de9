"""Keeps a training's state beside its output, and decides whether a training may go on from it.

OUTPUT.training/
    plan.json       what is being trained; another training does not go on from it
    checkpoint-N/   the library's checkpoints; the last may be incomplete
"""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

from spanstream.models.errors import BuildError

_PLAN = "plan.json"
# The library writes it after everything else of a checkpoint.
_LAST_WRITTEN = "trainer_state.json"


class WorkFolder:
    """The folder beside the output in which a training keeps its state.

    Args:
        output: where the trained model will stand.
        plan: everything that the trained weights depend on, as JSON values.

    Raises:
        BuildError: another training's state is there, this one is running already, or the folder cannot be written.
    """

    def __init__(self, output: Path, plan: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.training")
        planned = json.loads(json.dumps(plan))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / _PLAN).exists():
                (self.path / _PLAN).write_text(json.dumps(planned, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise BuildError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._lock_plan()
        if option := _difference(self._known_plan(), planned):
            raise BuildError(
                f"{self.path}: holds an unfinished training with another {option}; "
                "finish it with its own options, or remove the folder to begin anew"
            )

    def checkpoint(self) -> Path | None:
        """Returns the latest complete checkpoint; removes later ones that are incomplete."""
        checkpoints = sorted(self.path.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        for path in reversed(checkpoints):
            if _is_complete(path):
                return path
            shutil.rmtree(path)
        return None

    def remove(self) -> None:
        """Removes the folder when the training is done."""
        shutil.rmtree(self.path)
        self.close()

    def close(self) -> None:
        """Releases the folder for another process."""
        self._lock.close()

    def _lock_plan(self) -> None:
        """Locks the plan until this process ends, however it ends."""
        self._lock = (self.path / _PLAN).open("rb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BuildError(f"{self.path}: a training is running there") from error

    def _known_plan(self) -> dict[str, Any]:
        try:
            plan: dict[str, Any] = json.loads((self.path / _PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BuildError(f"{self.path / _PLAN}: cannot be read; remove the folder to begin anew") from error
        return plan


def _is_complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _LAST_WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _difference(known: dict[str, Any], planned: dict[str, Any]) -> str | None:
    """Returns the name of the first option that differs."""
    return next((name for name in planned | known if known.get(name) != planned.get(name)), None)
