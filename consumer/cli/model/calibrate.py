"""`spanstream model calibrate`: confidence and thresholds fitted to labelled questions of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from spanstream.models.defaults import DEFAULT_ARTIFACT, DEFAULT_MAX_WINDOWS

if TYPE_CHECKING:
    from spanstream.models.metrics.squad_files import Example

# typer copies a default list.
_PERCENTS = [80, 90]


def calibrate(  # noqa: PLR0913, PLR0917  one option each
    data: options.CalibrationData = None,
    topics: options.CalibrationTopics = False,
    feedback: FeedbackFiles = None,
    documents: DocumentFiles = None,
    uniform: Uniform = False,
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

    Needs the evaluate group (requirements/evaluate.txt). About a minute for 3,000 questions of a paragraph.
    """
    with evaluate_tools("calibrating"):
        from spanstream.consumer.cli.model.figure_tables import show_calibration  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.calibrating.thresholds import ThresholdRequest  # noqa: PLC0415  needs scikit-learn and scipy
        from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate  # noqa: PLC0415  needs scikit-learn and scipy
    target = _target(artifact, output)
    if sum(map(bool, (data, topics, feedback))) != 1:
        raise typer.BadParameter("give one of --data, --topics and --feedback")
    wanted = ThresholdRequest(tuple(precision), tuple(recall), tuple(guarantee))

    def fit(files: Sequence[Path]) -> None:
        request = CalibrationRequest(artifact, files, target, name, wanted, max_windows, windows, threads)
        with show_stages() as begin:
            result = recalibrate(request, begin=begin, say=lambda line: typer.echo(line, err=True))
        show_calibration(result, Console())
        typer.echo(f"wrote {target}")

    if data:
        fit(data)
        return
    with opened_sources(open_settings(config), {"feedback": feedback, "documents": documents}) as sources:
        examples = examples_of_labels(sources, held_out=1.0, uniform=uniform).held_out
    with _written_down(examples) as file:
        fit([file])


def _target(artifact: Path, output: Path | None) -> Path:
    if output is None and artifact.resolve() == DEFAULT_ARTIFACT.resolve():
        raise typer.BadParameter(
            "say where to write to: the program's own artifact is not replaced", param_hint="--output"
        )
    return output or artifact


@contextmanager
def _written_down(examples: Sequence[Example]) -> Iterator[Path]:
    """Writes the labels into a SQuAD file, which holds texts and is gone afterwards."""
    if not examples:
        raise Stop("there is no label to calibrate with", hint="`spanstream feedback tail` shows those that stand")
    with TemporaryDirectory(prefix="spanstream-") as folder:
        file = Path(folder, "labels.json")
        write_examples(file, examples)
        yield file
