"""A file of SQLite that several processes and threads use at once; `apsw` brings a SQLite that loads extensions.

The write-ahead log lets everybody read while one writes, on a local disk: network file systems do not carry it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from spanstream.consumer.errors import Retryable, Stop

try:
    import apsw
    import sqlite_vec
except ImportError as missing:
    raise Stop("a passage index in a folder needs an extra: pip install 'spanstream[collections]'") from missing

Connection: TypeAlias = apsw.Connection
# Of SQLite's instructions, between two looks at the clock.
_STEPS: Final = 20_000
_WRITABLE: Final = "its folder must be writable, for those who only search too"
_REBUILD: Final = "delete it, and build a new one with `spanstream index rebuild`"


class SqliteDatabase:
    """A database; a connection is opened for each call that runs at the same time, and kept.

    Args:
        path: its file.
        timeout_seconds: the longest wait for another process that writes, and for one search.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._file: tuple[int, int] | None = None  # device and number of the file that was opened first

    @classmethod
    def create(cls, path: Path, fill: Callable[[Connection], None]) -> None:
        """Makes a database in the place of what is there; after a kill it is there as a whole or not at all."""
        scratch = path.with_name(path.name + ".new")
        with errors_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            delete_database(scratch)
            connection = apsw.Connection(str(scratch))
            fill(connection)
            connection.close()
            delete_database(path)
            scratch.rename(path)

    @contextmanager
    def reading(self, *, limited: bool = False) -> Iterator[Connection]:
        """Lends a connection; `limited` to the timeout in all.

        Raises:
            Retryable: another process keeps it busy, the time is over, the disk fails, or it was deleted meanwhile.
            Stop: it is not there, damaged, or may not be opened.
        """
        with errors_of(self._path):
            connection = self._connection()
            self._check_is_the_same()
            end = time.monotonic() + self._timeout
            connection.set_progress_handler((lambda: time.monotonic() > end) if limited else None, _STEPS)
            try:
                yield connection
            finally:
                self._idle.put(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lends a connection in a transaction, committed unless an error leaves it. Raises as `reading`."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the connections that are not lent."""
        while True:
            try:
                self._idle.get_nowait().close(force=True)
            except Empty:
                return

    def _check_is_the_same(self) -> None:
        """Raises `Retryable` where the file was deleted, or made anew: what is open of it is seen by nobody else."""
        with suppress(FileNotFoundError):
            found = self._path.stat()
            self._file = self._file or (found.st_dev, found.st_ino)
            if self._file == (found.st_dev, found.st_ino):
                return
        raise Retryable(f"the passage index {self._path} was dropped")

    def _connection(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            pass
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(int(self._timeout * 1000))
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


def delete_database(path: Path) -> None:
    """Deletes a database, if it is there; who has it open can go on reading it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Makes our errors of SQLite's and of the disk's. Raises as `SqliteDatabase.reading`."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Retryable(f"the passage index {path} is busy: another process writes") from error
    except apsw.InterruptError as error:
        raise Retryable(f"a search in the passage index {path} took too long") from error
    except (apsw.IOError, apsw.FullError, apsw.NoMemError) as error:
        raise Retryable(f"the passage index {path} cannot be used: {error}") from error
    except apsw.CantOpenError as error:
        if path.exists():
            raise Stop(f"the passage index {path} cannot be opened: {error}", hint=_WRITABLE) from error
        raise Retryable(f"the passage index {path} was dropped") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, OSError) as error:
        raise Stop(f"the passage index {path} cannot be used: {error}", hint=_WRITABLE) from error
    except apsw.Error as error:
        raise Stop(f"the passage index {path} is damaged: {error}", hint=_REBUILD) from error
