"""Tiny checkpoints of each architecture: random weights, a real configuration, a tokenizer of the kind it comes with.

They answer at random, but everything else about them is as in a checkpoint of full size. Needs the build group.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.model.trained_tokenizers import definition

_SMALL: Final = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    # Wider than in training: random logits that differ by more than a rounding.
    "initializer_range": 0.4,
}


@dataclass(frozen=True)
class TinyCheckpoint:
    """One architecture: its tokenizer, and what its configuration says beside the common sizes."""

    model_type: str
    tokenizer: str
    longest: int
    settings: dict[str, Any] = field(default_factory=dict)


_ROBERTA: Final = {"max_position_embeddings": 130, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_CLS_SEP: Final = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}

TINY: Final = (
    TinyCheckpoint("bert", "wordpiece-uncased", 128),
    TinyCheckpoint(
        "distilbert",
        "wordpiece-uncased",
        128,
        {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "sinusoidal_pos_embds": False},
    ),
    TinyCheckpoint("albert", "unigram-nfkd", 128, _CLS_SEP | {"embedding_size": 16}),
    TinyCheckpoint("roberta", "byte-level", 128, _ROBERTA | {"type_vocab_size": 1}),
    TinyCheckpoint("electra", "wordpiece-cased", 128, {"embedding_size": 16}),
    TinyCheckpoint(
        "deberta-v2",
        "unigram-nfkc",
        128,
        {
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
            "max_relative_positions": -1,
        },
    ),
    TinyCheckpoint("longformer", "byte-level", 128, _ROBERTA | {"attention_window": [16, 16], "sep_token_id": 2}),
    TinyCheckpoint(
        "big_bird",
        "unigram-nfkc",
        128,
        _CLS_SEP | {"attention_type": "block_sparse", "block_size": 8, "num_random_blocks": 1, "sep_token_id": 3},
    ),
)
MODEL_TYPES: Final = tuple(tiny.model_type for tiny in TINY)


def tiny(model_type: str) -> TinyCheckpoint:
    """Returns the description of this architecture."""
    return next(checkpoint for checkpoint in TINY if checkpoint.model_type == model_type)


def write_tiny_checkpoint(model_type: str, folder: Path, *, seed: int = 7) -> Path:
    """Writes the checkpoint, and gives the folder back."""
    import torch  # noqa: PLC0415  of the build group
    from transformers import AutoConfig, AutoModelForQuestionAnswering  # noqa: PLC0415  needs transformers

    kind = tiny(model_type)
    tokenizer = definition(kind.tokenizer)
    vocabulary = len(json.loads(tokenizer)["model"]["vocab"])
    config = AutoConfig.for_model(model_type, **(_SMALL | kind.settings), vocab_size=vocabulary)
    torch.manual_seed(seed)
    model = AutoModelForQuestionAnswering.from_config(config)
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    pad = "<pad>" if "<pad>" in tokenizer else "[PAD]"
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": pad, "model_max_length": kind.longest})
    )
    return folder
