"""Fetches an artifact that is packed into one file: compares its SHA-256, unpacks it, and puts it in its place.

    https://....tar.gz ──> file beside the target ──> SHA-256 ──> unpack ──> verify every file ──> rename

Whatever goes wrong, the target stays as it was.
"""

from __future__ import annotations

import tarfile
import tempfile
import zlib
from pathlib import Path

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.download import OnBlock, RemoteFiles, fetch_file
from spanstream.models.artifact import MANIFEST, Artifact, load_artifact, sha256_of_file
from spanstream.models.staging import staged_folder


def fetch_archive(files: RemoteFiles, sha256: str, output: Path, on_block: OnBlock) -> Artifact:
    """Fetches a .tar.gz of an artifact folder (or of its files) and unpacks it as `output`.

    Args:
        files: has the file, without a name.
        sha256: of the file, hexadecimal.
        output: folder to make; an artifact that is there is replaced.
        on_block: called with the bytes so far and the bytes in all.

    Raises:
        Stop: it cannot be fetched, or it is not what the SHA-256 says, or not an archive of an artifact.
        ArtifactError: a file of the artifact is not what its manifest says; or `output` holds something that is no
            artifact, or cannot be written.
    """
    # The scratch folder lies beside the staged one, on the same file system.
    with staged_folder(output) as staged, tempfile.TemporaryDirectory(dir=staged.parent) as scratch:
        archive = Path(scratch) / "archive"
        fetch_file(files, "", archive, on_block)
        downloaded = sha256_of_file(archive)
        if downloaded != sha256.lower():
            raise Stop(f"the model's file has SHA-256 {downloaded}, not {sha256.lower()}; nothing was unpacked")
        folder = _unpack(archive, Path(scratch) / "unpacked")
        load_artifact(folder)
        folder.replace(staged)
    return load_artifact(output)


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
