"""Loads the model that a training begins from: a checkpoint with a head for questions, or an encoder without one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.checkpoints.quiet import quiet
from spanstream.models.errors import ArtifactError, BuildError, first_line
from spanstream.models.text.tokenization import Tokenizer

# The names of these probabilities in configurations.
_DROPOUTS: Final = ("hidden_dropout_prob", "dropout", "qa_dropout")
_ATTENTION_DROPOUTS: Final = ("attention_probs_dropout_prob", "attention_dropout")


@dataclass(slots=True)
class PretrainedModel:
    """A loaded model, whose weights the training changes.

    Attributes:
        checkpoint: where it came from, and its sizes.
        model: the torch module, with weights in fp32.
        library_tokenizer: the tokenizer as transformers has it, to be saved beside the weights.
        tokenizer: the same tokenizer as this project reads it.
        has_head: whether the head for questions came with it.
    """

    checkpoint: Checkpoint
    model: Any
    library_tokenizer: Any
    tokenizer: Tokenizer
    has_head: bool

    @property
    def takes_token_types(self) -> bool:
        """Whether the model tells question and context apart by token types."""
        return "token_type_ids" in inspect.signature(self.model.forward).parameters


def load_pretrained(
    name: str, *, dropout: float | None = None, attention_dropout: float | None = None, on_gpu: bool = False
) -> PretrainedModel:
    """Loads a model and its tokenizer.

    Args:
        name: a folder, or the name of a model on the hub.
        dropout: probability, in place of the model's own.
        attention_dropout: the same for the attention's weights; None: as `dropout`.
        on_gpu: whether it will be trained there.

    Raises:
        BuildError: it cannot be loaded, has no fast tokenizer, or weights are missing.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415  seconds to import

    checkpoint = Checkpoint.open(name)
    try:
        with quiet():
            library_tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, use_fast=True, local_files_only=True)
        definition = library_tokenizer.backend_tokenizer.to_str()
    except Exception as error:  # a missing library, an unknown class, a vocabulary that is not there
        raise BuildError(f"{name}: no fast tokenizer (tokenizer.json) can be loaded: {first_line(error)}") from error
    try:
        tokenizer = Tokenizer(definition, source=name)
    except ArtifactError as error:
        raise BuildError(str(error)) from error
    dropouts = dict.fromkeys(_DROPOUTS, dropout)
    dropouts |= dict.fromkeys(_ATTENTION_DROPOUTS, dropout if attention_dropout is None else attention_dropout)
    model, missing = _load_model(checkpoint, dropouts, on_gpu=on_gpu)
    if missing_in_encoder := [key for key in missing if key.startswith(f"{model.base_model_prefix}.")]:
        raise BuildError(f"{name}: weights are missing, {missing_in_encoder[0]} for one")
    return PretrainedModel(checkpoint, model, library_tokenizer, tokenizer, has_head=not missing)


def _load_model(checkpoint: Checkpoint, dropouts: Mapping[str, float | None], *, on_gpu: bool) -> tuple[Any, list[str]]:
    """Returns the torch module, and the names of the weights that the checkpoint does not have."""
    from transformers import AutoConfig, AutoModelForQuestionAnswering  # noqa: PLC0415  seconds to import

    try:
        with quiet():
            config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True)
            for name, probability in dropouts.items():
                if probability is not None and hasattr(config, name):
                    setattr(config, name, probability)
            model, info = AutoModelForQuestionAnswering.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype="float32",
                # Measured with MiniLM on a CPU in bf16, forward and backward: 1.3 times as fast as torch's fused one.
                attn_implementation="sdpa" if on_gpu else "eager",
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # every loader (safetensors, pickle, sharded) has errors of its own
        raise BuildError(f"{checkpoint.name}: the weights cannot be loaded: {first_line(error)}") from error
    return model, sorted(info["missing_keys"])
