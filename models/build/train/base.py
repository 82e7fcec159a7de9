"""The model that a training begins from: a folder in Hugging Face layout, or a name on the hub."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.build.errors import BuildError
from models.errors import ArtifactError
from models.tokenization import Tokenizer

_HEAD: Final = "qa_outputs."


@dataclass(slots=True)
class Base:
    """A loaded model; training changes it.

    Attributes:
        name: the folder's name, or the hub's.
        model: the torch module, weights in fp32, an attention that is fast here.
        library_tokenizer: as transformers has it, to be saved beside the weights.
        tokenizer: the same, as this project reads it.
        has_head: whether the head for questions came with it.
    """

    name: str
    model: Any
    library_tokenizer: Any
    tokenizer: Tokenizer
    has_head: bool

    @property
    def hidden_size(self) -> int:
        """Width of the encoder."""
        return int(
            self.model.config.hidden_size if hasattr(self.model.config, "hidden_size") else self.model.config.dim
        )

    @property
    def pad_id(self) -> int:
        """The padding token."""
        return int(self.model.config.pad_token_id or 0)

    @property
    def longest(self) -> int:
        """Tokens that the position embeddings reach."""
        config = self.model.config
        reach = int(getattr(config, "max_position_embeddings", 512))
        # RoBERTa and its kin count positions from behind the padding token's.
        return reach - self.pad_id - 1 if hasattr(_positions(self.model), "padding_idx") else reach

    @property
    def takes_token_types(self) -> bool:
        """Whether the model tells question and context apart by token types."""
        return "token_type_ids" in inspect.signature(self.model.forward).parameters


def open_base(name: str, *, dropout: float | None = None, on_gpu: bool = False) -> Base:
    """Load a model and its tokenizer.

    Args:
        name: a folder, or the name of a model on the hub.
        dropout: probability, in place of the model's own.
        on_gpu: whether it will be trained there.

    Raises:
        BuildError: it cannot be loaded, has no fast tokenizer, or its weights are not whole.
    """
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer  # noqa: PLC0415 - seconds to import

    local = Path(name).is_dir()
    options: dict[str, Any] = {} if dropout is None else _dropout(name, dropout)
    # Measured with MiniLM on two cores in bf16, forth and back: 1.3 times the speed of torch's fused attention.
    options["attn_implementation"] = "sdpa" if on_gpu else "eager"
    with _quiet():
        what = "its tokenizer"
        try:
            library_tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, local_files_only=local)
            what = "its weights"
            model, info = AutoModelForQuestionAnswering.from_pretrained(
                name, dtype="float32", local_files_only=local, output_loading_info=True, **options
            )
        except Exception as error:  # the library raises whatever its loaders run into
            raise BuildError(f"{name}: {_why(name, what, error)}") from error
    missing = sorted(info["missing_keys"])
    if torn := [key for key in missing if not key.startswith(_HEAD)]:
        raise BuildError(f"{name}: weights are missing, {torn[0]} for one")
    if not library_tokenizer.is_fast:
        raise BuildError(f"{name}: has no fast tokenizer (tokenizer.json), so there are no character offsets")
    try:
        tokenizer = Tokenizer(library_tokenizer.backend_tokenizer.to_str(), source=name)
    except ArtifactError as error:
        raise BuildError(str(error)) from error
    return Base(Path(name).name if local else name, model, library_tokenizer, tokenizer, has_head=not missing)


def _dropout(name: str, dropout: float) -> dict[str, float]:
    """The configuration's own names for it."""
    from transformers import AutoConfig  # noqa: PLC0415 - as above

    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise BuildError(f"{name}: {_why(name, 'its configuration', error)}") from error
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "qa_dropout")
    return {each: dropout for each in names if hasattr(config, each)}


def _positions(model: Any) -> Any:  # noqa: ANN401 - torch modules
    return getattr(getattr(model, model.base_model_prefix, None), "embeddings", None)


def _why(name: str, what: str, error: Exception) -> str:
    if Path(name).exists():
        return f"{what} cannot be loaded: {next(iter(str(error).splitlines()), type(error).__name__)}"
    return "no such folder, and the hub does not have it or cannot be reached from here"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The library warns of what is checked here."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
