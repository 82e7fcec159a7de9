"""The answerability head: one more logit for each window, whether its text answers the question.

It reads, at [CLS], what the last layer of the span head reads, as the internal front verifier of Zhang, Yang and Zhao
2021 ("Retrospective Reader for Machine Reading Comprehension") does. Its weights are a file of their own beside the
checkpoint's, so that other programs read the checkpoint as if there were no head. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from spanstream.models.errors import BuildError, one_line

HEAD: Final = "answerability"
"""The name under which the head hangs in a model."""

HEAD_FILE: Final = f"{HEAD}.safetensors"

_CLS: Final = 0
_EDGES: Final = 2


class AnswerabilityHead(torch.nn.Linear):  # type: ignore[misc]  # torch publishes no types
    """One linear layer on the state of [CLS]; a new one says 0, one half, of every window."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__(hidden_size, 1)
        for values in self.parameters():
            torch.nn.init.zeros_(values)

    def forward(self, states: Any) -> Any:  # noqa: ANN401  tensors
        """Returns (windows,) logits of "this window holds an answer" for (windows, length, hidden) states."""
        return super().forward(states[:, _CLS].to(self.weight.dtype)).squeeze(-1)


def load_head(folder: Path, hidden_size: int) -> AnswerabilityHead | None:
    """Loads the head beside a checkpoint; None where there is none.

    Raises:
        BuildError: the file is damaged, or is another model's.
    """
    path = folder / HEAD_FILE
    if not path.is_file():
        return None
    head = AnswerabilityHead(hidden_size)
    try:
        head.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise BuildError(f"{path}: is no head of this model: {one_line(error)}") from error
    return head


def save_head(model: Any, folder: Path) -> None:  # noqa: ANN401  torch modules
    """Takes the head off a model, and writes it beside the checkpoint; does nothing where there is none."""
    head = head_of(model)
    if head is None:
        return
    delattr(model, HEAD)
    save_file({name: value.float().cpu() for name, value in head.state_dict().items()}, folder / HEAD_FILE)


def head_of(model: Any) -> Any | None:  # noqa: ANN401  torch modules
    """Returns the model's head; None where it has none."""
    return getattr(model, HEAD, None)


def run_model(model: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any | None]:  # noqa: ANN401  torch modules
    """Runs a model; returns its outputs, and (windows,) logits of its answerability head, None where it has none."""
    head = head_of(model)
    if head is None:
        return model(**inputs), None
    with _span_states(model) as seen:
        outputs = model(**inputs)
    # Low-rank updates may have layers as narrow; the span head's runs last of all.
    return outputs, head(seen[-1])


@contextmanager
def _span_states(model: Any) -> Iterator[list[Any]]:  # noqa: ANN401  torch modules
    """Collects what the layer that gives start and end logits reads while the model runs."""
    seen: list[Any] = []
    narrow = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear) and layer.out_features == _EDGES]
    hooks = [layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0])) for layer in narrow]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
