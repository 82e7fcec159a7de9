"""Builds an artifact out of a checkpoint.

    checkpoint -> export -> fuse, rewrite -> variants, measured beside each other on the validation data -> the fastest
      within the margin -> calibration, golden logits -> manifest, card (and an fp16 variant for a GPU)

Half of the first validation file, by text, has no part in any choice until the calibration tests its guarantees on it.

All of it is written into a folder beside the output, which is replaced at the end: nothing half-written is left.
"""

from __future__ import annotations

import shutil
import tempfile
from itertools import compress
from pathlib import Path
from typing import Final

from spanstream.models.artifact import Golden, Manifest, Variant, sha256_of_file, write_manifest
from spanstream.models.building.build_context import BuildContext, open_context, probes_of
from spanstream.models.building.card import CardFigures, render_card
from spanstream.models.building.earlier_model import EarlierModel, read_with_earlier_model
from spanstream.models.building.golden_logits import compute_golden, golden_spans
from spanstream.models.building.graph.export import check_export, export
from spanstream.models.building.inputs import (
    LabelledFile,
    first_windows,
    read_files,
    refuse_shared_texts,
    sample_batches,
    without_texts_of,
)
from spanstream.models.building.request import BuildRequest
from spanstream.models.building.variants.fp16 import FP16_FILE, write_fp16
from spanstream.models.building.variants.recipes import RECIPES, BuiltVariant, select_recipes
from spanstream.models.building.variants.selection import (
    MeasurementData,
    Say,
    VariantSelection,
    select_first,
    select_variant,
)
from spanstream.models.calibrating.calibration_record import write_record
from spanstream.models.calibrating.fit import FittedCalibration, fit_calibration
from spanstream.models.calibrating.folds import halve
from spanstream.models.checkpoints.checkpoint import CONFIG, Checkpoint
from spanstream.models.checkpoints.training_record import read_training
from spanstream.models.defaults import MAX_ANSWER_TOKENS
from spanstream.models.drift.reference import write_reference
from spanstream.models.errors import BuildError, one_line
from spanstream.models.evaluation.kinds import read_kinds
from spanstream.models.evaluation.reference_reads import reference_of, whole_document_observations
from spanstream.models.inference.cpu import available_cpus
from spanstream.models.metrics.reading import ReadingOptions
from spanstream.models.staging import staged_folder
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape

_SAMPLE_WINDOWS: Final = 160


def build(request: BuildRequest, output: Path, *, say: Say = print) -> None:
    """Builds an artifact into `output`, which is replaced.

    Args:
        request: what to build.
        output: the artifact's folder.
        say: called with one line for each step.

    Raises:
        BuildError: an input is not what it should be; nothing is left behind.
    """
    with staged_folder(output) as finished, tempfile.TemporaryDirectory() as work:
        _Build(request, Path(work), finished, say).run()
    say(f"built {output}")


