"""What a killed training left behind, and whether this one may go on from it.

OUTPUT.training/
    plan.json       what is being trained; another training does not go on from it
    checkpoint-N/   the library's checkpoints; the last one may be half written
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
        plan: everything that the training's course depends on, as JSON values.

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
        self._only_one()
        if differs := _difference(self._known_plan(), planned):
            raise BuildError(
                f"{self.path}: holds an unfinished training with another {differs}; "
                "finish it with its own options, or remove the folder to begin anew"
            )

    def checkpoint(self) -> Path | None:
        """The latest checkpoint that is whole; later ones that are not are removed."""
        found = sorted(self.path.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        for path in reversed(found):
            if _is_whole(path):
                return path
            shutil.rmtree(path)
        return None

    def remove(self) -> None:
        """The training is done."""
        shutil.rmtree(self.path)
        self.close()

    def close(self) -> None:
        """Leave the folder to the next one."""
        self._lock.close()

    def _only_one(self) -> None:
        """Hold the plan's lock until this process ends, however it does."""
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


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _LAST_WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _difference(known: dict[str, Any], planned: dict[str, Any]) -> str | None:
    """The name of the first option that is not the same."""
    return next((name for name in planned | known if known.get(name) != planned.get(name)), None)
