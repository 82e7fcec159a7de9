"""What a training hands to torch: the model with its dropout, and batches padded to their shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the build group's tools are not installed (make test-build)")

from transformers import AutoConfig

from spanstream.models.metrics.squad_files import Example
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.batches import FileWindows, padded_length, plan_batches
from spanstream.models.training.dataset import BatchDataset
from spanstream.models.training.pretrained import load_pretrained
from spanstream.models.training.windows import training_windows
from tests.support.model.tiny_checkpoints import write_tiny_checkpoint
from tests.support.model.trained_tokenizers import trained


@pytest.mark.parametrize(
    ("model_type", "hidden", "attention"),
    [
        ("bert", "hidden_dropout_prob", "attention_probs_dropout_prob"),
        ("distilbert", "dropout", "attention_dropout"),
    ],
)
def test_the_dropout_of_the_attention_is_set_on_its_own_or_follows_the_other(
    tmp_path: Path, model_type: str, hidden: str, attention: str
) -> None:
    checkpoint = write_tiny_checkpoint(model_type, tmp_path / model_type)
    apart = load_pretrained(str(checkpoint), dropout=0.2, attention_dropout=0.0).model.config
    assert (getattr(apart, hidden), getattr(apart, attention)) == (0.2, 0.0)
    together = load_pretrained(str(checkpoint), dropout=0.2).model.config
    assert (getattr(together, hidden), getattr(together, attention)) == (0.2, 0.2)
    own = AutoConfig.from_pretrained(checkpoint)
    alone = load_pretrained(str(checkpoint), attention_dropout=0.05).model.config
    assert (getattr(alone, hidden), getattr(alone, attention)) == (getattr(own, hidden), 0.05)


def test_a_training_batch_is_padded_to_its_shape_and_padding_is_never_chosen() -> None:
    tokenizer = trained("wordpiece-uncased")
    examples = [Example(f"q{words}", "a", "train " * words, "when?", (), ()) for words in (5, 40, 41)]
    file = FileWindows(
        list(training_windows(Path("f"), examples, tokenizer, WindowShape(60, 16, tokenizer.template))), 1.0
    )
    batches = plan_batches([file], epochs=1, max_batch_tokens=120, seed=1)
    dataset = BatchDataset(batches, pad_id=0, no_answer_weight=1.0, takes_token_types=True)
    for batch, item, tokens in zip(
        batches, (dataset[place] for place in range(len(dataset))), dataset.tokens, strict=True
    ):
        assert item["input_ids"].shape == item["choosable"].shape == (len(batch), padded_length(batch))
        assert item["input_ids"].numel() == tokens
        assert not (item["choosable"] & (item["attention_mask"] == 0)).any()
