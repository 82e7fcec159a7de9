"""A copy of the shipped artifact that was calibrated here: it has weights for alternatives, whatever is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.evaluation.recalibrate import CalibrationRequest, recalibrate

TICKETS = Path(__file__).parents[3] / "models/data/tickets/validation_tickets.json.gz"


@pytest.fixture(scope="session")
def calibrated_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrates on the validation tickets, once; returns the copy's folder."""
    output = tmp_path_factory.mktemp("calibrated") / "artifact"
    recalibrate(CalibrationRequest(DEFAULT_ARTIFACT, [TICKETS], output))
    return output
