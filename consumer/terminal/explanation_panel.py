"""Draws an explanation: the verdict, the tokens, the windows, the confidence's parts and the validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from spanstream.consumer.terminal.sanitizing import sanitized_line, shortened
from spanstream.consumer.terminal.styles import BOLD, BORDER, DECLINED, DIM, FAIR, GOOD, POOR
from spanstream.models.explaining.explanation import ExplainedWindow, Explanation

_MOST_WINDOWS: Final = 12
_SPAN_CHARS: Final = 48
_VERDICTS: Final = {"answered": GOOD, "no_answer": DECLINED, "dead letter": POOR}


@dataclass(frozen=True, slots=True)
class ExplanationPanel:
    """An explanation, section by section; `expected` is the answer that was expected, if one was."""

    explanation: Explanation
    expected: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        del console, options
        said = self.explanation
        sections = [_summary(said), _expected(said, self.expected), _tokens(said), _windows(said), _ranks(said)]
        sections += [_confidence(said), _validation(said)]
        yield Panel(
            Group(*(line for section in sections if section for line in (*section, Text()))),
            title=Text.assemble((sanitized_line(said.question), BOLD)),
            title_align="left",
            subtitle=Text(f"{said.model}, {said.precision}, calibration {said.calibration}", DIM),
            subtitle_align="right",
            border_style=BORDER,
            padding=(0, 1),
        )


Section = list[RenderableType]


def _summary(said: Explanation) -> Section:
    verdict = Text.assemble((said.verdict, _VERDICTS[said.verdict] + BOLD))
    if said.candidate is not None:
        verdict.append(f"  “{shortened(sanitized_line(said.candidate.text), _SPAN_CHARS)}”", BOLD)
        verdict.append(f"  characters {said.candidate.char_start} to {said.candidate.char_end}", DIM)
    lines: Section = [verdict]
    if said.damage is not None:
        lines.append(Text(f"the kept tokens are damaged: {said.damage}", POOR + BOLD))
    return lines


def _expected(said: Explanation, expected: str | None) -> Section:
    if expected is None:
        return []
    title = Text.assemble(("expected ", DIM), (f"“{shortened(sanitized_line(expected), _SPAN_CHARS)}”", BOLD))
    if said.expected_problem is not None:
        return [title, Text(f"  {said.expected_problem}", POOR)]
    table = _table("place", "verdict", "")
    for place in said.expected:
        style = GOOD if place.verdict == "given" else POOR
        detail = Text(sanitized_line(place.detail))
        table.add_row(Text(f"{place.char_start}"), Text(place.verdict, style), detail)
    return [title, table]


def _tokens(said: Explanation) -> Section:
    if not said.neighbourhood:
        return []
    table = _table("token", "id", "piece", "characters", "text")
    for token in said.neighbourhood:
        style = FAIR if token.in_span else DIM
        cells = (token.number, token.token_id, token.piece, f"{token.char_start}:{token.char_end}", token.text)
        table.add_row(*(Text(sanitized_line(str(cell)), style) for cell in cells))
    return [Text("tokens of the candidate and beside it", DIM), table]


def _windows(said: Explanation) -> Section:
    if not said.windows:
        return []
    chosen = any(window.bm25 is not None for window in said.windows)
    read = sum(window.is_read for window in said.windows)
    how = "chosen by BM25" if chosen else "all"
    table = _table("window", "characters", *(["BM25", "shares"] if chosen else []), "null", "best spans: start + end")
    shown = sorted(said.windows, key=_importance)[:_MOST_WINDOWS]
    for window in sorted(shown, key=lambda one: one.number):
        table.add_row(*_window_cells(window, chosen=chosen))
    rest = len(said.windows) - len(shown)
    more: Section = [Text(f"  and {rest} more", DIM)] if rest else []
    total = len(said.windows)
    windows = f"{read} of {total} window{'' if total == 1 else 's'} read ({how}), {said.tokens} tokens"
    return [Text(windows, DIM), table, *more]


def _importance(window: ExplainedWindow) -> tuple[float, float]:
    """Orders windows: those with the best spans first, then those that were nearly chosen."""
    return (-window.spans[0].score if window.spans else 1e9, -(window.bm25 or 0.0))


def _window_cells(window: ExplainedWindow, *, chosen: bool) -> list[Text]:
    style = Style.null() if window.is_read else DIM
    cells = [Text(str(window.number), style), Text(f"{window.char_start}:{window.char_end}", style)]
    if chosen:
        shared = ", ".join(sanitized_line(piece) for piece in window.shared)
        cells += [Text(f"{window.bm25 or 0:.2f}", style), Text(shortened(shared, _SPAN_CHARS), style)]
    if not window.is_read:
        return [*cells, Text("-", DIM), Text("not read", DIM)]
    spans = Text("\n").join(
        Text(f"“{shortened(sanitized_line(span.text), _SPAN_CHARS)}”  {span.start_logit:.2f} + {span.end_logit:.2f}")
        for span in window.spans
    )
    return [*cells, Text(f"{window.null_score or 0:.2f}"), spans]


def _ranks(said: Explanation) -> Section:
    if not said.ranked:
        return []
    table = _table("rank", "answer", "characters", "more", "window", "score", "null diff", "confidence")
    for answer in said.ranked:
        cells = (
            answer.rank,
            f"“{shortened(sanitized_line(answer.text), _SPAN_CHARS)}”",
            f"{answer.char_start}:{answer.char_end}",
            len(answer.further) or "",
            answer.window,
            f"{answer.score:.2f}",
            f"{answer.null_score_diff:.2f}",
            "none" if answer.confidence is None else f"{answer.confidence:.3f}",
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    return [Text("answers of all windows, each text once", DIM), table]


def _confidence(said: Explanation) -> Section:
    table = _table("", "value", "weight", "adds (log odds)")
    table.add_row(Text("bias"), Text(""), Text(""), Text(f"{said.bias:+.2f}"))
    for feature in said.features:
        figures = (f"{feature.value:.2f}", f"{feature.weight:+.3f}", f"{feature.share:+.2f}")
        table.add_row(Text(feature.name), *map(Text, figures))
    diff = "none" if said.null_score_diff is None else f"{said.null_score_diff:.2f}"
    summary = f"confidence {said.confidence:.3f}, threshold {said.threshold:g}; null score {said.null_score:.2f}, "
    thresholds = Text("  ").join(
        Text(f"{one.name} {one.threshold:g}", GOOD if one.gives else DIM) for one in said.thresholds
    )
    return [Text(f"{summary}less the candidate's: {diff}", DIM), table, Text("gives it: ", DIM) + thresholds]


def _validation(said: Explanation) -> Section:
    lines: Section = [Text("validation", DIM)] if said.validation else []
    for step in said.validation:
        mark, style = ("✓", GOOD) if step.problem is None else ("✗", POOR)
        line = Text.assemble((f"  {mark} ", style), step.check)
        lines.append(line if step.problem is None else line.append(f": {step.problem}", POOR))
    return lines


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=DIM)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
