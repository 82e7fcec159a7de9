"""`spanstream model examples`: examples to learn from and to measure on, out of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spanstream.consumer.cli.config_file import ConfigFile, open_settings
from spanstream.consumer.cli.label.options import DocumentFiles, FeedbackFiles, Uniform, opened_sources
from spanstream.consumer.cli.model.label_examples import OnConflict, examples_of_labels, write_examples


def examples(  # noqa: PLR0913, PLR0917  one option each
    output: Annotated[Path, typer.Option(help="Folder to write train.json and held-out.json into.")],
    feedback: FeedbackFiles = None,
    documents: DocumentFiles = None,
    held_out: Annotated[float, typer.Option(min=0, max=1, help="Share of the documents to measure on.")] = 0.3,
    on_conflict: Annotated[
        OnConflict, typer.Option(help="Questions that people label differently: leave them out, or the newest wins.")
    ] = OnConflict.LEAVE_OUT,
    suggested: Annotated[bool, typer.Option("--suggested", help="Take labels that no person has accepted.")] = False,
    uniform: Uniform = False,
    config: ConfigFile = None,
) -> None:
    """Make SQuAD v2 files of the labels there are, split by document; a document stays on its side for ever.

    Example: spanstream model examples --output examples, then
    spanstream model calibrate --data examples/held-out.json --output my-artifact
    """
    settings = open_settings(config)
    with opened_sources(settings, {"feedback": feedback, "documents": documents}) as sources:
        made = examples_of_labels(
            sources, held_out=held_out, on_conflict=on_conflict, suggested=suggested, uniform=uniform
        )
    write_examples(output / "train.json", made.train)
    write_examples(output / "held-out.json", made.held_out)
