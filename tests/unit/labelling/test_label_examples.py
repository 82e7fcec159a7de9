"""Examples out of labels: one a question, conflicts apart, and documents that stay on their side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.labelling.examples import is_held_out, make_examples
from spanstream.models.labelling.labels import Label, Task
from spanstream.models.metrics.seen_questions import text_hash

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def label(
    question_id: str = "q", quoted: str | None = "E42", *, by: str = "ada", hours: int = 0, document: str = "d"
) -> Label:
    text = f"Ticket {document}: error E42, then E43."
    span = None if quoted is None else (text.index(quoted), text.index(quoted) + len(quoted))
    task = Task(question_id, document, text, f"Which error is it in {question_id}?")
    return Label(task, span, by, NOON + timedelta(hours=hours))


def test_people_who_agree_make_one_example_with_each_wording_once() -> None:
    made = make_examples([label(), label(by="bob")], held_out_share=0)
    [example] = made.train
    assert (example.id, example.article, example.answers, example.starts) == ("q", "d", ("E42",), (16,))
    assert (made.repeated, made.conflicts, made.held_out) == (1, (), ())


def test_of_one_person_the_newest_label_holds() -> None:
    made = make_examples([label(quoted="E43", hours=1), label()], held_out_share=0)
    assert [example.answers for example in made.train] == [("E43",)]
    assert (made.repeated, made.conflicts) == (1, ())


def test_people_who_differ_are_listed_and_left_out() -> None:
    made = make_examples([label(), label(quoted=None, by="bob", hours=1), label("r")], held_out_share=0)
    assert [example.id for example in made.train] == ["r"]
    [conflict] = made.conflicts
    assert [(one.by, one.answer) for one in conflict.labels] == [("ada", "E42"), ("bob", None)]
    assert made.repeated == 0


def test_or_the_newest_of_them_holds() -> None:
    made = make_examples([label(quoted=None, by="bob", hours=1), label()], held_out_share=0, on_conflict="newest")
    assert [(example.id, example.answers) for example in made.train] == [("q", ())]
    assert len(made.conflicts) == 1


def test_what_no_person_has_accepted_is_left_out_unless_asked_for() -> None:
    suggested = replace(label(), is_suggested=True)
    assert make_examples([suggested], held_out_share=0).suggested == 1
    assert make_examples([suggested], held_out_share=0).train == ()
    assert len(make_examples([suggested], held_out_share=0, with_suggested=True).train) == 1


def test_a_question_asked_again_about_another_version_of_its_text_gets_an_id_of_its_own() -> None:
    changed = label()
    changed = replace(changed, task=replace(changed.task, text=changed.task.text + " Solved."))
    assert [example.id for example in make_examples([label(), changed], held_out_share=0).train] == ["q", "q#2"]


DOCUMENTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True)


@given(DOCUMENTS, DOCUMENTS)
def test_a_document_stays_on_its_side_whatever_labels_come(some: list[int], more: list[int]) -> None:
    few = make_examples([label(f"q{n}", document=f"d{n}") for n in some], held_out_share=0.3)
    all_of_them = make_examples([label(f"q{n}", document=f"d{n}") for n in {*some, *more}], held_out_share=0.3)
    assert set(few.train) <= set(all_of_them.train)
    assert set(few.held_out) <= set(all_of_them.held_out)


@given(DOCUMENTS, st.integers(0, 5))
def test_no_text_is_learned_from_and_measured_on(numbers: list[int], texts: int) -> None:
    made = [label(f"q{n}", document=f"d{n}") for n in numbers]
    made = [
        replace(one, task=replace(one.task, text=f"Ticket: error E42, version {n % (texts + 1)}."), span=(14, 17))
        for one, n in zip(made, numbers, strict=True)
    ]
    sets = make_examples(made, held_out_share=0.5)
    assert not set(map(text_hash, sets.train)) & set(map(text_hash, sets.held_out))
    assert len(sets.train) + len(sets.held_out) + sets.shared == len(made)


def test_about_the_share_that_was_asked_for_is_held_out() -> None:
    held_out = sum(is_held_out(label(document=f"d{n}"), 0.2) for n in range(2000))
    assert 330 < held_out < 470
