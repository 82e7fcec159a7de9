"""Renders the model's card, for people: what it is for, what was measured, how it was built and trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import Final

from spanstream.models.artifact import Manifest
from spanstream.models.building import card_tables as tables
from spanstream.models.building.card_data import data_section
from spanstream.models.building.earlier_model import EarlierModel
from spanstream.models.building.golden_logits import TOLERANCE
from spanstream.models.building.request import BuildRequest
from spanstream.models.building.variants.selection import MARGIN, VariantSelection
from spanstream.models.calibrating.fit import FittedCalibration
from spanstream.models.calibrating.thresholds import LabelledSample
from spanstream.models.checkpoints.checkpoint import TESTED_ARCHITECTURES, Checkpoint
from spanstream.models.checkpoints.training_record import TrainingRecord
from spanstream.models.evaluation.alternatives_section import alternatives_section
from spanstream.models.evaluation.kind_figures import kind_figures, kinds_section
from spanstream.models.inference.cpu import available_cpus, cpu_name, has_int8_dot_product
from spanstream.models.metrics.squad_files import Example

_QUICK: Final = f"""A quick build: the first variant that loses at most {MARGIN} points of F1 against fp32 (beyond one
standard error of the difference, question by question) was taken, and nothing was timed."""
_TOOLS: Final = ("onnxruntime", "optimum-onnx", "transformers", "torch", "tokenizers")


@dataclass(frozen=True, slots=True)
class CardFigures:
    """What the card of a build says.

    Attributes:
        selection: the variants, each with the validation questions as it reads them.
        kinds: of each validation file, by question id; empty where it has no labels.
        choosing: how many questions of each validation file had a part in choosing the variant.
        fitted: the calibration.
        checkpoint: what was built.
        fused: how far fusing went.
        samples: names of the files that int8 scales were fixed on.
        same_spans: (golden windows that give fp32's span, golden windows).
        fp16: a phrase on the fp16 variant, None where none was asked for.
        training: what is recorded of the checkpoint's training.
        about: Markdown about data and licences.
        earlier: another model's readings of the same questions.
        request: what was asked for.
    """

    selection: VariantSelection
    kinds: Sequence[Mapping[str, Mapping[str, str]]]
    choosing: Sequence[int]
    fitted: FittedCalibration
    checkpoint: Checkpoint
    fused: str
    samples: Sequence[str]
    same_spans: tuple[int, int]
    fp16: str | None
    training: TrainingRecord | None
    about: str | None
    earlier: EarlierModel | None
    request: BuildRequest


def render_card(manifest: Manifest, figures: CardFigures) -> str:
    """Renders the card in Markdown."""
    sections = (
        _introduction(manifest, figures),
        _accuracy(figures),
        _thresholds(manifest, figures),
        _kinds(manifest, figures),
        _confidence(manifest, figures),
        _building(figures),
        data_section(figures.training, figures.about, _examples(figures)),
        _rebuild(figures),
    )
    return "\n\n".join(filter(None, sections)) + "\n"


def _introduction(manifest: Manifest, figures: CardFigures) -> str:
    built = figures.selection.winner.built
    devices = "CPUs and, in fp16, for GPUs" if len(manifest.variants) > 1 else "CPUs"
    return f"""# {manifest.name} {manifest.version}

Extractive question answering: given a question and a text, the piece of the text that answers it, or the finding that
there is none. {manifest.architecture} architecture, {figures.checkpoint.layers} layers of \
{figures.checkpoint.hidden_size}, {built.recipe.precision} ({built.megabytes:.1f} MB), for {devices}.

**For** short factual questions (which, when, who, how much, which error) about texts like those it was trained on.
**Not for** other languages than it was trained on, yes/no or why questions, arithmetic, questions that need several
places of a text, or decisions about people without a person who reads the quotation in its place.

Windows of {manifest.max_length} tokens overlap by {manifest.stride}; an answer has at most \
{manifest.max_answer_tokens} tokens and consists of whole words."""


def _thresholds(manifest: Manifest, figures: CardFigures) -> str:
    first, *others = zip(figures.request.validation, figures.selection.winner.reads, strict=True)
    path, reads = first
    elsewhere = "".join(
        f"\n\nThe same thresholds on `{path.name}`, where none was chosen:\n\n"
        f"{tables.thresholds(manifest.calibration, reads, {})}"
        for path, reads in others
    )
    return f"""### Thresholds

{tables.thresholds(manifest.calibration, reads, figures.fitted.absent)}

The consumer's setting `SPANSTREAM_MODEL__THRESHOLD` takes one of these names, or a number. They are chosen on these
same questions (`{path.name}`), so all figures at a threshold are a little too good.{elsewhere}"""


def _kinds(manifest: Manifest, figures: CardFigures) -> str:
    """Renders the figures by kind of the files that have labels; empty without any."""
    threshold = manifest.calibration.thresholds["default"]
    sections = []
    for path, reads, confidences, kinds in zip(
        figures.request.validation, figures.selection.winner.reads, _held_out(figures), figures.kinds, strict=True
    ):
        if kinds:
            labels = [kinds[read.example.id] for read in reads]
            by_kind = kind_figures(labels, LabelledSample.of(reads, confidences), threshold)
            sections.append(f"""### By kind

On `{path.name}`, the lowest F1 first. Answers are given from the threshold `default` on, by the confidence of a fit
that had not seen the question.
{kinds_section(by_kind)}""")
    return "\n\n".join(sections).rstrip()


def _held_out(figures: CardFigures) -> list[Sequence[float]]:
    """Returns the held-out confidences file by file."""
    sizes = [len(reads) for reads in figures.selection.winner.reads]
    ends = list(accumulate(sizes))
    return [figures.fitted.held_out[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _confidence(manifest: Manifest, figures: CardFigures) -> str:
    fitted = figures.fitted
    files = zip(figures.request.validation, figures.selection.winner.reads, _held_out(figures), strict=True)
    tables_of_files = [
        f"On `{path.name}`:\n\n{tables.confidence(reads, held_out)}\n\n" for path, reads, held_out in files
    ]
    return f"""### Confidence

Each confidence below was given by a fit that had not seen the question's {fitted.grouped_by}; plain softmax is the
probability of the span in its window. (Bootstrapping inflates a calibration error a little, so its value lies at the
low end.)

{"".join(tables_of_files).strip()}

The confidence weighs {", ".join(f"`{name}`" for name in manifest.calibration.weights)}. Held-out log loss of what was
tried: {"; ".join(f"{names} {loss:.4f}" for names, loss in fitted.log_losses.items())}.
Other texts will score differently: `spanstream model calibrate` fits it to a labelled sample of yours.

{alternatives_section(fitted.alternatives)}"""


def _accuracy(figures: CardFigures) -> str:
    same, total = figures.same_spans
    files = "\n\n".join(_accuracy_on(figures, number) for number in range(len(figures.request.validation)))
    return f"""## Figures

Exact match (EM) and F1 are the official SQuAD 2.0 script's, in percent, with 95 % intervals by bootstrap over
paragraphs.

{files}

The built model gives fp32's answer to {same} of {total} golden windows."""


def _accuracy_on(figures: CardFigures, number: int) -> str:
    """Renders the figures on one of the validation files."""
    selection, earlier = figures.selection, figures.earlier
    reads = selection.winner.reads[number]
    unanswerable = sum(not read.example.has_answer for read in reads)
    models = {"fp32": selection.reference.reads[number]}
    if selection.winner is not selection.reference:
        models[selection.winner.built.recipe.precision] = reads
    gain = ""
    if earlier:
        before = earlier.reads[number]
        models = {f"before: {earlier.name}, {earlier.precision}": before} | models
        gain = f"\n\nF1 against before, question by question: {tables.gain(reads, before)}."
    asked = f"{len(reads)} questions, {unanswerable} of them without an answer"
    return f"""On `{figures.request.validation[number].name}`: {asked}.

{tables.accuracy(models)}{gain}"""


def _building(figures: CardFigures) -> str:
    selection, checkpoint = figures.selection, figures.checkpoint
    is_tested = checkpoint.model_type in TESTED_ARCHITECTURES
    untested = "" if is_tested else " This architecture is not among those the build is tested with."
    recipes = (entry.built.recipe for entry in selection.entries)
    descriptions = "\n".join(f"- `{recipe.name}`: {recipe.about}." for recipe in recipes)
    session = selection.winner.session
    fp16 = f"\n- fp16 for the GPU, checked on the CPU: {figures.fp16}." if figures.fp16 else ""
    return f"""## How it was built

Exported with optimum, then {figures.fused}.{untested}

{tables.variants(selection)}

F1 and EM are those of the questions that had a part in the choice: {_choosing(figures)}. The other half
of the first file, by {figures.fitted.grouped_by}, was left for the guarantees to be tested on.

{descriptions}

{_timing(selection) if selection.winner.speed else _QUICK}

- Session: graph optimizations {session.optimization_level}, {session.threads_per_run} threads a run, \
{session.max_batch_tokens} padded tokens a batch\
{f", without {', '.join(session.disabled_optimizers)}" if session.disabled_optimizers else ""}.
- A window's logits must be the same bits whatever it is batched with. Where they are not (dynamic quantization takes
  one scale for a whole batch), windows are read one at a time, and that is how the variant was timed.
- int8 scales were fixed on windows of {", ".join(figures.samples)}.
- Weights of the static variants are scaled so that u8 x s8 products of CPUs without VNNI cannot saturate.
- At start, {figures.same_spans[1]} golden windows must come out within {TOLERANCE} of the logits measured here.\
{fp16}"""


def _choosing(figures: CardFigures) -> str:
    files = zip(figures.request.validation, figures.choosing, figures.selection.winner.reads, strict=True)
    return ", ".join(f"{number} of {len(reads)} of `{path.name}`" for path, number, reads in files)


def _examples(figures: CardFigures) -> dict[str, list[Example]]:
    files = zip(figures.request.validation, figures.selection.winner.reads, strict=True)
    return {path.name: [read.example for read in reads] for path, reads in files}


def _timing(selection: VariantSelection) -> str:
    dot_product = {True: "with int8 dot products", False: "without int8 dot products", None: "of unknown instructions"}
    return f"""The fastest variant that loses at most {MARGIN} points of F1 against fp32 (beyond one standard error of
the difference, question by question) was taken. Speed is a ratio of windows a second: the median, least and greatest of
rounds in turns over {selection.windows} windows, each variant with the session options it is fastest with. The CPU
calls itself {cpu_name()}, {dot_product[has_int8_dot_product()]}, and lent {available_cpus()} threads."""


def _rebuild(figures: CardFigures) -> str:
    versions = ", ".join(f"{tool} {number}" for tool in _TOOLS if (number := _version(tool)))
    return f"""## Rebuild

```sh
{_command(figures)}
```

Built with {versions}."""


def _command(figures: CardFigures) -> str:
    request = figures.request
    options = [
        ("--version", request.version),
        *(("--sample", f"path/to/{sample.name}") for sample in request.samples),
        *(("--variant", name) for name in request.variants),
        ("--max-length", str(request.max_length)),
        ("--stride", str(request.stride)),
        *([("--quick", "")] if request.quick else []),
        *([("--gpu", "")] if request.gpu else []),
        *([("--compare", f"path/to/{figures.earlier.name}")] if figures.earlier else []),
        *([("--about", f"path/to/{request.about.name}")] if request.about else []),
    ]
    first, *others = request.validation
    options += [("--validation", f"path/to/{path.name}") for path in others]
    arguments = " ".join(f"{name} {value}".strip() for name, value in options)
    return (
        f"make model CHECKPOINT=path/to/checkpoint VALIDATION=path/to/{first.name} OUTPUT={request.name} \\\n"
        f'    ARGS="{arguments}"'
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
