"""Artifacts out of a web server's folder, a bucket and a hub: broken off, gone on with, compared and kept."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import structlog.testing

from spanstream.consumer.errors import Stop
from spanstream.consumer.model_source import download
from spanstream.consumer.model_source.source import fetch_model, folder_of, model_folder
from spanstream.consumer.model_source.stored_files import StoredFiles
from spanstream.consumer.settings import ModelSettings
from spanstream.models.artifact import MANIFEST, load_artifact, write_manifest
from tests.support.model.model_server import HUB_NAME, REVISION, ModelServer, serving
from tests.support.model.small_artifact import write_small_artifact

TOKEN = "hunter2-model"  # noqa: S105  made up


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.01)
    (tmp_path / "elsewhere").mkdir()
    with serving(write_small_artifact(tmp_path / "elsewhere")) as server:
        for name, value in {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "HF_ENDPOINT": server.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def source(server: ModelServer, kind: str) -> str:
    return {
        "web": f"{server.url}/models/tiny/",
        "bucket": "s3://models/tiny",
        "hub": f"hf://{HUB_NAME}@{REVISION}",
    }[kind]


def fetch(server: ModelServer, kind: str, output: Path) -> None:
    """Fetches here, or in a process of its own: the hub's client reads its address when it is imported."""
    if kind != "hub":
        if kind == "bucket":
            pytest.importorskip("s3fs", reason="the extra s3 is not installed")
        fetch_model(source(server, kind), output, ModelSettings())
        return
    command = [sys.executable, "-m", "spanstream.consumer", "model", "fetch", source(server, kind), "-o", str(output)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["web", "bucket", "hub"])
def test_an_artifact_comes_whole_over_connections_that_break_off(
    server: ModelServer, tmp_path: Path, kind: str
) -> None:
    server.breaks_off = 2
    output = tmp_path / "out" / "model"
    fetch(server, kind, output)
    assert load_artifact(output).manifest == load_artifact(server.folder).manifest
    assert server.breaks_off == 0
    assert {path.name for path in output.parent.iterdir()} <= {"model", ".model.part.lock"}


