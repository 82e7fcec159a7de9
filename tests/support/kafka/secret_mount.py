"""A folder of secrets as kubelet makes it for a pod."""

from __future__ import annotations

from pathlib import Path


class SecretMount:
    """Files that are links into `..data`, a link that is swapped for all of them at once."""

    def __init__(self, folder: Path, **secrets: str) -> None:
        self.folder = folder
        self._number = 0
        for name in secrets:
            (folder / name).symlink_to(f"..data/{name}")
        self._secrets: dict[str, str] = {}
        self.swap(**secrets)

    def swap(self, **secrets: str) -> None:
        """Replaces these secrets, and the link that leads to all."""
        self._number += 1
        self._secrets |= secrets
        version = self.folder / f"..{self._number}"
        version.mkdir()
        for name, secret in self._secrets.items():
            (version / name).write_text(secret)
        (self.folder / "..next").symlink_to(version.name)
        (self.folder / "..next").rename(self.folder / "..data")
