"""`spanstream model calibrate`: confidence and thresholds fitted to labelled questions of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.label.options import DocumentFiles, FeedbackFiles, Uniform, opened_sources
from spanstream.consumer.cli.model import options
from spanstream.consumer.cli.model.label_examples import examples_of_labels, write_examples
from spanstream.consumer.cli.model.tool_groups import evaluate_tools
from spanstream.consumer.errors import Stop
from spanstream.consumer.terminal.progress import show_stages
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS, WindowMode

if TYPE_CHECKING:
    from spanstream.models.evaluation.recalibrate import CalibrationRequest
    from spanstream.models.metrics.squad_files import Example

# typer copies a default list.
_PERCENTS = [80, 90]


def calibrate(  # noqa: PLR0913, PLR0917  one option each
    data: options.CalibrationData = None,
    topics: options.CalibrationTopics = False,
    feedback: FeedbackFiles = None,
    documents: DocumentFiles = None,
    uniform: Uniform = False,
    collection: options.CalibrationCollection = None,
    artifact: options.ArtifactOption = DEFAULT_ARTIFACT,
    output: options.CalibratedFolder = None,
    name: options.CalibrationName = None,
    precision: options.Precisions = _PERCENTS,
    recall: options.Recalls = _PERCENTS,
    guarantee: options.Guarantees = _PERCENTS,
    max_windows: options.MaxWindows = DEFAULT_MAX_WINDOWS,
    windows: options.Windows = None,
    threads: options.Threads = None,
    config: ConfigFile = None,
) -> None:
    """Fit the confidence and its named thresholds to labelled questions of yours; from about 200 on it is worth it.

    Example: spanstream model calibrate --data tickets.json --output my-artifact, then
    SPANSTREAM_MODEL__PATH=my-artifact SPANSTREAM_MODEL__THRESHOLD=precision-90 spanstream run

    The questions are those of SQuAD files (--data), of the labels that feedback has become (--topics), or of files of
    feedback events and their documents (--feedback, --documents).

    Answers out of a collection have a confidence of their own, with thresholds of the same names:
    spanstream model calibrate --collection kb.json --output my-artifact
    The paragraphs of these files together are the collection: they are indexed in a temporary folder, searched for each
    question and read. --data and --collection may be given together.

    Needs the evaluate group (requirements/evaluate.txt); --collection needs the extra `collections` as well. About a
    minute for 3,000 questions of a paragraph, or for 500 about a collection.
    """
    with evaluate_tools("calibrating"):
        from spanstream.models.calibrating.thresholds import ThresholdRequest  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.recalibrate import CalibrationRequest  # noqa: PLC0415  needs scikit-learn and scipy
    target = _target(artifact, output)
    labels = _Labels(data, topics, feedback, documents, uniform, config)
    _check_sources(labels, collection, windows)
    wanted = ThresholdRequest(tuple(precision), tuple(recall), tuple(guarantee))
    request = CalibrationRequest(artifact, (), target, name, wanted, max_windows, windows, threads)
    if collection:
        _fit_collection(request, collection, labels)
    else:
        _fit(request, labels, tell_loss=True)
    typer.echo(f"wrote {target}")


@dataclass(frozen=True, slots=True)
class _Labels:
    """Where labelled questions about single documents come from, as the options say it."""

    data: list[Path] | None
    topics: bool
    feedback: list[Path] | None
    documents: list[Path] | None
    uniform: bool
    config: Path | None

    @property
    def sources(self) -> int:
        """How many were given."""
        return sum(map(bool, (self.data, self.topics, self.feedback)))

    @contextmanager
    def files(self) -> Iterator[Sequence[Path]]:
        """Yields SQuAD files of them."""
        if self.data:
            yield self.data
            return
        files = {"feedback": self.feedback, "documents": self.documents}
        with opened_sources(open_settings(self.config), files) as sources:
            examples = examples_of_labels(sources, held_out=1.0, uniform=self.uniform).held_out
        with _written_down(examples) as file:
            yield [file]


def _check_sources(labels: _Labels, collection: list[Path] | None, windows: WindowMode | None) -> None:
    if labels.sources > 1 or not (labels.sources or collection):
        raise typer.BadParameter("give one of --data, --topics and --feedback, or --collection, or one and that")
    if windows and not labels.sources:
        raise typer.BadParameter(
            "other windows need another confidence of one document: give --data too", param_hint="--windows"
        )


def _target(artifact: Path, output: Path | None) -> Path:
    if output is None and artifact.resolve() == DEFAULT_ARTIFACT.resolve():
        raise typer.BadParameter(
            "say where to write to: the program's own artifact is not replaced", param_hint="--output"
        )
    return output or artifact


def _fit(request: CalibrationRequest, labels: _Labels, *, tell_loss: bool) -> None:
    from spanstream.consumer.cli.model.figure_tables import show_calibration  # noqa: PLC0415  needs scikit-learn and scipy
    from spanstream.models.evaluation.recalibrate import recalibrate  # noqa: PLC0415  needs scikit-learn and scipy

    with labels.files() as files, show_stages() as begin:
        result = recalibrate(replace(request, data=files), begin=begin, say=_say)
    show_calibration(result, Console())
    if tell_loss and result.lost_collection is not None:
        weighed = ", ".join(result.lost_collection.weights)
        _say(
            f"collections have no confidence of their own now: the one so far ({weighed}) weighs the confidence of one "
            "document, which is made of other figures now; --collection FILE fits it again"
        )


def _fit_collection(request: CalibrationRequest, collection: Sequence[Path], labels: _Labels) -> None:
    """Fits a collection's confidence; where there are other labels, the confidence of one document before it."""
    from spanstream.consumer.cli.model.figure_tables import show_collection_calibration  # noqa: PLC0415  needs scikit-learn and scipy
    from spanstream.consumer.operations.collection_search import opened_text_search  # noqa: PLC0415  for those who use it
    from spanstream.models.evaluation.collections.recalibrating import CollectionRequest, recalibrate_collection  # noqa: PLC0415  needs scikit-learn and scipy

    settings = open_settings(labels.config)
    with (
        opened_text_search(settings.index, request.threads) as search,
        TemporaryDirectory(prefix="spanstream-") as made,
    ):
        artifact = request.artifact
        if labels.sources:
            artifact = Path(made, "artifact")
            _fit(replace(request, output=artifact), labels, tell_loss=False)
        wanted = CollectionRequest(
            artifact,
            collection,
            request.output,
            datetime.now(UTC).date(),
            name=request.name,
            wanted=request.wanted,
            threads=request.threads,
        )
        with show_stages() as begin:
            result = recalibrate_collection(wanted, search, begin=begin, say=_say)
    show_collection_calibration(result, Console())


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _written_down(examples: Sequence[Example]) -> Iterator[Path]:
    """Writes the labels into a SQuAD file, which holds texts and is gone afterwards."""
    if not examples:
        raise Stop("there is no label to calibrate with", hint="`spanstream feedback tail` shows those that stand")
    with TemporaryDirectory(prefix="spanstream-") as folder:
        file = Path(folder, "labels.json")
        write_examples(file, examples)
        yield file
