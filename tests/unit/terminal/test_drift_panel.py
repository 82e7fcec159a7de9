"""The table of `spanstream drift`: each figure, and words only for what moved."""

from __future__ import annotations

import io

from rich.console import Console

from spanstream.consumer.terminal.drift_panel import DriftPanel
from spanstream.models.drift.comparison import compare
from spanstream.models.drift.figures import FIGURES, FigureTable
from tests.support.model.question_reads import UNKNOWN, drawn_reads


def test_every_figure_has_a_line_and_what_moved_is_told_in_words() -> None:
    longer, before = (
        FigureTable.of(reads, UNKNOWN).counts() for reads in (drawn_reads(1, 60, longer=8), drawn_reads(2, 60))
    )
    out = io.StringIO()
    Console(file=out, width=160).print(DriftPanel(compare(longer, before), 0.25))
    head, *lines = out.getvalue().splitlines()
    assert head.split() == ["figure", "drift", "PSI", "by", "chance", "what", "moved", "most"]
    said = {line.split()[0]: line for line in lines}
    assert list(said) == [figure.name for figure in FIGURES]
    assert "longer documents: " in said["document_tokens"]
    assert "as before, or by chance" in said["confidence"]
