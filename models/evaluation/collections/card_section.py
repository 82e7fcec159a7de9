"""Renders the section of a model's card on a collection's confidence; each new fit replaces the whole section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spanstream.models.calibrating.collection import FittedCollection
from spanstream.models.calibrating.collection_record import CollectionRecord
from spanstream.models.evaluation.calibration_section import figures_table, put_between, taken_out, thresholds_table
from spanstream.models.evaluation.report import ConfidenceFigures

_BEGIN: Final = "<!-- collection: written by `spanstream model calibrate --collection` -->"
_END: Final = "<!-- collection: end -->"


def with_collection(
    card: str, record: CollectionRecord, fitted: FittedCollection, figures: Mapping[str, ConfidenceFigures]
) -> str:
    """Returns the card with this section, in the place of an earlier one or at the end."""
    weights = ", ".join(f"`{name}`" for name in fitted.calibration.weights)
    files = ", ".join(f"`{file.file}`" for file in record.data)
    losses = "; ".join(f"{name} {loss:.4f}" for name, loss in record.log_losses.items())
    return put_between(
        card,
        _BEGIN,
        _END,
        f"""## Over a collection: `{record.calibration}`

Fitted on {record.day}, to {record.questions} questions about a collection of {record.texts} texts, which are those of
{files}; at most {record.passages} passages of a question are read. What is said elsewhere in this card about
answers out of a collection is about the calibration before. The confidence weighs {weights}
(chosen: {record.score}). Held-out log loss of what was tried: {losses}.

{figures_table(figures)}

Intervals are 95 %, by bootstrap over texts. "Unseen" means: by a fit without the question's {record.grouped_by}.

{thresholds_table(fitted.choices, fitted.absent)}

Counts are of the same questions, by fits that had not seen them.
""",
    )


def without_collection(card: str) -> str:
    """Returns the card without the section."""
    return taken_out(card, _BEGIN, _END)
