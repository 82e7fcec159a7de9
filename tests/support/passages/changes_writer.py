"""A writer of a passage index, in a process of its own: `python -m THIS SETTINGS TOTAL`.

It begins where the index's positions say, as the indexer does. Each step is a batch that every process knows.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from spanstream.consumer.passages.index import DocumentPassages, PassageIndex
from spanstream.consumer.passages.opening import open_passage_indexes
from spanstream.consumer.settings import IndexSettings
from tests.support.passages.passages_of_tests import document_of

GENERATION = "g1"
_ROOT = Path(__file__).parents[3]


def changes_of(step: int) -> list[DocumentPassages]:
    """Returns the documents of a step: `steady` always has passages, and others come, change and go."""
    others = [
        document_of(f"d{number}", [f"valve {number} at step {step} part {part}" for part in range((step + number) % 5)])
        for number in range(20)
    ]
    return [document_of("steady", [f"pump at step {step} part {part}" for part in range(2 + step % 3)]), *others]


def write(index: PassageIndex, total: int) -> None:
    """Applies the steps that are not done yet."""
    for step in range(index.positions().get(0, 0), total):
        index.apply(changes_of(step), {0: step + 1})


def start_writer(settings: IndexSettings, total: int) -> subprocess.Popen[bytes]:
    """Starts a process that writes the steps to the index's generation."""
    command = [sys.executable, "-m", "tests.support.passages.changes_writer", settings.model_dump_json(), str(total)]
    return subprocess.Popen(command, cwd=_ROOT)


if __name__ == "__main__":
    indexes = open_passage_indexes(IndexSettings.model_validate_json(sys.argv[1]))
    write(indexes.open(GENERATION), int(sys.argv[2]))
