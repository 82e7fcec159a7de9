"""The texts in models/data: exact, apart from each other, and not in what is installed."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from spanstream.consumer.triage.measuring import read_labelled_tickets
from spanstream.consumer.triage.playbook.load import load_playbook
from spanstream.consumer.triage.text.ticket_text import document_text
from spanstream.models.evaluation.kinds import kinds_path, read_kinds
from spanstream.models.metrics.squad_files import Example, read_squad
from spanstream.schemas.limits import Limits

ROOT = Path(__file__).parents[3]
TICKETS = ROOT / "models" / "data" / "tickets"
VALIDATION = TICKETS / "validation_tickets.json.gz"
VALIDATION_TRIAGE = TICKETS / "validation_triage.yaml"
WORK_ORDERS = ROOT / "models" / "data" / "work-orders"
TRAINING = sorted((TICKETS / "train").glob("*.json.gz"))
# Runs of eight words that two texts may share: lines that programs print are the same everywhere.
RUN_WORDS, MOST_SHARED_RUNS = 8, 2


@cache
def examples(path: Path) -> list[Example]:
    """Returns a file's questions; reading proves that every answer stands at its answer_start and no id comes twice."""
    return read_squad(path)


def texts(path: Path) -> set[str]:
    return {example.context for example in examples(path)}


def runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[first : first + RUN_WORDS]) for first in range(len(words) - RUN_WORDS + 1)}


def test_no_id_comes_twice_in_all_files() -> None:
    ids = Counter(example.id for path in [VALIDATION, *TRAINING] for example in examples(path))
    assert [name for name, count in ids.items() if count > 1] == []


def test_no_validation_text_nor_a_near_copy_is_in_the_training_data() -> None:
    validation = {text: runs(text) for text in texts(VALIDATION)}
    all_runs = set().union(*validation.values())
    for path in TRAINING:
        for text in texts(path):
            assert text not in validation
            if len(shared := runs(text) & all_runs) > MOST_SHARED_RUNS:
                most = max(len(shared & own) for own in validation.values())
                assert most <= MOST_SHARED_RUNS, (path.name, text[:80], sorted(shared)[:3])


def test_what_is_expected_of_a_labelled_ticket_stands_in_its_text_and_nothing_learns_from_it() -> None:
    playbook = load_playbook(None)
    learned = set().union(*(runs(text) for path in TRAINING for text in texts(path)))
    labelled = read_labelled_tickets(VALIDATION_TRIAGE, playbook)
    assert len({each.ticket.ticket_id for each in labelled}) == len(labelled) >= 80
    for each in labelled:
        text = document_text(each.ticket, Limits(), playbook.keep).text
        assert each.expect.fields.keys() == playbook.fields.keys()
        assert all(answer in text for accepted in each.expect.fields.values() for answer in accepted or ())
        assert len(runs(text) & learned) <= MOST_SHARED_RUNS, each.ticket.ticket_id


def test_the_work_orders_are_exact_and_their_card_counts_right() -> None:
    card = (WORK_ORDERS / "README.md").read_text(encoding="utf-8")
    train, validation = (WORK_ORDERS / f"{name}.json.gz" for name in ("train", "validation"))
    assert not texts(train) & texts(validation)
    for path in (train, validation):
        unanswerable = sum(not example.has_answer for example in examples(path))
        assert f"| `{path.name}` | {len(texts(path))} | {len(examples(path))} | {unanswerable} |" in card


def test_files_differ_only_where_their_questions_do() -> None:
    for path in [VALIDATION, *TRAINING, *WORK_ORDERS.glob("*.gz")]:
        assert path.read_bytes()[4:8] == bytes(4), f"{path.name}: a time of writing in the gzip header"


def test_the_data_card_counts_right() -> None:
    card = (TICKETS / "README.md").read_text(encoding="utf-8")
    for path in [VALIDATION, *TRAINING]:
        own = examples(path)
        name = path.relative_to(TICKETS).as_posix().removesuffix(".json.gz")
        unanswerable = sum(not example.has_answer for example in own)
        counts = f"{len(texts(path)):,} | {len(own):,} | {unanswerable:,} |"
        assert re.search(rf"^\| `{name}` \| [^|]+ \| {re.escape(counts)}$", card, re.MULTILINE), (name, counts)
    kinds = read_kinds(VALIDATION, [example.id for example in examples(VALIDATION)])
    for kind, count in Counter(labels["question"] for labels in kinds.values()).items():
        assert re.search(rf"\| `{kind}`: [^|]+ \| {count} \|", card), (kind, count)


def test_every_validation_question_and_its_text_have_one_kind_each() -> None:
    own = examples(VALIDATION)
    kinds = read_kinds(VALIDATION, [example.id for example in own])
    assert kinds_path(VALIDATION).exists()
    assert all(labels.keys() == {"text", "question"} for labels in kinds.values())
    text_kinds = {(example.context, kinds[example.id]["text"]) for example in own}
    assert len(text_kinds) == len(texts(VALIDATION))


@pytest.mark.parametrize("folder", ["models/data", "models/artifacts/minilm-l6-qa-checkpoint"])
def test_neither_wheel_nor_image_holds_data_or_checkpoint(folder: str) -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert (ROOT / folder).is_dir()
    assert folder in build["exclude"]  # of wheel and sdist alike ...
    assert all("exclude" not in target and "artifacts" not in target for target in build["targets"].values())
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored.index(folder) > ignored.index("!models")
