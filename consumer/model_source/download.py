"""Fetches one file from elsewhere, and goes on where an earlier try stopped.

open_at(name, bytes that are here) ──> the rest, appended ──> broken off: again, as long as it gets on
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from spanstream.consumer.errors import Retryable, Stop

# Called with the bytes of a file so far and the bytes in all, None where the server does not say how many.
OnBlock = Callable[[int, int | None], None]

_BLOCK_BYTES: Final = 1 << 20
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a server gives of a file.

    Attributes:
        begin: where its first byte stands in the file; 0 where the server does not begin elsewhere.
        total: the file's size, None where the server does not say it.
        read: returns the next bytes, at most so many; none at the end. Raises `Retryable` where they do not come.
    """

    begin: int
    total: int | None
    read: Callable[[int], bytes]


class RemoteFiles(Protocol):
    """Files of one place, by name."""

    def open_at(self, name: str, offset: int) -> AbstractContextManager[Remainder]:
        """Opens a file at an offset.

        Raises:
            Stop: there is none, or it is not for us.
            Retryable: the place does not answer.
        """


def fetch_file(files: RemoteFiles, name: str, file: Path, on_block: OnBlock) -> None:
    """Fetches what is missing of a file.

    Raises:
        Stop: it is not there, or stays out of reach; what has come stays for the next try.
        OSError: it cannot be written.
    """
    tries = 0
    while True:
        before = _size(file)
        try:
            _append(files, name, file, on_block)
        except Retryable as error:
            tries = 1 if _size(file) > before else tries + 1
            if tries == _TRIES:
                raise Stop(f"the model could not be fetched: {error}") from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _append(files: RemoteFiles, name: str, file: Path, on_block: OnBlock) -> None:
    with files.open_at(name, _size(file)) as remainder, file.open("ab") as out:
        out.truncate(remainder.begin)
        done = remainder.begin
        while block := remainder.read(_BLOCK_BYTES):
            out.write(block)
            done += len(block)
            on_block(done, remainder.total)
    if remainder.total is not None and done < remainder.total:
        raise Retryable(f"the connection broke off after {done} of {remainder.total} bytes")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