class _Build:
    """One build, from its inputs to the finished folder."""

    def __init__(self, request: BuildRequest, work: Path, finished: Path, say: Say) -> None:
        self._request = request
        self._work = work
        self._finished = finished
        self._say = say
        self._checkpoint = Checkpoint.open(request.checkpoint)
        self._recipes = select_recipes(request.variants)
        self._about = _read_about(request.about)
        self._training = read_training(self._checkpoint.folder)
        self._tokenizer = self._checkpoint.write_tokenizer(finished / "tokenizer.json")
        shutil.copy(self._checkpoint.folder / CONFIG, finished / CONFIG)
        self._options = _reading_options(request, self._checkpoint, self._tokenizer)
        paths = dict.fromkeys([*request.validation, *request.samples])
        files = {file.path: file for file in read_files(paths, self._tokenizer)}
        self._validation = [files[path] for path in request.validation]
        refuse_shared_texts(self._validation)
        first, *others = self._validation
        self._choose = halve(first.examples).first
        self._choosing = [LabelledFile(first.path, list(compress(first.examples, self._choose))), *others]
        self._kinds = [read_kinds(file.path, [example.id for example in file.examples]) for file in self._validation]
        set_apart = compress(first.examples, ~self._choose)
        self._samples = without_texts_of(set_apart, [files[path] for path in request.samples]) or self._choosing

    def run(self) -> None:
        """Takes all steps."""
        # First, since the earlier model may turn out to be unusable.
        earlier = self._read_with_earlier_model()
        context = self._export()
        selection = self._select(context)
        self._say("calibrate")
        first, *others = selection.winner.reads
        name = f"{self._request.name}-{self._request.version}"
        fitted = fit_calibration(first, name, also=[read for reads in others for read in reads])
        self._say("write golden logits, manifest and card")
        variant, expected, same_spans = self._write_winner(selection)
        write_record(self._finished, fitted, self._request.validation)
        observations = whole_document_observations(first)
        write_reference(self._finished, reference_of(observations, fitted.calibration, self._tokenizer))
        variants, fp16 = self._add_fp16(context, variant, selection.reference.built, expected)
        manifest = self._write_manifest(variants, fitted)
        figures = CardFigures(
            selection=selection,
            kinds=self._kinds,
            choosing=[len(file.examples) for file in self._choosing],
            fitted=fitted,
            checkpoint=self._checkpoint,
            fused=context.note,
            samples=[file.path.name for file in self._samples],
            same_spans=same_spans,
            fp16=fp16,
            training=self._training,
            about=self._about,
            earlier=earlier,
            request=self._request,
        )
        (self._finished / "README.md").write_text(render_card(manifest, figures), encoding="utf-8")

    def _read_with_earlier_model(self) -> EarlierModel | None:
        if self._request.compare is None:
            return None
        self._say(f"read with {self._request.compare}")
        return read_with_earlier_model(self._request.compare, self._validation, self._options)

    def _export(self) -> BuildContext:
        self._say("load and export")
        samples = sample_batches(self._samples, self._options, number=_SAMPLE_WINDOWS)
        model = self._checkpoint.load_model()
        exported = export(model, self._work / "exported")
        check_export(exported, model, probes_of(samples, self._options.pad_id))
        context = open_context(self._checkpoint, exported, self._work, samples)
        self._say(context.note)
        return context

    def _select(self, context: BuildContext) -> VariantSelection:
        windows = first_windows(self._choosing[0], self._options, number=_SAMPLE_WINDOWS)
        data = MeasurementData([file.examples for file in self._validation], self._choose, windows, self._options)
        select = select_first if self._request.quick else select_variant
        selection = select(context, self._recipes, data, say=self._say)
        for entry in selection.entries:
            f1 = " and ".join(f"{f1:.2f}" for f1 in entry.f1)
            self._say(f"{entry.built.recipe.name}: F1 {f1}, {selection.reason(entry)}")
        for refused in selection.refused:
            self._say(f"{refused.recipe.name}: could not be built: {refused.reason}")
        return selection

    def _write_winner(self, selection: VariantSelection) -> tuple[Variant, Golden, tuple[int, int]]:
        """Writes the model file and its golden logits.

        Returns:
            The manifest's entry, the golden logits, and (golden windows that give fp32's span, golden windows).
        """
        winner, reference = selection.winner, selection.reference
        variant = winner.built.variant(winner.session)
        shutil.copy(winner.built.path, self._finished / variant.file)
        session = winner.built.open(variant.session)
        arguments = (self._tokenizer, self._options.shape, self._options.pad_id)
        golden = compute_golden(session, *arguments)
        (self._finished / "golden.json").write_text(golden.model_dump_json(exclude_none=True) + "\n", encoding="utf-8")
        expected_spans = golden_spans(reference.built.open(reference.session), *arguments, MAX_ANSWER_TOKENS)
        spans = golden_spans(session, *arguments, MAX_ANSWER_TOKENS)
        same = sum(span == expected for span, expected in zip(spans, expected_spans, strict=True))
        return variant, golden, (same, len(spans))

    def _add_fp16(
        self, context: BuildContext, variant: Variant, reference: BuiltVariant, expected: Golden
    ) -> tuple[tuple[Variant, ...], str | None]:
        """Returns the variants, and what the card says of fp16."""
        if not self._request.gpu:
            return (variant,), None
        self._say("make fp16 for the GPU")
        try:
            fp16 = write_fp16(context, self._finished, reference.open(RECIPES[0].sessions[0]), expected, self._options)
        except Exception as error:  # noqa: BLE001  the converter raises errors of many classes on unknown graphs
            (self._finished / FP16_FILE).unlink(missing_ok=True)
            reason = f"could not be made: {one_line(error)}"
            self._say(f"fp16: {reason}")
            return (variant,), reason
        return (variant, fp16.variant), f"gives fp32's spans on {fp16.same_spans} of {fp16.spans} golden windows"

    def _write_manifest(self, variants: tuple[Variant, ...], fitted: FittedCalibration) -> Manifest:
        """Writes the manifest, which names every file that is there by now."""
        manifest = Manifest(
            name=self._request.name,
            version=self._request.version,
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
        return manifest


def _reading_options(request: BuildRequest, checkpoint: Checkpoint, tokenizer: Tokenizer) -> ReadingOptions:
    max_length = min(request.max_length, checkpoint.max_positions)
    # With a longer stride, windows of a model with few positions would hardly advance.
    stride = min(request.stride, max_length // 3)
    shape = WindowShape(max_length, stride, tokenizer.template)
    return ReadingOptions(tokenizer, shape, checkpoint.pad_id, MAX_ANSWER_TOKENS, 512, available_cpus())


def _read_about(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() if path else None
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"{path}: cannot be read: {error}") from error
