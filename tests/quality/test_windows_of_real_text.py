"""Windows of real questions and paragraphs, beside what the tokenizer library makes of the pair."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer as FastTokenizer

from spanstream.models.artifact import load_artifact
from spanstream.models.inference.packing import assemble
from spanstream.models.text.windowing import WindowShape, windows_of
from tests.support.model.shared_data import VALIDATION_SETS, validation_examples

PAIRS = 600


@pytest.mark.parametrize("validation_set", VALIDATION_SETS)
@pytest.mark.parametrize(("max_length", "stride"), [(384, 128), (96, 24)])
def test_windows_equal_the_librarys_own_pair_encoding(max_length: int, stride: int, validation_set: str) -> None:
    examples = validation_examples(validation_set)
    artifact = load_artifact()
    library = FastTokenizer.from_file(str(artifact.folder / "tokenizer.json"))
    library.no_padding()
    library.enable_truncation(max_length, stride=stride, strategy="only_second")
    shape = WindowShape(max_length, stride, artifact.tokenizer.template)
    several = 0
    for example in examples[:: max(1, len(examples) // PAIRS)]:
        document = artifact.tokenizer.tokenize_document(example.context)
        windows = windows_of(artifact.tokenizer.tokenize_question(example.question), document, shape)
        first = library.encode(example.question, example.context)
        encodings = [first, *first.overflowing]
        assert len(windows) == len(encodings)
        several += len(windows) > 1
        for window, encoding in zip(windows, encodings, strict=True):
            batch = assemble([window], pad_id=0)
            assert batch.input_ids[0].tolist() == encoding.ids
            assert batch.token_type_ids[0].tolist() == encoding.type_ids
            assert batch.attention_mask[0].tolist() == encoding.attention_mask
            begin, end = window.token_start, window.token_end
            ours = list(zip(document.starts[begin:end].tolist(), document.ends[begin:end].tolist(), strict=True))
            theirs = encoding.offsets[window.context_start : window.context_start + end - begin]
            assert ours == theirs
    assert several > 0
