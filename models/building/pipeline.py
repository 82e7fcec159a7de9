"""Builds an artifact out of a checkpoint, in one go.

    checkpoint -> export -> fuse, rewrite -> variants, measured beside each other on the validation data -> the fastest
      within the margin -> calibration, golden logits -> manifest, card (and an fp16 variant for a GPU)

All of it happens in a folder beside the output, which takes its place at the end: nothing half-written is left.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from spanstream.models.artifact import Golden, Manifest, Variant, sha256_of_file, write_manifest
from spanstream.models.building.card import CardFigures, card
from spanstream.models.building.compare import EarlierModel, read_earlier
from spanstream.models.building.golden import golden, golden_spans
from spanstream.models.building.graph.export import check_export, export
from spanstream.models.building.inputs import first_windows, read_files, samples_of
from spanstream.models.building.request import BuildRequest
from spanstream.models.building.variants.context import BuildContext, open_context, probes_of
from spanstream.models.building.variants.fp16 import write_fp16
from spanstream.models.building.variants.recipes import RECIPES, recipes
from spanstream.models.building.variants.selection import Say, TrialPlan, VariantSelection, select_variant, take_first
from spanstream.models.building.variants.trials import BuiltVariant
from spanstream.models.calibrating.calibration_record import write_record
from spanstream.models.calibrating.fit import fit
from spanstream.models.checkpoints.checkpoint import Checkpoint
from spanstream.models.checkpoints.training_record import read_training
from spanstream.models.defaults import MAX_ANSWER_TOKENS
from spanstream.models.errors import BuildError
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.staging import staged_folder
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape

_SAMPLE_WINDOWS: Final = 160


def build(order: BuildRequest, output: Path, *, say: Say = print) -> None:
    """Build an artifact into `output`, which is replaced.

    Args:
        order: what to build.
        output: the artifact's folder.
        say: told what is being done, one line a step.

    Raises:
        BuildError: an input is not what it should be; nothing is left behind.
    """
    with staged_folder(output) as finished, tempfile.TemporaryDirectory() as work:
        _Build(order, Path(work), finished, say).run()
    say(f"built {output}")


class _Build:
    """One build, from its inputs to the finished folder."""

    def __init__(self, order: BuildRequest, work: Path, finished: Path, say: Say) -> None:
        self._order = order
        self._work = work
        self._finished = finished
        self._say = say
        self._checkpoint = Checkpoint.open(order.checkpoint)
        self._recipes = recipes(order.variants)
        self._about = _read_about(order.about)
        self._training = read_training(self._checkpoint.folder)
        self._tokenizer = self._checkpoint.write_tokenizer(finished / "tokenizer.json")
        self._options = _reading_options(order, self._checkpoint, self._tokenizer)
        paths = dict.fromkeys([order.validation, *order.samples])
        files = {file.path: file for file in read_files(paths, self._tokenizer)}
        self._validation = files[order.validation]
        self._samples = [files[path] for path in order.samples] or [self._validation]

    def run(self) -> None:
        """All steps."""
        # First, since what is to be compared with may turn out to be nothing.
        earlier = self._earlier()
        workshop = self._export()
        contest = self._choose(workshop)
        self._say("calibrate")
        fitted = fit(contest.winner.reads, f"{self._order.name}-{self._order.version}")
        self._say("write golden logits, manifest and card")
        winner = contest.winner.built
        variant = winner.variant(contest.winner.session)
        shutil.copy(winner.path, self._finished / variant.file)
        session = winner.open(variant.session)
        arguments = (self._tokenizer, self._options.shape, self._options.pad_id)
        expected = golden(session, *arguments)
        (self._finished / "golden.json").write_text(expected.model_dump_json() + "\n", encoding="utf-8")
        write_record(self._finished, fitted, [self._order.validation])
        wanted, found = (
            golden_spans(each, *arguments, MAX_ANSWER_TOKENS)
            for each in (contest.reference.built.open(contest.reference.session), session)
        )
        variants, half = self._add_half(workshop, variant, contest.reference.built, expected)
        manifest = Manifest(
            name=self._order.name,
            version=self._order.version,
            architecture=self._checkpoint.model_type,
            tokenizer_fingerprint=self._tokenizer.fingerprint,
            pad_id=self._checkpoint.pad_id,
            max_length=self._options.shape.max_length,
            stride=self._options.shape.stride,
            max_answer_tokens=MAX_ANSWER_TOKENS,
            variants=variants,
            calibration=fitted.calibration,
            files={file.name: sha256_of_file(file) for file in sorted(self._finished.iterdir())},
        )
        write_manifest(self._finished, manifest)
        evaluation = CardFigures(
            contest=contest,
            fitted=fitted,
            checkpoint=self._checkpoint,
            fused=workshop.note,
            samples=[file.path.name for file in self._samples],
            same_spans=(sum(one == other for one, other in zip(wanted, found, strict=True)), len(wanted)),
            half=half,
            training=self._training,
            about=self._about,
            earlier=earlier,
            order=self._order,
        )
        (self._finished / "README.md").write_text(card(manifest, evaluation), encoding="utf-8")

    def _export(self) -> BuildContext:
        self._say("load and export")
        samples = samples_of(self._samples, self._options, number=_SAMPLE_WINDOWS)
        model = self._checkpoint.load_model()
        exported = export(model, self._work / "exported")
        check_export(exported, model, probes_of(samples, self._options.pad_id))
        workshop = open_context(self._checkpoint, exported, self._work, samples)
        self._say(workshop.note)
        return workshop

    def _choose(self, workshop: BuildContext) -> VariantSelection:
        windows = first_windows(self._validation, self._options, number=_SAMPLE_WINDOWS)
        course = TrialPlan(self._validation.examples, windows, self._options)
        choose = take_first if self._order.quick else select_variant
        contest = choose(workshop, self._recipes, course, say=self._say)
        for entry in contest.entries:
            self._say(f"{entry.built.recipe.name}: F1 {entry.f1:.2f}, {contest.verdict(entry)}")
        for refused in contest.refused:
            self._say(f"{refused.recipe.name}: could not be built: {refused.reason}")
        return contest

    def _add_half(
        self, workshop: BuildContext, variant: Variant, reference: BuiltVariant, expected: Golden
    ) -> tuple[tuple[Variant, ...], str | None]:
        """The variants, and what the card says of fp16."""
        if not self._order.gpu:
            return (variant,), None
        self._say("make fp16 for the GPU")
        try:
            half = write_fp16(workshop, self._finished, reference.open(RECIPES[0].sessions[0]), expected, self._options)
        except Exception as error:  # noqa: BLE001  the converter trips over graphs it does not know in ways of its own
            (self._finished / "model.fp16.onnx").unlink(missing_ok=True)
            reason = f"could not be made: {' '.join(str(error).split())[:200]}"
            self._say(f"fp16: {reason}")
            return (variant,), reason
        return (variant, half.variant), f"gives fp32's spans on {half.same_spans} of {half.spans} golden windows"

    def _earlier(self) -> EarlierModel | None:
        if self._order.compare is None:
            return None
        self._say(f"read with {self._order.compare}")
        return read_earlier(self._order.compare, self._validation.examples, self._options)


def _reading_options(order: BuildRequest, checkpoint: Checkpoint, tokenizer: Tokenizer) -> ReadingOptions:
    max_length = min(order.max_length, checkpoint.longest)
    # Windows of a model with few positions would hardly advance.
    stride = min(order.stride, max_length // 3)
    shape = WindowShape(max_length, stride, tokenizer.template)
    return ReadingOptions(tokenizer, shape, checkpoint.pad_id, MAX_ANSWER_TOKENS, 512, available_cpus())


def _read_about(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() if path else None
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: cannot be read: {error}") from error
