"""The model's card, for people: what it is for, how it was built, what was measured, where it is weak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.artifact import Manifest
from models.build.evaluate import Prediction, best_exact, best_f1, scores_at
from models.build.fit import Fitted
from models.build.golden import TOLERANCE
from models.build.predict import Read
from models.build.reliability import (
    Interval,
    Judgement,
    Metric,
    area_under_risk_coverage,
    brier_score,
    coverage_at,
    expected_calibration_error,
    with_interval,
)
from models.cpu import cpu_name

_METRICS: dict[str, Metric] = {
    "Expected calibration error (15 bins of equal mass)": expected_calibration_error,
    "Brier score": brier_score,
    "Area under the risk-coverage curve": area_under_risk_coverage,
    "Coverage at 80 % accuracy": coverage_at(0.8),
    "Coverage at 90 % accuracy": coverage_at(0.9),
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured: the validation questions as read in int8 and in fp32, and the calibration."""

    reads: Sequence[Read]
    float_reads: Sequence[Read]
    fitted: Fitted
    validation: str
    samples: Sequence[str]
    model_file: Path


def card(manifest: Manifest, evaluation: Evaluation) -> str:
    """The card in Markdown."""
    reads = evaluation.reads
    unanswerable = sum(not read.example.has_answer for read in reads)
    size = evaluation.model_file.stat().st_size / 1e6
    threshold = manifest.calibration.thresholds["default"]
    return f"""# {manifest.name} {manifest.version}

Extractive question answering in English: given a question and a text, the piece of the text that answers it, or the
finding that there is none. {manifest.architecture.upper()} architecture, uncased, int8 ({size:.1f} MB), for CPUs.

**For** short factual questions (which, when, who, how much, which error) about support tickets, notices, articles.
**Not for** other languages, yes/no or why questions, arithmetic, questions that need several places of a text, or
decisions about people without a person who reads the quotation in its place.

Windows of {manifest.max_length} tokens overlap by {manifest.stride}; an answer has at most \
{manifest.max_answer_tokens} tokens and consists of whole words.

## Figures

Measured on `{evaluation.validation}`: {len(reads)} questions, {unanswerable} of them without an answer, on a CPU that
calls itself {cpu_name()}. Exact match (EM) and F1 are the official SQuAD 2.0 script's, in percent.

{_accuracy(evaluation)}

Thresholds are chosen on these same questions, so all figures at a threshold are a little too good. At the default one
(confidence {threshold:.2f}), int8: {_at_default(manifest, reads)}.

### Confidence

Each confidence below was given by a fit that had not seen the question's article; intervals are 95 %, by bootstrap
over paragraphs (which inflates a calibration error a little, so its value lies at the low end). Plain softmax is the
probability of the span in its window.

{_confidence(evaluation)}

The confidence weighs {", ".join(f"`{name}`" for name in manifest.calibration.weights)}. Held-out log loss of what was
tried: {"; ".join(f"{names} {loss:.4f}" for names, loss in evaluation.fitted.log_losses.items())}.
The final weights and the threshold are fitted on all of these questions, so the stream's own texts will score
differently: fit the calibration anew on a labelled sample of yours where it matters.

## How the int8 model is made

Exported with optimum, fused by onnxruntime's BERT optimizer, then quantized statically:

- Activation scales are fixed at build, on windows of {", ".join(evaluation.samples)}. So a window's logits are the
  same whatever it is batched with. (One scale for a whole batch, as dynamic quantization takes it, makes them depend on
  the neighbours.)
- Channels with extreme activations are scaled down exactly (SmoothQuant) or computed beside the others in fp32.
- Weights are scaled so that u8 x s8 products of CPUs without VNNI cannot saturate: there, too, they are exact.
- At start, twelve golden windows must come out within {TOLERANCE} of the logits measured here.

## Data and licences

Encoder all-MiniLM-L6-v2 (Apache-2.0), fine-tuned on public question-answering data; the repository's NOTICE names each
source and its licence. None of the validation paragraphs was trained on.

## Rebuild

```sh
make model CHECKPOINT=path/to/checkpoint VALIDATION=path/to/{evaluation.validation} OUTPUT={manifest.name} \\
    ARGS="{" ".join(f"--sample path/to/{sample}" for sample in evaluation.samples)}"
```
"""


def _accuracy(evaluation: Evaluation) -> str:
    lines = [
        "| | F1, best threshold | EM, best threshold | F1, answerable only | EM, answerable only |",
        "|---|---|---|---|---|",
    ]
    for name, reads in (("fp32", evaluation.float_reads), ("int8", evaluation.reads)):
        predictions = [read.prediction(read.reading.null_score_diff or 0.0) for read in reads]
        answerable = scores_at([one for one in predictions if one.example.has_answer], math.inf)
        lines.append(
            f"| {name} | {best_f1(predictions)[0]:.2f} | {best_exact(predictions)[0]:.2f} | {answerable.f1:.2f} "
            f"| {answerable.exact:.2f} |"
        )
    return "\n".join(lines)


def _at_default(manifest: Manifest, reads: Sequence[Read]) -> str:
    calibration = manifest.calibration
    predictions = [read.prediction(1 - calibration.confidence(read.reading)) for read in reads]
    at = 1 - calibration.thresholds["default"]

    def figures(some: Sequence[Prediction]) -> str:
        scores = scores_at(some, at)
        return f"F1 {scores.f1:.2f}, EM {scores.exact:.2f}"

    answerable = [one for one in predictions if one.example.has_answer]
    unanswerable = [one for one in predictions if not one.example.has_answer]
    declined = f"unanswerable {scores_at(unanswerable, at).exact:.2f} rightly declined"
    return f"{figures(predictions)}; answerable {figures(answerable)}; {declined}"


def _confidence(evaluation: Evaluation) -> str:
    calibrated = [
        read.judgement(confidence)
        for read, confidence in zip(evaluation.reads, evaluation.fitted.held_out, strict=True)
    ]
    softmax = [read.judgement(_softmax(read)) for read in evaluation.reads]
    lines = ["| | calibrated confidence | plain softmax |", "|---|---|---|"]
    lines += [
        f"| {name} | {_shown(metric, calibrated)} | {_shown(metric, softmax)} |" for name, metric in _METRICS.items()
    ]
    return "\n".join(lines)


def _shown(metric: Metric, judgements: Sequence[Judgement]) -> str:
    interval: Interval = with_interval(metric, judgements)
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _softmax(read: Read) -> float:
    return math.exp(read.reading.best.log_probability) if read.reading.best else 0.0
