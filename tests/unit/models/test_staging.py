"""A folder takes another one's place as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from spanstream.models.errors import ArtifactError
from spanstream.models.staging import staged_folder
from tests.support.model.interrupted_swap import interrupt_rename

OLD = '{"name": "old", "tokenizer_fingerprint": "0", "variants": [], "files": {}}'


def test_what_was_there_is_replaced_at_the_end_and_nothing_else_is_left(tmp_path: Path) -> None:
    output = tmp_path / "artifact"
    output.mkdir()
    (output / "manifest.json").write_text(OLD)
    (output / "gone.txt").write_text("old")
    with staged_folder(output) as folder:
        (folder / "manifest.json").write_text("new")
        assert (output / "manifest.json").read_text() == OLD
    assert {path.name for path in output.iterdir()} == {"manifest.json"}
    assert (output / "manifest.json").read_text() == "new"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("is_there", [False, True])
def test_after_a_failure_all_is_as_before(tmp_path: Path, is_there: bool) -> None:
    output = tmp_path / "artifact"
    if is_there:
        output.mkdir()
        (output / "manifest.json").write_text(OLD)
    with (
        pytest.raises(ArtifactError, match="artifact: cannot be written: No such file"),
        staged_folder(output) as folder,
    ):
        (folder / "half.txt").write_text((folder / "absent.txt").read_text())
    assert list(tmp_path.rglob("*")) == ([output, output / "manifest.json"] if is_there else [])


@pytest.mark.parametrize("step", ["old", "new"])
def test_an_interrupt_while_the_folders_are_swapped_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Literal["old", "new"]
) -> None:
    output = tmp_path / "artifact"
    output.mkdir()
    (output / "manifest.json").write_text(OLD)
    interrupt_rename(monkeypatch, output, step)
    with pytest.raises(KeyboardInterrupt), staged_folder(output) as folder:
        (folder / "manifest.json").write_text("new")
    assert (output / "manifest.json").read_text() == OLD
    assert list(tmp_path.iterdir()) == [output]


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ArtifactError, match="is not empty and no artifact"), staged_folder(tmp_path):
        pass
    assert (tmp_path / "letters.txt").exists()


@pytest.mark.parametrize("manifest", ['{"name": "A web page", "icons": []}', "[1]", "no JSON", "\udcff"])
def test_a_folder_with_another_programs_manifest_is_not_overwritten(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest, errors="surrogateescape")
    with pytest.raises(ArtifactError, match="is not empty and no artifact"), staged_folder(tmp_path):
        pass
    assert (tmp_path / "manifest.json").exists()


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(ArtifactError, match="letter: is not empty and no artifact"), staged_folder(tmp_path / "letter"):
        pass


def test_a_link_that_leads_to_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(ArtifactError, match="link: cannot be"), staged_folder(tmp_path / "link"):
        pass


def test_a_link_to_an_artifact_goes_on_pointing_at_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    with staged_folder(link) as folder:
        (folder / "manifest.json").write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "manifest.json").read_text() == "new"
