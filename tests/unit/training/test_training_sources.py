"""What a training is told to read, what it recommends, and what a killed one leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spanstream.models.errors import BuildError
from spanstream.models.training.advice import advise
from spanstream.models.training.resume import WorkFolder
from spanstream.models.training.sources import DataSource, load_sources


def squad_file(folder: Path, name: str = "data.json") -> Path:
    answers = [{"text": "E-204", "answer_start": 6}]
    qas = [{"id": "q1", "question": "Which?", "is_impossible": False, "answers": answers}]
    content = {"data": [{"title": "t", "paragraphs": [{"context": "Shows E-204.", "qas": qas}]}]}
    path = folder / name
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a.json", DataSource(Path("a.json"))),
        ("a.json:2", DataSource(Path("a.json"), 2.0)),
        ("a.json:0.5", DataSource(Path("a.json"), 0.5)),
        ("c:/a.json", DataSource(Path("c:/a.json"))),
    ],
)
def test_a_file_may_say_how_often_it_is_read(text: str, source: DataSource) -> None:
    assert DataSource.parse(text) == source


def test_a_file_whose_name_ends_like_a_weight_is_that_file(tmp_path: Path) -> None:
    path = squad_file(tmp_path, "data:2")
    assert DataSource.parse(str(path)) == DataSource(path)


@pytest.mark.parametrize("weight", ["0", "-1", "inf", "nan"])
def test_a_weight_that_is_none_is_refused(weight: str) -> None:
    with pytest.raises(BuildError, match="above 0"):
        DataSource.parse(f"a.json:{weight}")


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    path = squad_file(tmp_path)
    with pytest.raises(BuildError, match="named twice"):
        load_sources([DataSource(path), DataSource(path, 2.0)])
    with pytest.raises(BuildError, match="no data"):
        load_sources([])


def test_a_file_is_described_by_what_it_holds(tmp_path: Path) -> None:
    [loaded] = load_sources([DataSource(squad_file(tmp_path), 0.5)])
    described = loaded.describe()
    assert len(described.pop("sha256")) == 64
    assert described == {"file": "data.json", "questions": 1, "unanswerable": 0, "weight": 0.5}


def test_less_data_is_read_more_often_and_an_adaptation_is_gentler() -> None:
    few, many = (advise(count, hidden_size=384, has_head=True, lora=False) for count in (200, 50_000))
    assert few.epochs > many.epochs >= 1
    new, adapted = (advise(2000, hidden_size=768, has_head=has_head, lora=False) for has_head in (False, True))
    assert new.learning_rate > adapted.learning_rate
    assert new.epochs > adapted.epochs
    small, large = (advise(2000, hidden_size=width, has_head=False, lora=False) for width in (384, 1024))
    assert small.learning_rate > large.learning_rate
    assert advise(2000, hidden_size=768, has_head=True, lora=True).learning_rate > adapted.learning_rate
    few_lora, lora = (advise(count, hidden_size=384, has_head=True, lora=True) for count in (40, 400))
    assert (round(few_lora.learning_rate, 6), round(lora.learning_rate, 6)) == (2e-3, 5e-4)
    head, of_many = (
        advise(count, hidden_size=768, has_head=True, lora=False, answerability_only=True) for count in (200, 50_000)
    )
    assert head.epochs > of_many.epochs >= 1
    assert head.learning_rate > new.learning_rate


def test_a_restart_goes_on_from_the_latest_checkpoint_that_is_whole(tmp_path: Path) -> None:
    output, plan = tmp_path / "model", {"epochs": 2, "data": [{"file": "a"}], "share": 0.5}
    work = WorkFolder(output, plan)
    assert work.checkpoint() is None
    for step, state in ((5, '{"global_step": 5}'), (40, '{"global_step": 40}'), (100, '{"glob'), (110, None)):
        folder = work.path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert work.checkpoint() == work.path / "checkpoint-40"
    assert not (work.path / "checkpoint-110").exists()
    work.remove()
    assert not work.path.exists()


def test_another_plan_does_not_go_on_from_it_and_neither_does_a_second_one_beside_it(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "model", {"epochs": 2})
    with pytest.raises(BuildError, match="is running there"):
        WorkFolder(tmp_path / "model", {"epochs": 2})
    work.close()
    with pytest.raises(BuildError, match="another epochs"):
        WorkFolder(tmp_path / "model", {"epochs": 3})
    WorkFolder(tmp_path / "model", {"epochs": 2}).close()
    (work.path / "plan.json").write_text("{")
    with pytest.raises(BuildError, match="begin anew"):
        WorkFolder(tmp_path / "model", {"epochs": 2})
