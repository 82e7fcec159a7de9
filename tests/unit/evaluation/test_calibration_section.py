"""The card's section on a calibration: written once, replaced as a whole, and nothing else of the card is touched."""

from __future__ import annotations

from spanstream.models.calibrating.fit import FittedCalibration, fit_calibration
from spanstream.models.calibrating.thresholds import ThresholdRequest
from spanstream.models.evaluation.calibration_section import with_section
from spanstream.models.evaluation.report import ConfidenceFigures, KindFigures
from spanstream.models.metrics.reliability import Interval
from tests.support.model.labelled_reads import labelled_reads

FIGURE = Interval(0.125, 0.1, 0.2)
FIGURES = {
    "new": ConfidenceFigures(
        expected_calibration_error=FIGURE,
        brier_score=FIGURE,
        area_under_risk_coverage=FIGURE,
        coverage_at_80=FIGURE,
        coverage_at_90=FIGURE,
    )
}
READS = labelled_reads(600)


def fitted(name: str) -> FittedCalibration:
    return fit_calibration(READS, name, wanted=ThresholdRequest((80, 99), (), (70, 99)))


def test_a_section_is_put_at_the_end_and_then_replaced_where_it_stands() -> None:
    first = with_section("# Model\n\nWhat it is.\n", fitted("first"), FIGURES, ["a.json"])
    assert first.startswith("# Model\n\nWhat it is.\n\n<!-- calibration")
    second = with_section(first + "\n## Licence\n", fitted("second"), FIGURES, ["b.json"])
    assert second.count("## Calibration `") == 1
    assert "## Calibration `second`" in second
    assert "a.json" not in second
    assert second.endswith("\n## Licence\n")


def test_it_names_every_threshold_and_why_others_are_not_there() -> None:
    made = fitted("first")
    section = with_section("# Model\n", made, FIGURES, ["a.json"])
    assert "0.125 (0.100 to 0.200)" in section
    for name, choice in made.choices.items():
        assert f"| `{name}` | {choice.threshold:.4f} | {choice.given} of 600 |" in section
    assert {"guarantee-99"} <= set(made.absent)
    for name, reason in made.absent.items():
        assert f"| `{name}` | none | {reason} |" in section


def test_a_guarantee_is_told_with_what_it_rests_on() -> None:
    made = fitted("first")
    kept = made.guarantees["guarantee-70"].kept
    assert kept is not None
    section = with_section("# Model\n", made, FIGURES, ["a.json"])
    assert (
        f"{kept.wrong} wrong of {kept.given} answers, at most {100 * kept.bound:.1f} % with 95 % confidence" in section
    )


def test_figures_by_kind_are_told_where_questions_are_labelled_and_replaced_with_the_section() -> None:
    logs = KindFigures(kind="logs", f1=41.25, answerable=9, right=4, wrong=2, missed=3, unanswerable=7, declined=6)
    card = with_section("# Model\n", fitted("first"), FIGURES, ["a.json"], {"text": [logs]})
    assert "| Kind of text | F1 |" in card
    assert "| logs | 41.2 | 9 | 4 | 2 | 3 | 7 | 6 |" in card
    assert "Kind of text" not in with_section(card, fitted("second"), FIGURES, ["b.json"])
