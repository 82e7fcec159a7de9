"""The record of a calibration: what was fitted on and what chose, known again later; records of before are read too."""

from __future__ import annotations

import gzip
from pathlib import Path

from spanstream.models.calibrating.calibration_record import read_record, write_record
from spanstream.models.calibrating.fit import fit_calibration
from spanstream.models.defaults import DEFAULT_ARTIFACT
from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example, read_squad
from tests.support.model.labelled_reads import labelled_reads
from tests.support.model.squad_file import write_tickets


def test_what_was_fitted_on_and_what_chose_before_and_now_comes_back(tmp_path: Path) -> None:
    data = write_tickets(tmp_path / "tickets.json")
    reads = labelled_reads(200)
    before = Example("before", "article", "an earlier text", "which?", ())
    fitted = fit_calibration(reads, "new")
    write_record(tmp_path, fitted, [data], chose=SeenQuestions.of([before]))
    record = read_record(tmp_path)
    assert record is not None
    assert record.seen == fitted.seen
    assert record.chose == fitted.chose | SeenQuestions.of([before])
    assert record.fitted_on(data, [reads[0].example, before, Example("new", "article", "new", "which?", ())]) == 2
    assert (tmp_path / "calibration.json").stat().st_size < 40 * len(reads) + 5000


def test_a_record_from_before_knows_its_files_only(tmp_path: Path) -> None:
    data = write_tickets(tmp_path / "tickets.json")
    examples = read_squad(data)
    write_record(tmp_path, fit_calibration(labelled_reads(200), "old"), [data])
    record = read_record(tmp_path)
    assert record is not None
    old = record.model_copy(update={"seen": None, "chose": SeenQuestions()})
    (tmp_path / "calibration.json").write_text(old.model_dump_json(exclude={"seen", "chose"}))
    assert read_record(tmp_path) == old
    compressed = tmp_path / "tickets.json.gz"
    compressed.write_bytes(gzip.compress(data.read_bytes()))
    assert old.fitted_on(data, examples) == len(examples)
    assert old.fitted_on(compressed, examples) == 0


def test_the_record_of_the_bundled_artifact_is_read() -> None:
    assert read_record(DEFAULT_ARTIFACT) is not None
