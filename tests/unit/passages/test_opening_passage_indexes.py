"""The engine that the settings name, or one line that says what is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from spanstream.consumer.errors import Stop
from spanstream.consumer.passages.opening import encoder_fingerprint, open_encoder, open_passage_indexes
from spanstream.consumer.settings import IndexSettings

_ROOM = "spanstream.consumer.passages"


def test_a_folder_is_made_where_it_is_missing(tmp_path: Path) -> None:
    indexes = open_passage_indexes(IndexSettings(uri=str(tmp_path / "a" / "b")))
    assert (indexes.names(), indexes.current()) == ([], None)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (None, "SPANSTREAM_INDEX__URI"),
        ("s3://bucket/prefix", "s3://"),
        ("https://me:secret@search.example", "SPANSTREAM_INDEX__TOKEN"),
    ],
)
def test_what_cannot_be_opened_is_one_line_without_a_secret(uri: str | None, message: str) -> None:
    with pytest.raises(Stop, match=message) as stopped:
        open_passage_indexes(IndexSettings(uri=uri))
    assert "\n" not in str(stopped.value)
    assert "secret" not in str(stopped.value)


@pytest.mark.parametrize(
    ("uri", "package", "modules", "extra"),
    [
        ("index", "apsw", ["sqlite.database", "sqlite.sqlite_index", "sqlite.sqlite_indexes"], "collections"),
        ("index", "sqlite_vec", ["sqlite.database", "sqlite.sqlite_index", "sqlite.sqlite_indexes"], "collections"),
        (
            "http://localhost:9200",
            "opensearchpy",
            ["opensearch.client", "opensearch.opensearch_index", "opensearch.opensearch_indexes"],
            "opensearch",
        ),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, uri: str, package: str, modules: list[str], extra: str
) -> None:
    for module in modules:
        monkeypatch.delitem(sys.modules, f"{_ROOM}.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Stop, match=rf"pip install 'spanstream\[{extra}\]'"):
        open_passage_indexes(IndexSettings(uri=uri))


@pytest.mark.parametrize("number", [0, 1001])
def test_candidates_are_as_many_as_every_engine_gives(number: int) -> None:
    with pytest.raises(ValidationError, match="candidates"):
        IndexSettings(candidates=number)


@pytest.mark.parametrize("opened", [open_encoder, encoder_fingerprint])
def test_an_encoder_that_is_not_there_is_one_line(opened: Callable[[IndexSettings], object], tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"cannot be read.*SPANSTREAM_INDEX__ENCODER_PATH") as stopped:
        opened(IndexSettings(encoder_path=tmp_path))
    assert "\n" not in str(stopped.value)
