"""Files of a bucket (the extra `s3`) or of a Hugging Face hub, by the file systems that their libraries have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.model_source.download import Remainder


class StoredFiles:
    """Implements `RemoteFiles`.

    Args:
        system: a file system of fsspec's.
        root: the path of the folder in it.
    """

    def __init__(self, system: Any, root: str) -> None:  # noqa: ANN401  fsspec publishes no types
        self._system = system
        self._root = root

    @contextmanager
    def open_at(self, name: str, offset: int) -> Iterator[Remainder]:
        """Opens a file."""
        path = f"{self._root}/{name}"
        try:
            file = self._system.open(path, "rb")
        except (FileNotFoundError, PermissionError) as error:
            raise Stop(f"the model's file {path} cannot be read: {_reason(error)}") from error
        except Exception as error:  # each library has errors of its own
            raise Retryable(f"{path}: {_reason(error)}") from error
        with file:
            begin = min(offset, file.size)
            file.seek(begin)

            def read(size: int) -> bytes:
                try:
                    return bytes(file.read(size))
                except Exception as error:  # each library has errors of its own
                    raise Retryable(f"{path}: {_reason(error)}") from error

            yield Remainder(begin, file.size, read)


def bucket_files(path: str) -> StoredFiles:
    """Opens `bucket/prefix`; where and as whom, AWS's own environment and files say.

    Raises:
        Stop: the extra is not installed.
    """
    try:
        from s3fs import S3FileSystem  # noqa: PLC0415  for those who use it
    except ImportError as error:
        raise Stop("a model in a bucket needs an extra: pip install 'spanstream[s3]'") from error
    return StoredFiles(S3FileSystem(skip_instance_cache=True, use_listings_cache=False), path.rstrip("/"))


def hub_files(path: str, token: str | None) -> StoredFiles:
    """Opens `organisation/name[@revision]`; the hub is the one that `HF_ENDPOINT` names."""
    from huggingface_hub import HfFileSystem  # noqa: PLC0415  half a second, for those who use it

    return StoredFiles(HfFileSystem(token=token, skip_instance_cache=True), path.rstrip("/"))


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
