"""Renders what alternatives are worth, in Markdown: for the card, whether it is built or calibrated."""

from __future__ import annotations

from spanstream.models.calibrating.alternatives import FittedAlternatives


def alternatives_section(fitted: FittedAlternatives | None) -> str:
    """Returns the tables of answers by rank and of right answers among the first k, or that there is nothing to say."""
    if fitted is None:
        return "### Several answers\n\nToo few alternatives are right for a confidence of their own: they have none."
    lines = ["| Rank | Answers | Right of them | Mean confidence | Calibration error | Brier score |", "|---" * 6 + "|"]
    for rank, figures in fitted.by_rank.items():
        intervals = (figures.right, figures.confidence, figures.expected_calibration_error, figures.brier_score)
        lines.append(f"| {rank} | {figures.answers} | {' | '.join(map(str, intervals))} |")
    first = "; ".join(f"{k}: {share}" for k, share in fitted.among_first.items())
    table = "\n".join(lines)
    return f"""### Several answers

{table}

Rank 1 is the candidate; a text is counted once, wherever it stands. The confidence of alternatives weighs
{", ".join(f"`{name}`" for name in fitted.calibration.weights)}. Share of answerable questions with a right answer among
the first k: {first}."""
