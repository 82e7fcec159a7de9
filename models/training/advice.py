"""Recommends epochs and learning rate by the amount of data and by what the training begins from.

Rules of thumb, in one place: 2 to 4 epochs at 2e-5 to 5e-5 for a BERT of 768 (Devlin et al. 2019, appendix A.3), longer
at the same rate on little data (Mosbach, Andriushchenko and Klakow 2021, "On the Stability of Fine-tuning BERT"), small
models learn at higher rates, a model that can already do the task at lower ones, LoRA at ten times the rate (Hu et
al. 2021, section 4 and appendix D), and at four times that where few questions make few steps (docs/labelling.md: of 40
questions, ten steps, a rank of 8 learned next to all at 2e-3, and less than half at 5e-4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SMALL_WIDTH: Final = 512
_LARGE_WIDTH: Final = 1024
# About what SQuAD v2.0 (130,000 questions) takes in two epochs.
_PASSES_OF_A_NEW_HEAD: Final = 260_000
_PASSES_OF_AN_ADAPTATION: Final = 10_000
_MOST_EPOCHS: Final = 10
_LORA_RATIO: Final = 10
_LORA_RATIO_OF_FEW: Final = 40
_FEW_QUESTIONS: Final = 100
# An answerability head alone is one layer on states that stay as they are. Over 4,144 windows, read once, this rate
# gave an area under the ROC curve of 0.940 on the validation tickets, as a fit to convergence did; 1e-2 gave 0.936.
_HEAD_RATE: Final = 3e-2
_PASSES_OF_A_HEAD: Final = 10_000


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation, with its reason in one line."""

    epochs: int
    learning_rate: float
    reason: str


def advise(
    questions: float, *, hidden_size: int, has_head: bool, lora: bool, answerability_only: bool = False
) -> Advice:
    """Recommends epochs and peak learning rate.

    Args:
        questions: read in one epoch.
        hidden_size: width of the encoder.
        has_head: whether the model answers questions already.
        lora: whether only low-rank updates are learned.
        answerability_only: whether only an answerability head is learned.
    """
    if answerability_only:
        epochs = min(max(round(_PASSES_OF_A_HEAD / questions), 1), _MOST_EPOCHS)
        return Advice(epochs, _HEAD_RATE, f"{questions:,.0f} questions an epoch, an answerability head alone")
    rate = 1.5e-4 if hidden_size <= _SMALL_WIDTH else 5e-5 if hidden_size < _LARGE_WIDTH else 2e-5
    passes = _PASSES_OF_A_NEW_HEAD
    if has_head:
        rate, passes = rate / 3, _PASSES_OF_AN_ADAPTATION
    if lora:
        rate *= _LORA_RATIO if questions > _FEW_QUESTIONS else _LORA_RATIO_OF_FEW
    least = 1 if has_head else 2
    epochs = min(max(round(passes / questions), least), _MOST_EPOCHS)
    base = "a model that answers questions already" if has_head else "an encoder without a head for questions"
    return Advice(epochs, rate, f"{questions:,.0f} questions an epoch, {base}, {hidden_size} wide")
