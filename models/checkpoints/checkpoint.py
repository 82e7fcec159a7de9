"""Opens a fine-tuned checkpoint in Hugging Face layout: a folder, or a name on a hub.

name -> folder -> Checkpoint (configuration, tokenizer) -> model with its weights
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spanstream.models.checkpoints.quiet import quiet
from spanstream.models.errors import BuildError, one_line
from spanstream.models.text.tokenization import Tokenizer

# The architectures that the tests take through the whole build; others are tried and may fail in one line.
TESTED_ARCHITECTURES: Final = (
    "bert",
    "distilbert",
    "albert",
    "roberta",
    "electra",
    "deberta-v2",
    "longformer",
    "big_bird",
)
# Their positions begin behind the padding token's id: the table of positions is longer than any text may be.
_SHIFTED_POSITIONS: Final = frozenset({"roberta", "xlm-roberta", "camembert", "longformer"})

CONFIG: Final = "config.json"
"""What the model is, as Hugging Face's libraries read it."""

_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_HUB_FILES: Final = ("*.json", "*.safetensors", "pytorch_model.bin", "*.model", "vocab.txt", "merges.txt")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A fine-tuned question-answering checkpoint.

    Attributes:
        name: the folder or the name on a hub, as the user gave it.
        folder: where its files are.
        model_type: the architecture, as Hugging Face names it.
        heads: attention heads of a layer.
        layers: how many layers it has.
        hidden_size: width of a layer.
        vocabulary: rows of the word embeddings.
        pad_id: the padding token.
        max_positions: the most tokens that the position embeddings allow.
    """

    name: str
    folder: Path
    model_type: str
    heads: int
    layers: int
    hidden_size: int
    vocabulary: int
    pad_id: int
    max_positions: int

    @classmethod
    def open(cls, name: str) -> Checkpoint:
        """Reads a checkpoint's configuration.

        Raises:
            BuildError: it is not there, a file is missing, or the configuration is not an encoder's.
        """
        folder = find_checkpoint(name)
        _check_files(name, folder)
        from transformers import AutoConfig  # noqa: PLC0415  seconds to import

        try:
            with quiet():
                config = AutoConfig.from_pretrained(folder, local_files_only=True)
            pad_id, positions = config.pad_token_id, config.max_position_embeddings
            if getattr(config, "is_encoder_decoder", False):
                raise BuildError(f"{name}: {config.model_type} reads and writes; only encoders are built")
            if pad_id is None:
                raise BuildError(f"{name}: config.json has no pad_token_id")
            return cls(
                name=name,
                folder=folder,
                model_type=config.model_type,
                heads=config.num_attention_heads,
                layers=config.num_hidden_layers,
                hidden_size=config.hidden_size,
                vocabulary=config.vocab_size,
                pad_id=pad_id,
                max_positions=positions - pad_id - 1 if config.model_type in _SHIFTED_POSITIONS else positions,
            )
        except (AttributeError, KeyError, OSError, ValueError) as error:
            raise BuildError(f"{name}: config.json is of no encoder that can be read: {one_line(error)}") from error

    def load_model(self) -> Any:  # noqa: ANN401  transformers publishes no types for its factories
        """Loads the model in fp32, for inference, with its answerability head where it has one.

        Raises:
            BuildError: the weights do not fit the configuration, or are not those of a question-answering model.
        """
        from transformers import AutoModelForQuestionAnswering  # noqa: PLC0415  seconds to import

        from spanstream.models.checkpoints.answerability import HEAD, load_head  # noqa: PLC0415  imports torch

        model, missing = self._load(AutoModelForQuestionAnswering)
        if head := [key for key in missing if not key.startswith(f"{model.base_model_prefix}.")]:
            raise BuildError(
                f"{self.name}: no question-answering head ({head[0]} is missing): fine-tune it first "
                "(`spanstream model train`)"
            )
        if missing:
            raise BuildError(f"{self.name}: {len(missing)} of its weights are missing, {missing[0]} first")
        if self.model_type == "big_bird":
            # Block-sparse attention draws its blocks at random, and is the same as this up to about 700 tokens.
            model.base_model.set_attention_type("original_full")
        answerability = load_head(self.folder, self.hidden_size)
        if answerability is not None:
            model.add_module(HEAD, answerability)
        return model.eval()

    def load_encoder(self) -> Any:  # noqa: ANN401  transformers publishes no types for its factories
        """Loads the model in fp32, for inference, without any head. Raises `BuildError` where weights are missing."""
        from transformers import AutoModel  # noqa: PLC0415  seconds to import

        model, missing = self._load(AutoModel)
        # What some checkpoints have on top of [CLS] is not read.
        if missing := [key for key in missing if not key.startswith("pooler.")]:
            raise BuildError(f"{self.name}: {len(missing)} of its weights are missing, {missing[0]} first")
        return model.eval()

    def _load(self, factory: Any) -> tuple[Any, list[str]]:  # noqa: ANN401  transformers publishes no types
        """Returns the model that a factory makes of the weights, and the names of those that are missing."""
        import torch  # noqa: PLC0415  seconds to import

        try:
            with quiet():
                # Checkpoints are often stored in fp16; the exporter would keep that.
                model, info = factory.from_pretrained(
                    self.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
                )
        except Exception as error:  # every loader (safetensors, pickle, sharded) has errors of its own
            raise BuildError(f"{self.name}: the weights cannot be loaded: {one_line(error)}") from error
        return model, sorted(info["missing_keys"])

    def write_tokenizer(self, target: Path) -> Tokenizer:
        """Writes its `tokenizer.json`, without the truncation and padding that training left in it.

        Raises:
            BuildError: there is none and none can be made, or it has tokens that the model does not know.
        """
        source = self.folder / "tokenizer.json"
        try:
            definition = json.loads(source.read_text(encoding="utf-8") if source.is_file() else self._convert())
        except (OSError, ValueError) as error:
            raise BuildError(f"{source}: cannot be read: {one_line(error)}") from error
        definition |= {"truncation": None, "padding": None}
        target.write_text(json.dumps(definition, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        tokenizer = Tokenizer.load(target)
        if tokenizer.size > self.vocabulary:
            raise BuildError(
                f"{self.name}: tokenizer.json has {tokenizer.size} tokens and the model embeddings for "
                f"{self.vocabulary}: they do not belong together"
            )
        return tokenizer

    def _convert(self) -> str:
        """Makes `tokenizer.json` out of the vocabulary files of a slow tokenizer."""
        from transformers import AutoTokenizer  # noqa: PLC0415  seconds to import

        try:
            with quiet():
                slow = AutoTokenizer.from_pretrained(self.folder, use_fast=True, local_files_only=True)
            text: str = slow.backend_tokenizer.to_str()
        except Exception as error:  # a missing library, an unknown class, a vocabulary that is not there
            raise BuildError(
                f"{self.name}: tokenizer.json is missing and cannot be made of the files there ({one_line(error)}); "
                "save it where the checkpoint was trained: AutoTokenizer.from_pretrained(...).save_pretrained(...)"
            ) from error
        return text


def find_checkpoint(name: str) -> Path:
    """Returns the folder of a checkpoint; a name like `org/model` is taken from the hub, or from its local cache.

    Raises:
        BuildError: there is no such folder, and the hub does not have it or was not reached.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if not _HUB_NAME.fullmatch(name):
        raise BuildError(f"{name}: no such folder, and no name of a hub (`organisation/model`)")
    from huggingface_hub import snapshot_download  # noqa: PLC0415  not needed for a folder

    try:
        with quiet():
            return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except Exception as error:  # no network, no such model, no permission: each has a class of its own
        raise BuildError(
            f"{name}: no such folder, not in the hub's local cache, and the hub did not give it "
            f"({type(error).__name__}: {one_line(error)})"
        ) from error


def _check_files(name: str, folder: Path) -> None:
    """Refuses what is no checkpoint early, without the libraries that take seconds to import."""
    config = folder / CONFIG
    if not config.is_file():
        raise BuildError(f"{name}: no checkpoint: config.json is missing")
    if not any((folder / weights).is_file() for weights in _WEIGHTS):
        raise BuildError(f"{name}: no checkpoint: no weights ({_either(_WEIGHTS)})")
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{config}: is not JSON: {one_line(error)}") from error
    if not isinstance(content, dict) or "model_type" not in content:
        raise BuildError(f"{config}: does not say which architecture it is (model_type)")


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
