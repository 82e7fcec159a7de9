"""Makes tiny checkpoints of each architecture: a real configuration, and a tokenizer of the kind it comes with.

Their weights are random, so they answer at random. A build needs a model whose scores tell right answers from wrong
ones: it gets a checkpoint that has learned the build's questions by heart. Needs the build group.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spanstream.models.building import golden_logits
from spanstream.models.inference.packing import assemble
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.windows import TrainingWindow, training_windows
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


# Tokens of a window and of the overlap, as the tests' builds read: as many as the model takes, or as they ask for.
_LONGEST, _SHORTER = (128, 42), (96, 16)
_MOST_STEPS: Final = 500
# Cross entropy of every window's start and of its end: right with 95 %, which no rounding to int8 or fp16 turns over.
_LEARNED: Final = 0.05

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


def write_tiny_checkpoint(model_type: str, folder: Path, *, seed: int = 7, learned: Path | None = None) -> Path:
    """Writes the checkpoint and returns its folder.

    Args:
        model_type: one of `MODEL_TYPES`.
        folder: where to write.
        seed: of the random weights.
        learned: a SQuAD file that the model answers rightly; None leaves the weights random.
    """
    import torch  # noqa: PLC0415  only the build group has it
    from transformers import AutoConfig, AutoModelForQuestionAnswering  # noqa: PLC0415  only the build group has it

    kind = tiny(model_type)
    tokenizer = definition(kind.tokenizer)
    vocabulary = len(json.loads(tokenizer)["model"]["vocab"])
    config = AutoConfig.for_model(model_type, **(_SMALL | kind.settings), vocab_size=vocabulary)
    torch.manual_seed(seed)
    model = AutoModelForQuestionAnswering.from_config(config)
    if learned is not None:
        _teach(model, learned, Tokenizer(tokenizer))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    pad = "<pad>" if "<pad>" in tokenizer else "[PAD]"
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": pad, "model_max_length": kind.longest})
    )
    return folder


def _teach(model: Any, questions: Path, tokenizer: Tokenizer) -> None:
    """Trains until the label of every window is learned. Nothing is drawn: no dropout, and one batch of all windows."""
    import torch  # noqa: PLC0415  only the build group has it

    windows = _labelled_windows(questions, tokenizer)
    batch = assemble([labelled.window for labelled in windows], pad_id=model.config.pad_token_id)
    names = {"input_ids", "attention_mask", "token_type_ids"} & inspect.signature(model.forward).parameters.keys()
    inputs = {name: torch.from_numpy(getattr(batch, name)) for name in names}
    first, last = (torch.tensor([getattr(labelled, edge) for labelled in windows]) for edge in ("first", "last"))
    if model.config.model_type == "big_bird":
        model.base_model.set_attention_type("original_full")  # its sparse attention draws blocks at random
    model.eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(_MOST_STEPS):
        outputs = model(**inputs)
        losses = torch.cat(
            [
                torch.nn.functional.cross_entropy(outputs.start_logits, first, reduction="none"),
                torch.nn.functional.cross_entropy(outputs.end_logits, last, reduction="none"),
            ]
        )
        if losses.max() < _LEARNED:
            return
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
    raise AssertionError(f"the tiny {model.config.model_type} has not learned its questions: loss {losses.max():.3f}")


def _labelled_windows(questions: Path, tokenizer: Tokenizer) -> list[TrainingWindow]:
    """Returns every window of the questions, and the golden windows, whose answers rounding must not change either."""
    examples = list({(example.context, example.question): example for example in read_squad(questions)}.values())
    golden = [
        _golden_example(context, number, question)
        for context in golden_logits.CONTEXTS
        for number, question in enumerate(golden_logits.QUESTIONS)
    ]
    longest, shorter = (WindowShape(*shape, tokenizer.template) for shape in (_LONGEST, _SHORTER))
    labelled = [
        window
        for shape in (longest, shorter)
        for windows in training_windows(questions, examples, tokenizer, shape)
        for window in windows
    ]
    return labelled + [windows[0] for windows in training_windows(questions, golden, tokenizer, longest)]


def _golden_example(context: str, number: int, question: str) -> Example:
    """Labels the first question about a golden text with its first word, the next one with its second, and so on.

    The last question has no answer.
    """
    words = context.split()[: len(golden_logits.QUESTIONS) - 1]
    answers = tuple(words[number : number + 1])
    return Example(f"{question} {context}", "golden", context, question, answers, tuple(map(context.index, answers)))
