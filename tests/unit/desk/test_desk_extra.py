"""Jinja2, FastAPI and uvicorn are an extra: nothing imports them unasked; where one is missing one line says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spanstream.consumer.desk.opening import check_desk
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import DeskSettings

_UNASKED = (
    "import sys, spanstream.consumer.cli.program, spanstream.consumer.desk.opening; "
    "print(sorted({'fastapi', 'jinja2', 'starlette', 'uvicorn'} & set(sys.modules)))"
)


@pytest.mark.parametrize("missing", ["fastapi", "jinja2", "uvicorn"])
def test_a_missing_extra_is_one_line_that_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("spanstream.consumer.desk.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Stop) as caught:
        check_desk(DeskSettings())
    assert missing in str(caught.value)
    assert str(caught.value).endswith("pip install 'spanstream[desk]'")


def test_the_program_imports_nothing_of_it_unasked(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _UNASKED], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
