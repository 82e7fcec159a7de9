"""Runs a torch model as a session, so that validation questions are read before and after a training."""

from __future__ import annotations

from typing import Any

import torch

from spanstream.models.checkpoints.answerability import run_model
from spanstream.models.inference.packing import Batch
from spanstream.models.inference.session import Logits


class TorchSession:
    """A torch model behind the interface `spanstream.models.inference.session.Session`."""

    def __init__(self, model: Any, *, takes_token_types: bool) -> None:  # noqa: ANN401  torch publishes no types
        self._model = model.eval()
        self._takes_token_types = takes_token_types

    def run(self, batch: Batch) -> Logits:
        """Returns the logits of a batch, in fp32."""
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self._takes_token_types else [])]
        with torch.inference_mode():
            feed = {name: torch.from_numpy(getattr(batch, name)).to(self._model.device) for name in names}
            outputs, answerable = run_model(self._model, feed)
        start, end = (logits.float().cpu().numpy() for logits in (outputs.start_logits, outputs.end_logits))
        return Logits(start, end, None if answerable is None else answerable.float().cpu().numpy())
