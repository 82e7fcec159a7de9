"""An artifact from a server of this machine: what is taken, what is refused, and that a refusal leaves no trace."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source.download import OnBlock
from spanstream.consumer.model_source.source import fetch_model
from spanstream.consumer.settings import ModelSettings
from spanstream.models.artifact import load_artifact
from spanstream.models.errors import ArtifactError
from tests.support.model.interrupted_swap import interrupt_rename
from tests.support.model.small_artifact import write_small_artifact


class Shelf:
    """What the server gives, by path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}

    def put(self, content: bytes) -> tuple[str, str]:
        """Its URL and SHA-256."""
        self.files["/model.tar.gz"] = content
        return f"{self.url}/model.tar.gz", hashlib.sha256(content).hexdigest()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    class ArchiveHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), ArchiveHandler)
    files = Shelf(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield files
    server.shutdown()
    server.server_close()


def fetch_artifact(url: str, sha256: str, output: Path, on_block: OnBlock = lambda _, __: None) -> None:
    fetch_model(url, output, ModelSettings(), sha256, on_block)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "small").mkdir()
    return write_small_artifact(tmp_path / "small")


def packed(folder: Path, inside: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        files.add(folder, arcname=inside)
    return buffer.getvalue()


@pytest.mark.parametrize("inside", [".", "minilm-1.1.0"])
def test_an_artifact_is_unpacked_from_the_archives_root_or_from_its_one_folder(
    shelf: Shelf, artifact: Path, tmp_path: Path, inside: str
) -> None:
    url, sha256 = shelf.put(packed(artifact, inside))
    steps: list[tuple[int, int | None]] = []
    fetch_artifact(url, sha256.upper(), tmp_path / "out" / "model", on_block=lambda *step: steps.append(step))
    assert load_artifact(tmp_path / "out" / "model").manifest == load_artifact(artifact).manifest
    assert steps[-1] == (len(shelf.files["/model.tar.gz"]),) * 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]


def test_another_sha256_is_refused_and_what_was_there_stays(shelf: Shelf, artifact: Path, tmp_path: Path) -> None:
    url, sha256 = shelf.put(packed(artifact, "."))
    output = tmp_path / "out" / "model"
    fetch_artifact(url, sha256, output)
    before = sorted(path.read_bytes() for path in output.iterdir())
    with pytest.raises(Stop, match=r"SHA-256 .* nothing was unpacked"):
        fetch_artifact(url, "0" * 64, output)
    assert sorted(path.read_bytes() for path in output.iterdir()) == before
    assert [path.name for path in output.parent.iterdir()] == ["model"]


def test_an_interrupt_while_the_new_folder_takes_its_place_leaves_the_old_one(
    shelf: Shelf, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sha256 = shelf.put(packed(artifact, "."))
    output = tmp_path / "out" / "model"
    fetch_artifact(url, sha256, output)
    interrupt_rename(monkeypatch, output, "new")
    with pytest.raises(KeyboardInterrupt):
        fetch_artifact(url, sha256, output)
    assert load_artifact(output).manifest == load_artifact(artifact).manifest
    assert [path.name for path in output.parent.iterdir()] == ["model"]


def test_a_damaged_file_inside_is_found_by_the_manifest(shelf: Shelf, artifact: Path, tmp_path: Path) -> None:
    (artifact / "tokenizer.json").write_bytes(b"{}")
    url, sha256 = shelf.put(packed(artifact, "."))
    with pytest.raises(ArtifactError):
        fetch_artifact(url, sha256, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


def _escaping() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        files.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    return buffer.getvalue()


def _damaged() -> bytes:
    """Returns an archive whose compressed bytes are wrong in the middle of a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        noise = hashlib.shake_256(b"noise").digest(100_000)
        entry = tarfile.TarInfo("weights")
        entry.size = len(noise)
        files.addfile(entry, io.BytesIO(noise))
    content = bytearray(buffer.getvalue())
    content[20_000:90_000] = b"\xff" * 70_000
    return bytes(content)


def _empty() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz"):
        pass
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no archive", "no .tar.gz that can be unpacked"),
        (_escaping(), "no .tar.gz that can be unpacked"),
        (_damaged(), "no .tar.gz that can be unpacked"),
        (_empty(), r"holds no manifest\.json"),
    ],
    ids=["no archive", "escaping", "damaged", "empty"],
)
def test_what_is_no_archive_of_an_artifact_is_refused(shelf: Shelf, tmp_path: Path, content: bytes, says: str) -> None:
    url, sha256 = shelf.put(content)
    with pytest.raises(Stop, match=says):
        fetch_artifact(url, sha256, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1/secret", "could not be fetched"),
        ("file:///etc/passwd", "begin with https://"),
        ("http://[/secret", "begin with https://"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_line_without_the_url(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(Stop, match=says) as refused:
        fetch_artifact(url, "0" * 64, tmp_path / "model")
    assert "secret" not in str(refused.value)


def test_a_server_that_does_not_have_it_is_one_line(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(Stop, match="answered 404"):
        fetch_artifact(f"{shelf.url}/secret", "0" * 64, tmp_path / "model")
