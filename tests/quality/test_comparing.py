"""Two models on the same questions, pair by pair: a model is no better than itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spanstream.consumer.cli.program import app
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.evaluation.compare import ComparedFigure, ModelComparison, compare
from spanstream.models.metrics.reliability import Interval
from tests.support.model.squad_file import write_tickets


@pytest.fixture(scope="module")
def itself(tmp_path_factory: pytest.TempPathFactory) -> ModelComparison:
    data = write_tickets(tmp_path_factory.mktemp("compared") / "tickets.json")
    return compare(DEFAULT_ARTIFACT, DEFAULT_ARTIFACT, [data])


def test_a_model_is_no_better_than_itself(itself: ModelComparison) -> None:
    assert set(itself.figures) == {"F1", "F1 of the answerable, if all are answered", "rightly declined"}
    for figure in itself.figures.values():
        assert figure.before == figure.after
        assert (figure.difference.low, figure.difference.value, figure.difference.high) == (0, 0, 0)
    assert not itself.is_better


@pytest.mark.parametrize(("low", "is_better"), [(0.1, True), (-0.1, False)])
def test_a_model_is_taken_where_chance_does_not_explain_that_it_is_better(low: float, *, is_better: bool) -> None:
    figure = ComparedFigure(Interval(70, 65, 75), Interval(72, 67, 77), Interval(2, low, 4))
    assert ModelComparison(100, 20, {"F1": figure}).is_better is is_better


def test_the_command_says_whether_to_take_it(tmp_path: Path) -> None:
    data = write_tickets(tmp_path / "tickets.json")
    folder = str(DEFAULT_ARTIFACT)
    result = CliRunner().invoke(app, ["model", "compare", folder, folder, "--data", str(data)])
    assert "+0.0" in result.stdout
    assert "do not take it" in result.stdout
