from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spanstream.models.artifact import Variant
from spanstream.models.errors import ArtifactError
from spanstream.models.inference.packing import assemble
from spanstream.models.inference.session import OnnxSession
from tests.support.model.hand_made_graph import write_hand_made_graph
from tests.support.model.hand_made_windows import hand_made_document, hand_made_window

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


@pytest.mark.parametrize("head", [False, True])
def test_the_third_output_is_taken_where_the_graph_has_it(tmp_path: Path, head: bool) -> None:
    path = write_hand_made_graph(tmp_path / "model.int8.onnx", head=head)
    windows = [hand_made_window(hand_made_document(range(words), ids=[7] * words)) for words in (3, 5)]
    batch = assemble(windows, pad_id=0)
    logits = OnnxSession(path, VARIANT).run(batch)
    assert np.array_equal(logits.start, batch.input_ids)
    assert np.array_equal(logits.end, batch.attention_mask)
    answerable = None if logits.answerable is None else logits.answerable.tolist()
    assert answerable == (batch.input_ids.max(axis=1).tolist() if head else None)
