"""Says in a few lines what a replay will do, and what it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanstream.consumer.replay.planning.planner import ReplayOutcome
from spanstream.consumer.replay.planning.survey import Survey
from spanstream.consumer.terminal.sanitizing import sanitized_line

_REASONS = 8


def survey_line(survey: Survey, *, verb: str, topic: str, selection: str) -> str:
    """Says what a run comes to; `verb` is "will be" or "would be"."""
    if not survey.selected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in survey.reasons.most_common(_REASONS))
        open_letters = f"{survey.open:,} open dead letters in {topic}{f' ({reasons})' if reasons else ''}"
        return sanitized_line(f"nothing to replay: of {open_letters} none is selected ({selection})")
    destinations = ", ".join(f"{count:,} to {name}" for name, count in survey.destinations.most_common())
    letters = "dead letter" if survey.to_send == 1 else "dead letters"
    line = f"{survey.to_send:,} {letters} {verb} sent: {destinations}" if destinations else "nothing can be sent"
    parked = survey.outcomes[ReplayOutcome.PARKED]
    refused = "; ".join(f"{count:,} stay: {why}" for why, count in survey.refusals.most_common(_REASONS))
    return sanitized_line(
        f"{line}{f' ({parked:,} of them parked)' if parked else ''}{f'; {refused}' if refused else ''}"
    )


def total_lines(totals: Mapping[str, Any], *, lost_to_retention: bool) -> Iterator[str]:
    """Says what a run did, given its totals (`ReplayJob.send`)."""
    parked = f", {totals['parked']:,} parked" if totals["parked"] else ""
    yield f"{totals['replayed']:,} replayed{parked}; manifest: {totals['manifest']}"
    for why, count in totals["refusals"].items():
        yield sanitized_line(f"{count:,} left where they are: {why}")
    if totals["vanished"]:
        cause = "retention" if lost_to_retention else "another replay"
        yield f"{totals['vanished']:,} of the selected dead letters were gone when their turn came: {cause} took them"
