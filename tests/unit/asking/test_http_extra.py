"""FastAPI and uvicorn are an extra: nothing imports them unasked; where they are missing one line says what to do."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spanstream.consumer.asking.api.opening import open_answers_api, openapi_document
from spanstream.consumer.errors import Stop
from spanstream.consumer.metrics import Metrics
from spanstream.consumer.settings import Settings
from tests.support.model.fake_reader import fake_reader

_UNASKED = (
    "import sys, spanstream.consumer.cli.program, spanstream.consumer.asking.api.opening; "
    "print(sorted({'fastapi', 'starlette', 'uvicorn'} & set(sys.modules)))"
)


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_a_missing_extra_is_one_line_that_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("app", "server"):
        monkeypatch.delitem(sys.modules, f"spanstream.consumer.asking.api.{name}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Stop) as caught:
        open_answers_api(Settings(), fake_reader(), Metrics().requests, port=0, parallel=1, stop=threading.Event())
    assert missing in str(caught.value)
    assert str(caught.value).endswith("pip install 'spanstream[http]'")


def test_describing_the_api_needs_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "spanstream.consumer.asking.api.app", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(Stop, match=r"spanstream\[http\]"):
        openapi_document()


def test_the_program_imports_nothing_of_it_unasked(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _UNASKED], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
