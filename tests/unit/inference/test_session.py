from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.models.artifact import Variant
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.session import OnnxSession

VARIANT = Variant(file="model.int8.onnx", precision="int8", device="cpu")


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)])
def test_a_file_that_is_no_model_is_refused_in_one_line_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.int8.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.int8\.onnx: ") as caught:
        OnnxSession(path, VARIANT)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nothing\.onnx"):
        OnnxSession(tmp_path / "nothing.onnx", VARIANT)
