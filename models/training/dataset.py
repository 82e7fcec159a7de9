"""Turns planned batches into the tensors that the model and the loss take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spanstream.models.inference.packing import assemble
from spanstream.models.training.batches import TrainingBatch, padded_length
from spanstream.models.training.windows import NO_ANSWER


class BatchDataset(torch.utils.data.Dataset):  # type: ignore[misc]  # torch publishes no types
    """Holds a whole batch in each item, as (windows, padded length) tensors; the library sees batches of one."""

    def __init__(
        self, batches: Sequence[TrainingBatch], *, pad_id: int, no_answer_weight: float, takes_token_types: bool
    ) -> None:
        self._batches = batches
        self._pad_id = pad_id
        self._no_answer_weight = no_answer_weight
        self._takes_token_types = takes_token_types

    @property
    def tokens(self) -> list[int]:
        """Padded tokens of each batch."""
        return [len(batch) * padded_length(batch) for batch in self._batches]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, place: int) -> dict[str, Any]:
        batch = self._batches[place]
        arrays = assemble([labelled.window for labelled in batch], pad_id=self._pad_id, length=padded_length(batch))
        choosable = np.zeros(arrays.input_ids.shape, dtype=np.bool_)
        choosable[:, NO_ANSWER] = True
        for row, labelled in enumerate(batch):
            window = labelled.window
            choosable[row, window.context_start : window.context_start + window.token_end - window.token_start] = True
        weights = np.array(
            [1.0 if labelled.has_answer else self._no_answer_weight for labelled in batch], dtype=np.float32
        )
        item: dict[str, Any] = {
            "input_ids": torch.from_numpy(arrays.input_ids),
            "attention_mask": torch.from_numpy(arrays.attention_mask),
            "choosable": torch.from_numpy(choosable),
            "first": torch.tensor([labelled.first for labelled in batch]),
            "last": torch.tensor([labelled.last for labelled in batch]),
            "weight": torch.from_numpy(weights),
            "has_answer": torch.tensor([float(labelled.has_answer) for labelled in batch]),
        }
        if self._takes_token_types:
            item["token_type_ids"] = torch.from_numpy(arrays.token_type_ids)
        return item
