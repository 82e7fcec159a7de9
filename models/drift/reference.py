"""Reads and writes reference.json: how the figures of the questions lay that an artifact was calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from spanstream.models.arrays import Float64Array, Int64Array
from spanstream.models.artifact import Artifact, FrozenModel, first_problem
from spanstream.models.drift.figures import FIGURES, FigureTable, QuestionRead
from spanstream.models.errors import ArtifactError

REFERENCE_FILE: Final = "reference.json"
_CONFIDENCE = next(figure for figure in FIGURES if figure.name == "confidence")


class ReferenceFigure(FrozenModel):
    """One figure's histogram: the bins' upper edges, and how many documents or questions are in each bin."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> Self:
        if len(self.counts) != len(self.edges) + 1 or min(self.counts) < 0:
            raise ValueError(f"{len(self.edges)} edges need {len(self.edges) + 1} counts of at least 0")
        return self


class Reference(FrozenModel):
    """reference.json, format 1."""

    format: Literal[1] = 1
    questions: int = Field(ge=1)
    documents: int = Field(ge=1)
    threshold: float = Field(ge=0, le=1, description="Least confidence that counts as answered.")
    figures: dict[str, ReferenceFigure]

    @classmethod
    def of(
        cls,
        reads: Sequence[QuestionRead],
        *,
        threshold: float,
        unknown_id: int | None,
        weights: Sequence[float] | None = None,
    ) -> Reference:
        """Counts labelled questions as they were read.

        Args:
            reads: at least one.
            threshold: from which they count as answered.
            unknown_id: the tokenizer's.
            weights: as how many questions each counts, where they were drawn with unequal chances; None: as one.
        """
        counts = FigureTable.of(reads, unknown_id).counts(None if weights is None else np.array(weights))
        return cls(
            questions=len(reads),
            documents=len({read.text_sha256 for read in reads}),
            threshold=threshold,
            figures={
                figure.name: ReferenceFigure(edges=figure.edges, counts=tuple(counts[figure.name].tolist()))
                for figure in FIGURES
            },
        )

    def counts(self, threshold: float) -> dict[str, Int64Array | Float64Array]:
        """Returns each figure's counts by bin; a figure whose bins this program does not have is left out.

        Args:
            threshold: least confidence of an answer now. Where it is another than the reference's, how many would have
                been answered is interpolated in the bins of the confidence.
        """
        counts: dict[str, Int64Array | Float64Array] = {}
        for figure in FIGURES:
            stored = self.figures.get(figure.name)
            if stored is not None and stored.edges == figure.edges:
                counts[figure.name] = np.array(stored.counts, dtype=np.int64)
        if threshold != self.threshold and {"confidence", "answered"} <= counts.keys():
            below = np.interp(threshold, (0, *_CONFIDENCE.edges, 1), (0, *np.cumsum(counts["confidence"])))
            counts["answered"] = np.array([below, counts["confidence"].sum() - below])
        return counts


def write_reference(folder: Path, reference: Reference) -> None:
    """Writes the reference into an artifact's folder. Comes before the manifest, which names its SHA-256."""
    (folder / REFERENCE_FILE).write_text(reference.model_dump_json() + "\n", encoding="utf-8")


def read_reference(artifact: Artifact) -> Reference | None:
    """Reads an artifact's reference; None where it has none: it was calibrated by a program that wrote none.

    Raises:
        ArtifactError: it is there, and not what it should be.
    """
    if REFERENCE_FILE not in artifact.manifest.files:
        return None
    path = artifact.folder / REFERENCE_FILE
    try:
        return Reference.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ArtifactError(f"{path}: {first_problem(error)}") from error