def test_an_interrupted_fetch_goes_on_where_it_stopped(server: ModelServer, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if total and done < total:
            raise KeyboardInterrupt

    output = tmp_path / "out" / "model"
    server.breaks_off = 2  # the manifest, and a file
    with pytest.raises(KeyboardInterrupt):
        fetch_model(source(server, "web"), output, ModelSettings(), on_block=interrupt)
    assert not output.exists()

    fetch(server, "web", output)
    assert load_artifact(output).manifest == load_artifact(server.folder).manifest
    assert [wanted for _, wanted in server.asked if wanted]
    sizes = {file.name: file.stat().st_size for file in server.folder.iterdir()}
    assert {name: given for name, given in server.given.items() if name != MANIFEST} == {
        name: size for name, size in sizes.items() if name != MANIFEST
    }


def test_a_server_that_knows_no_ranges_begins_anew(server: ModelServer, tmp_path: Path) -> None:
    server.knows_ranges, server.breaks_off = False, 1
    fetch(server, "web", tmp_path / "model")
    assert load_artifact(tmp_path / "model").manifest == load_artifact(server.folder).manifest


def test_a_file_that_is_not_what_the_manifest_says_is_refused_and_what_was_there_stays(
    server: ModelServer, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "model"
    fetch(server, "web", output)
    before = load_artifact(output).manifest
    files = {**before.files, "golden.json": "0" * 64}
    write_manifest(server.folder, before.model_copy(update={"version": "2", "files": files}))
    with pytest.raises(Stop, match=r"golden\.json is damaged"):
        fetch_model(source(server, "web"), output, ModelSettings())
    assert load_artifact(output).manifest == before


def test_what_is_there_and_the_same_is_not_fetched_again(server: ModelServer, tmp_path: Path) -> None:
    output = tmp_path / "model"
    fetch(server, "web", output)
    server.given.clear()
    fetch(server, "web", output)
    assert set(server.given) == {MANIFEST}


def test_of_a_new_version_only_the_files_that_differ_are_fetched(server: ModelServer, tmp_path: Path) -> None:
    output = tmp_path / "model"
    fetch(server, "web", output)
    manifest = load_artifact(output).manifest
    (server.folder / "config.json").write_text("{}")
    files = {**manifest.files, "config.json": hashlib.sha256(b"{}").hexdigest()}
    write_manifest(server.folder, manifest.model_copy(update={"version": "2", "files": files}))
    server.given.clear()
    fetch(server, "web", output)
    assert set(server.given) == {MANIFEST, "config.json"}
    assert load_artifact(output).manifest.version == "2"


def test_the_manifests_sha256_pins_all_of_it(server: ModelServer, tmp_path: Path) -> None:
    sha256 = hashlib.sha256((server.folder / MANIFEST).read_bytes()).hexdigest()
    with pytest.raises(Stop, match="nothing was fetched"):
        fetch_model(source(server, "web"), tmp_path / "model", ModelSettings(), "0" * 64)
    fetch_model(source(server, "web"), tmp_path / "model", ModelSettings(), sha256.upper())
    assert load_artifact(tmp_path / "model").manifest.name


@pytest.mark.parametrize(("header", "sent"), [("Authorization", f"Bearer {TOKEN}"), ("authorization", TOKEN)])
def test_a_token_is_sent_and_in_no_message(server: ModelServer, tmp_path: Path, header: str, sent: str) -> None:
    server.token = sent
    settings = ModelSettings(token=TOKEN, token_header=header)
    fetch_model(source(server, "web"), tmp_path / "model", settings)
    server.token = "another"  # noqa: S105  made up
    with pytest.raises(Stop, match="answered 401") as refused:
        fetch_model(source(server, "web"), tmp_path / "other", settings)
    assert TOKEN not in str(refused.value)
    assert TOKEN not in repr(settings)


def test_a_place_without_a_manifest_is_one_line(server: ModelServer, tmp_path: Path) -> None:
    (server.folder / MANIFEST).unlink()
    with pytest.raises(Stop, match="answered 404"):
        fetch_model(source(server, "web"), tmp_path / "model", ModelSettings())
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    with pytest.raises(Stop, match=r"models/tiny/manifest\.json cannot be read"):
        fetch_model(source(server, "bucket"), tmp_path / "model", ModelSettings())


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Stop, match=r"pip install 'spanstream\[s3\]'"):
        fetch_model("s3://models/tiny", tmp_path / "model", ModelSettings())


def test_the_model_of_the_settings_is_kept_and_used_where_its_place_is_out_of_reach(
    server: ModelServer, tmp_path: Path
) -> None:
    settings = ModelSettings(path=source(server, "web"), cache=tmp_path / "cache")
    folder = model_folder(settings)
    assert load_artifact(folder).manifest == load_artifact(server.folder).manifest
    server.close()
    with structlog.testing.capture_logs() as logs:
        assert model_folder(settings) == folder
    assert [line["event"] for line in logs] == ["model_of_the_cache"]
    with pytest.raises(Stop, match="could not be fetched"):
        model_folder(settings.model_copy(update={"cache": tmp_path / "another"}))


def test_a_pinned_model_that_is_kept_asks_nobody(server: ModelServer, tmp_path: Path) -> None:
    sha256 = hashlib.sha256((server.folder / MANIFEST).read_bytes()).hexdigest()
    settings = ModelSettings(path=source(server, "web"), cache=tmp_path / "cache", sha256=sha256)
    folder = model_folder(settings)
    server.asked.clear()
    assert model_folder(settings) == folder
    assert not server.asked


def test_a_folder_of_this_machine_is_taken_as_it_is(tmp_path: Path) -> None:
    assert model_folder(ModelSettings(path=tmp_path)) == tmp_path


def test_without_a_folder_of_its_own_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder_of(ModelSettings(path="s3://models/tiny")).parent == tmp_path / "spanstream" / "models"


def test_what_a_bucket_says_is_told_with_the_file_that_was_asked_for(tmp_path: Path) -> None:
    bucket = Mock(open=Mock(side_effect=RuntimeError("Unable to locate credentials")))
    with pytest.raises(Stop, match=r"bucket/prefix/manifest\.json: Unable to locate credentials"):
        download.fetch_file(StoredFiles(bucket, "bucket/prefix"), MANIFEST, tmp_path / MANIFEST, lambda *_: None)
