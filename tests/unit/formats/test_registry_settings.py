"""What the settings of the schema registry lead to, with and without one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from spanstream.consumer.errors import Stop
from spanstream.consumer.formats.opening import check_registrable, open_formats, open_writer
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer

URL = "http://user:some-password@127.0.0.1:1"


def settings(**registry: object) -> Settings:
    return Settings.model_validate({"registry": registry})


def test_without_a_url_nothing_of_the_extra_is_imported() -> None:
    program = """
import sys
from spanstream.consumer.formats.opening import check_registrable, open_formats, open_writer
from spanstream.consumer.settings import Settings
from spanstream.schemas.events import Answer
import spanstream.consumer.cli.program
open_formats(Settings()), open_writer(Settings(), Answer)
print(sorted({"confluent_kafka.schema_registry", "fastavro", "grpc_tools", "google.protobuf"} & sys.modules.keys()))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.schema_registry", None)
    for module in [name for name in sys.modules if name.startswith("spanstream.consumer.formats.registry.")]:
        monkeypatch.delitem(sys.modules, module)
    for opened in (
        lambda: open_formats(settings(url=URL)),
        lambda: open_writer(settings(url=URL, format="avro"), Answer),
    ):
        with pytest.raises(Stop, match=r"pip install 'spanstream\[registry\]'"):
            opened()


def test_a_format_needs_a_registry_and_registering_needs_a_format() -> None:
    with pytest.raises(Stop, match="set SPANSTREAM_REGISTRY__URL"):
        open_writer(settings(format="avro"), Answer)
    with pytest.raises(Stop, match="set SPANSTREAM_REGISTRY__FORMAT"):
        check_registrable(settings(url=URL))
    with pytest.raises(Stop, match="set SPANSTREAM_REGISTRY__URL"):
        check_registrable(settings(format="avro"))


def test_topics_are_some_of_four_and_all_where_we_write_frames_ourselves() -> None:
    assert settings().registry.framed == frozenset()
    every = {"documents", "questions", "tickets", "feedback"}
    assert settings(url=URL).registry.framed == every
    assert settings(url=URL, topics=" tickets ,").registry.framed == {"tickets"}
    assert settings(url=URL, topics="tickets", format="json").registry.framed == every
    with pytest.raises(ValidationError, match="should be some of documents, questions, tickets"):
        settings(topics="answers")


@pytest.mark.parametrize("client", [{"unknown.property": "some-password"}, {"basic.auth.user.info": "some-password"}])
def test_properties_that_the_client_does_not_take_are_one_line_without_a_secret(client: dict[str, str]) -> None:
    with pytest.raises(Stop, match="SPANSTREAM_REGISTRY__URL and __CLIENT") as stopped:
        open_formats(settings(url=URL, client=client))
    assert "some-password" not in str(stopped.value)
    assert stopped.value.__suppress_context__
