"""Fetches an artifact from a web server: compares its SHA-256, unpacks it, verifies it and puts it in its place.

    https://... ──> file beside the target ──> SHA-256 ──> unpack ──> verify every file ──> rename

Whatever goes wrong, the target stays as it was.
"""

from __future__ import annotations

import hashlib
import http.client
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

from spanstream.consumer.errors import Stop
from spanstream.models.artifact import MANIFEST, Artifact, load_artifact
from spanstream.models.staging import staged_folder

_BLOCK_BYTES = 1 << 20
# The longest wait for the next bytes.
_TIMEOUT_SECONDS = 30.0

# Called with the bytes so far and the bytes in all, None where the server does not say how many.
OnBlock = Callable[[int, int | None], None]


def fetch_artifact(url: str, sha256: str, output: Path, *, on_block: OnBlock = lambda _, __: None) -> Artifact:
    """Fetches a .tar.gz of an artifact folder (or of its files) and unpacks it as `output`.

    Args:
        url: http:// or https://; never repeated in a message, as it may be a secret.
        sha256: of the file, hexadecimal.
        output: folder to make; an artifact that is there is replaced.
        on_block: called with the bytes so far and the bytes in all.

    Raises:
        Stop: it cannot be fetched, or it is not what the SHA-256 says, or not an archive of an artifact.
        ArtifactError: a file of the artifact is not what its manifest says; or `output` holds something that is no
            artifact, or cannot be written.
    """
    if not _is_web(url):
        raise Stop("the model's URL has to begin with https:// or http:// and a host")
    # The scratch folder lies beside the staged one, on the same file system.
    with staged_folder(output) as staged, tempfile.TemporaryDirectory(dir=staged.parent) as scratch:
        archive = Path(scratch) / "archive"
        downloaded = _download(url, archive, on_block)
        if downloaded != sha256.lower():
            raise Stop(f"the model's file has SHA-256 {downloaded}, not {sha256.lower()}; nothing was unpacked")
        folder = _unpack(archive, Path(scratch) / "unpacked")
        load_artifact(folder)
        folder.replace(staged)
    return load_artifact(output)


def _is_web(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _download(url: str, file: Path, on_block: OnBlock) -> str:
    """Writes the file and returns its SHA-256, hexadecimal."""
    digest, done = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as reply, file.open("wb") as out:  # noqa: S310  `_is_web` has checked it
            length = reply.headers.get("Content-Length")
            while block := reply.read(_BLOCK_BYTES):
                digest.update(block)
                out.write(block)
                done += len(block)
                on_block(done, int(length) if length else None)
    except urllib.error.HTTPError as error:
        raise Stop(f"the model's server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Stop(f"the model could not be fetched: {reason}") from error
    return digest.hexdigest()


def _unpack(archive: Path, into: Path) -> Path:
    """Unpacks and returns the folder that holds the manifest: the archive's root, or the one folder in it."""
    try:
        with tarfile.open(archive, "r:gz") as files:
            files.extractall(into, filter="data")  # refuses what would be written elsewhere, links and devices
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        raise Stop(f"the model's file is no .tar.gz that can be unpacked: {error}") from error
    manifests = [into / MANIFEST, *sorted(into.glob(f"*/{MANIFEST}"))]
    folders = [manifest.parent for manifest in manifests if manifest.is_file()]
    if not folders:
        raise Stop(f"the model's file holds no {MANIFEST}, neither at its root nor in a folder")
    return folders[0]
