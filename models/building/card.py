"""The model's card, for people: what it is for, what was measured, how it was built, what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from spanstream.models.artifact import Manifest
from spanstream.models.building import card_tables as figures
from spanstream.models.building.compare import EarlierModel
from spanstream.models.building.golden import TOLERANCE
from spanstream.models.building.request import BuildRequest
from spanstream.models.building.variants.selection import MARGIN, VariantSelection
from spanstream.models.calibrating.fit import Fitted
from spanstream.models.checkpoints.checkpoint import TRIED, Checkpoint
from spanstream.models.checkpoints.training_record import Training
from spanstream.models.inference.cpu import available_cpus, cpu_name, has_int8_dot_product

_QUICK: Final = f"""A quick build: the first variant that loses at most {MARGIN} points of F1 against fp32 was taken,
and nothing was timed."""
_TOOLS: Final = ("onnxruntime", "optimum-onnx", "transformers", "torch", "tokenizers")


@dataclass(frozen=True, slots=True)
class CardFigures:
    """What a build found out.

    Attributes:
        contest: the variants, each with the validation questions as it reads them.
        fitted: the calibration.
        checkpoint: what was built.
        fused: how far fusing went.
        samples: names of the files that int8 scales were fixed on.
        same_spans: (golden windows that give fp32's span, golden windows).
        half: what is to be said of the fp16 variant, None where none was asked for.
        training: what stands beside the checkpoint about its training.
        about: Markdown about data and licences.
        earlier: another model on the same questions.
        order: what was asked for.
    """

    contest: VariantSelection
    fitted: Fitted
    checkpoint: Checkpoint
    fused: str
    samples: Sequence[str]
    same_spans: tuple[int, int]
    half: str | None
    training: Training | None
    about: str | None
    earlier: EarlierModel | None
    order: BuildRequest


def card(manifest: Manifest, evaluation: CardFigures) -> str:
    """The card in Markdown."""
    winner = evaluation.contest.winner
    precision = winner.built.recipe.precision
    devices = "CPUs and, in fp16, for GPUs" if len(manifest.variants) > 1 else "CPUs"
    return f"""# {manifest.name} {manifest.version}

Extractive question answering: given a question and a text, the piece of the text that answers it, or the finding that
there is none. {manifest.architecture} architecture, {evaluation.checkpoint.layers} layers of \
{evaluation.checkpoint.hidden_size}, {precision} ({winner.built.megabytes:.1f} MB), for {devices}.

**For** short factual questions (which, when, who, how much, which error) about texts like those it was trained on.
**Not for** other languages than it was trained on, yes/no or why questions, arithmetic, questions that need several
places of a text, or decisions about people without a person who reads the quotation in its place.

Windows of {manifest.max_length} tokens overlap by {manifest.stride}; an answer has at most \
{manifest.max_answer_tokens} tokens and consists of whole words.

## Figures

{_accuracy(evaluation)}

### Thresholds

{figures.thresholds(manifest.calibration, winner.reads, evaluation.fitted.absent)}

The consumer's setting `SPANSTREAM_MODEL__THRESHOLD` takes one of these names, or a number. They are chosen on these
same questions, so all figures at a threshold are a little too good.

### Confidence

Each confidence below was given by a fit that had not seen the question's article; plain softmax is the probability of
the span in its window. (Bootstrapping inflates a calibration error a little, so its value lies at the low end.)

{figures.confidence(winner.reads, evaluation.fitted)}

The confidence weighs {", ".join(f"`{name}`" for name in manifest.calibration.weights)}. Held-out log loss of what was
tried: {"; ".join(f"{names} {loss:.4f}" for names, loss in evaluation.fitted.log_losses.items())}.
Other texts will score differently: `spanstream model calibrate` fits it to a labelled sample of yours.

## How it was built

{_building(evaluation)}

## Data and licences

{_data(evaluation)}

## Rebuild

```sh
{_command(evaluation)}
```

Built with {", ".join(f"{tool} {found}" for tool in _TOOLS if (found := _version(tool)))}.
"""


def _accuracy(evaluation: CardFigures) -> str:
    contest, earlier = evaluation.contest, evaluation.earlier
    reads = contest.winner.reads
    unanswerable = sum(not read.example.has_answer for read in reads)
    models = {"fp32": contest.reference.reads}
    if contest.winner is not contest.reference:
        models[contest.winner.built.recipe.precision] = reads
    after = ""
    if earlier:
        models = {f"before: {earlier.name}, {earlier.precision}": earlier.reads} | models
        after = f"\n\nF1 against before, question by question: {figures.gain(reads, earlier.reads)}."
    same, of = evaluation.same_spans
    asked = f"{len(reads)} questions, {unanswerable} of them without an answer"
    return f"""On `{evaluation.order.validation.name}`: {asked}. Exact match (EM) and F1 are the official SQuAD
2.0 script's, in percent, with 95 % intervals by bootstrap over paragraphs.

{figures.accuracy(models)}{after}

The built model gives fp32's answer to {same} of {of} golden windows."""


def _building(evaluation: CardFigures) -> str:
    contest, checkpoint = evaluation.contest, evaluation.checkpoint
    tried = "" if checkpoint.model_type in TRIED else " This architecture is not among those the build is tested with."
    abouts = "\n".join(f"- `{entry.built.recipe.name}`: {entry.built.recipe.about}." for entry in contest.entries)
    taken = _timing(contest) if contest.winner.speed else _QUICK
    session = contest.winner.session
    half = f"\n- fp16 for the GPU, checked on the CPU: {evaluation.half}." if evaluation.half else ""
    return f"""Exported with optimum, then {evaluation.fused}.{tried}

{figures.variants(contest)}

{abouts}

{taken}

- Session: graph optimizations {session.optimization_level}, {session.threads_per_run} threads a run, \
{session.max_batch_tokens} padded tokens a batch\
{f", without {', '.join(session.disabled_optimizers)}" if session.disabled_optimizers else ""}.
- A window's logits must be the same bits whatever it is batched with. Where they are not (dynamic quantization takes
  one scale for a whole batch), windows are read one at a time, and that is how the variant was timed.
- int8 scales were fixed on windows of {", ".join(evaluation.samples)}.
- Weights of the static variants are scaled so that u8 x s8 products of CPUs without VNNI cannot saturate.
- At start, {evaluation.same_spans[1]} golden windows must come out within {TOLERANCE} of the logits measured here.\
{half}"""


def _timing(contest: VariantSelection) -> str:
    dot_product = {True: "with int8 dot products", False: "without int8 dot products", None: "of unknown instructions"}
    return f"""The fastest variant that loses at most {MARGIN} points of F1 against fp32 was taken. Speed is a ratio of
windows a second: the median, least and greatest of rounds in turns over {contest.windows} windows, each variant with
the session options it is fastest with. The CPU calls itself {cpu_name()}, {dot_product[has_int8_dot_product()]}, and
lent {available_cpus()} threads."""


def _data(evaluation: CardFigures) -> str:
    if evaluation.training:
        parts = _training(evaluation.training)
    else:
        parts = ["The checkpoint does not say what it was trained on (it has no `training.json`)."]
    parts.append(evaluation.about or "Nothing was said about licences when it was built (`--about`).")
    return "\n\n".join(parts)


def _training(training: Training, called: str = "") -> list[str]:
    """A paragraph and a table for this training, and for those before it."""
    facts = {
        "epochs": training.epochs,
        "steps": training.steps,
        "peak learning rate": training.learning_rate,
        "seed": training.seed,
        "hours": training.hours,
        "precision": training.precision,
        "program": training.program,
    }
    known = "; ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    what = f"{called} fine-tuned from {training.base}" if called else f"Fine-tuned from {training.base}"
    parts = [f"{what} ({known})." if known else f"{what}."]
    rows = [
        f"| {one.file} | {one.questions} | {one.unanswerable} | {one.weight:g} | `{one.sha256[:16]}` |"
        for one in training.data
    ]
    heading = ["| File | Questions | without an answer | Weight | SHA-256 |", "|---|---|---|---|---|"]
    parts += ["\n".join([*heading, *rows])] if rows else []
    return parts + (_training(training.earlier, called=f"That {training.base} was") if training.earlier else [])


def _command(evaluation: CardFigures) -> str:
    order = evaluation.order
    options = [
        ("--version", order.version),
        *(("--sample", f"path/to/{sample.name}") for sample in order.samples),
        *(("--variant", name) for name in order.variants),
        ("--max-length", str(order.max_length)),
        ("--stride", str(order.stride)),
        *([("--quick", "")] if order.quick else []),
        *([("--gpu", "")] if order.gpu else []),
        *([("--compare", f"path/to/{evaluation.earlier.name}")] if evaluation.earlier else []),
        *([("--about", f"path/to/{order.about.name}")] if order.about else []),
    ]
    arguments = " ".join(f"{name} {value}".strip() for name, value in options)
    return (
        f"make model CHECKPOINT=path/to/checkpoint VALIDATION=path/to/{order.validation.name} OUTPUT={order.name} \\\n"
        f'    ARGS="{arguments}"'
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
