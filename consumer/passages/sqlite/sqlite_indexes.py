"""The generations in a folder: a file each, and `current` with the name of the one that is searched."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.index import IndexDescription, PassageIndex
from spanstream.consumer.passages.sqlite.database import delete_database, errors_of
from spanstream.consumer.passages.sqlite.sqlite_index import SqlitePassageIndex, create_sqlite_index

_SUFFIX: Final = ".sqlite"


class SqlitePassageIndexes:
    """The generations.

    Args:
        folder: where they are; made when it is missing.
        timeout_seconds: the longest wait for another process that writes, and for one search.

    Raises:
        Stop: the folder cannot be made.
    """

    def __init__(self, folder: Path, timeout_seconds: float) -> None:
        self._folder = folder
        self._timeout = timeout_seconds
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Stop(f"the passage index cannot be in {folder}: {error.strerror}") from error

    def current(self) -> str | None:
        """Returns the name of the generation that is searched."""
        with errors_of(self._folder), suppress(FileNotFoundError):
            return self._pointer.read_text(encoding="utf-8", errors="replace").strip() or None
        return None

    def names(self) -> list[str]:
        """Returns the names of all generations."""
        return sorted(path.stem for path in self._folder.glob(f"*{_SUFFIX}"))

    def create(self, name: str, description: IndexDescription) -> PassageIndex:
        """Makes an empty generation."""
        create_sqlite_index(self._path(name), description)
        return self.open(name)

    def open(self, name: str) -> PassageIndex:
        """Opens a generation. Raises `Stop` where there is none of this name, or it is damaged."""
        path = self._path(name)
        with errors_of(path):
            is_there = path.is_file()
        if not is_there:
            raise Stop(f"there is no passage index {path}", hint="`spanstream index rebuild` makes a new one")
        return SqlitePassageIndex(path, self._timeout)

    def switch(self, name: str) -> None:
        """Makes this generation the one that is searched."""
        if name not in self.names():
            raise Stop(f"there is no passage index {self._path(name)}")
        scratch = self._pointer.with_suffix(".new")
        with errors_of(self._folder):
            scratch.write_text(f"{name}\n", encoding="utf-8")
            scratch.replace(self._pointer)

    def drop(self, name: str) -> None:
        """Deletes a generation, if it is there; who has it open can go on reading it."""
        if name != self.current():
            with errors_of(self._path(name)):
                delete_database(self._path(name))

    def close(self) -> None:
        """Has nothing to let go of: each generation closes its file."""

    @property
    def _pointer(self) -> Path:
        return self._folder / "current"

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"
