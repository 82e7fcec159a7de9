"""Renders the section of a model's card on how its confidence was fitted; each new fit replaces the whole section."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from spanstream.models.artifact import Artifact
from spanstream.models.calibrating.fit import FittedCalibration
from spanstream.models.calibrating.thresholds import ThresholdChoice
from spanstream.models.evaluation.alternatives_section import alternatives_section
from spanstream.models.evaluation.kind_figures import kinds_section
from spanstream.models.evaluation.report import ConfidenceFigures, KindFigures
from spanstream.models.metrics.reliability import METRIC_LABELS

CARD: Final = "README.md"
"""The card, in an artifact's folder."""

_BEGIN: Final = "<!-- calibration: written by `spanstream model calibrate` -->"
_END: Final = "<!-- calibration: end -->"


def with_section(
    card: str,
    fitted: FittedCalibration,
    figures: Mapping[str, ConfidenceFigures],
    data: Sequence[str],
    kinds: Mapping[str, Sequence[KindFigures]] = MappingProxyType({}),
) -> str:
    """Returns the card with this calibration's section, in the place of an earlier one or at the end."""
    return put_between(card, _BEGIN, _END, f"{_section(fitted, figures, data)}{_by_kind(kinds)}")


def read_card(artifact: Artifact) -> str:
    """Returns an artifact's card; one that has none gets a heading."""
    card = artifact.folder / CARD
    manifest = artifact.manifest
    return card.read_text(encoding="utf-8") if card.exists() else f"# {manifest.name} {manifest.version}\n"


def put_between(card: str, begin: str, end: str, text: str) -> str:
    """Returns the card with a text between two lines, which are put at the end where they are not there yet."""
    section, earlier = f"{begin}\n{text}{end}\n", _between(begin, end)
    if earlier.search(card):
        return earlier.sub(lambda _: section, card, count=1)
    return f"{card.rstrip()}\n\n{section}"


def taken_out(card: str, begin: str, end: str) -> str:
    """Returns the card without these two lines and what is between them."""
    return _between(begin, end).sub("", card, count=1)


def _between(begin: str, end: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(begin)}.*?{re.escape(end)}\n?", re.DOTALL)


def _section(fitted: FittedCalibration, figures: Mapping[str, ConfidenceFigures], data: Sequence[str]) -> str:
    weights = ", ".join(f"`{name}`" for name in fitted.calibration.weights)
    return f"""## Calibration `{fitted.calibration.name}`

Fitted after the build, to {len(fitted.held_out)} questions of {", ".join(f"`{name}`" for name in data)}. What is said
elsewhere in this card about confidence and thresholds is about the calibration before. The confidence weighs
{weights} (chosen: {fitted.score}).

{figures_table(figures)}

Intervals are 95 %, by bootstrap over texts. "Unseen" means: by a fit without the question's {fitted.grouped_by}.

{thresholds_table(fitted.choices, fitted.absent)}

Counts are of the questions it was fitted on. {_guarantees(fitted)}

{alternatives_section(fitted.alternatives)}
"""


def thresholds_table(choices: Mapping[str, ThresholdChoice], absent: Mapping[str, str]) -> str:
    """Renders the named thresholds in Markdown, and why some could not be set."""
    lines = [
        "| Threshold | Confidence from | Answers given | Right of them | Of all right candidates |",
        "|---|---|---|---|---|",
    ]
    for name, choice in sorted(choices.items(), key=lambda item: item[1].threshold):
        lines.append(
            f"| `{name}` | {choice.threshold:.4f} | {choice.given} of {choice.questions} "
            f"| {_percent(choice.precision)} | {_percent(choice.recall)} |"
        )
    lines += [f"| `{name}` | none | {reason} | | |" for name, reason in absent.items()]
    return "\n".join(lines)


def _by_kind(kinds: Mapping[str, Sequence[KindFigures]]) -> str:
    if not kinds:
        return ""
    return f"""
By kind, of the questions that are labelled with one, the lowest F1 first. Answers are given from the threshold
`default` on, by the confidence of a fit that had not seen the question.
{kinds_section(kinds)}"""


def figures_table(figures: Mapping[str, ConfidenceFigures]) -> str:
    """Renders what confidences are worth, side by side, in Markdown."""
    lines = [f"| | {' | '.join(figures)} |", "|---" * (len(figures) + 1) + "|"]
    for name, label in METRIC_LABELS.items():
        intervals = (str(getattr(column, name)) for column in figures.values())
        lines.append(f"| {label} | {' | '.join(intervals)} |")
    return "\n".join(lines)


def _guarantees(fitted: FittedCalibration) -> str:
    kept = {name: guarantee for name, guarantee in fitted.guarantees.items() if guarantee.kept}
    if not kept:
        return "No guarantee can be given."
    proofs = "; ".join(
        f"`{name}` on {guarantee.questions} questions that the score had not seen, {trial.wrong} wrong of "
        f"{trial.given} answers, at most {100 * trial.bound:.1f} % with 95 % confidence"
        for name, guarantee in kept.items()
        if (trial := guarantee.kept)
    )
    return f"Guaranteed, each on its own, for questions drawn as these were: {proofs}."


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
