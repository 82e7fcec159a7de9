"""Labelled windows: the label is the answer, wherever its window is cut, or that it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstream.models.errors import SquadError
from spanstream.models.metrics.squad_files import Example
from spanstream.models.text.tokenization import Tokenizer
from spanstream.models.text.windowing import WindowShape
from spanstream.models.training.windows import NO_ANSWER, TrainingWindow, training_windows
from tests.support.model.trained_tokenizers import trained

FILE = Path("data.json")
SENTENCE = "The train to Zurich leaves at 10:42 from platform 7; error code ERR_CONN_5021 is shown."
WORDS = SENTENCE.split()
KINDS = ["wordpiece-uncased", "byte-level", "unigram-nfkc"]


def shape_of(tokenizer: Tokenizer, max_length: int = 384, stride: int = 128) -> WindowShape:
    return WindowShape(max_length, stride, tokenizer.template)


def example(context: str, *answers: tuple[int, int], question: str = "Which platform?") -> Example:
    texts = tuple(context[start:end] for start, end in answers)
    return Example("q1", "Trains", context, question, texts, tuple(start for start, _ in answers))


def label_text(labelled: TrainingWindow, context: str) -> str:
    """Returns the text that the label points at."""
    shift = labelled.window.token_start - labelled.window.context_start
    document = labelled.window.document
    return context[document.starts[labelled.first + shift] : document.ends[labelled.last + shift]]


@given(
    st.lists(st.sampled_from(WORDS), min_size=5, max_size=120), st.data(), st.sampled_from(KINDS), st.integers(40, 90)
)
def test_a_label_spells_the_answer_and_the_answer_is_in_the_windows_that_hold_it_whole(
    words: list[str], data: st.DataObject, kind: str, max_length: int
) -> None:
    tokenizer = trained(kind)
    context = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(first + 3, len(words) - 1)))
    start = len(" ".join(words[:first])) + (first > 0)
    answer = " ".join(words[first : last + 1])
    [windows] = training_windows(
        FILE, [example(context, (start, start + len(answer)))], tokenizer, shape_of(tokenizer, max_length, 16)
    )
    for labelled in windows:
        document, window = labelled.window.document, labelled.window
        holds_it = document.starts[window.token_start] <= start and document.ends[window.token_end - 1] >= start + len(
            answer
        )
        assert labelled.has_answer == holds_it
        if labelled.has_answer:
            assert label_text(labelled, context).strip() == answer


def test_a_question_without_an_answer_points_at_the_first_token() -> None:
    tokenizer = trained("wordpiece-uncased")
    [[window]] = training_windows(FILE, [example("The train leaves.")], tokenizer, shape_of(tokenizer))
    assert (window.first, window.last, window.has_answer) == (NO_ANSWER, NO_ANSWER, False)


def test_of_several_answers_the_one_that_most_annotators_gave_is_learned() -> None:
    tokenizer = trained("wordpiece-uncased")
    context = "It leaves from platform 7 today."
    long, short = (15, 25), (24, 25)
    [[window]] = training_windows(FILE, [example(context, long, short, short)], tokenizer, shape_of(tokenizer))
    assert label_text(window, context) == "7"
    [[window]] = training_windows(FILE, [example(context, long, short)], tokenizer, shape_of(tokenizer))
    assert label_text(window, context) == "platform 7"


@pytest.mark.parametrize(
    ("bad", "saying"),
    [
        (example("before\u200b\u200bafter", (6, 7)), "no token for the answer"),
        (example("The train leaves.", (0, 3), question="\u200b"), "no token for the question"),
        (example("train " * 400, (0, 5), question="train " * 300), "tokens"),
    ],
)
def test_what_the_tokenizer_loses_is_told_with_file_and_question(bad: Example, saying: str) -> None:
    tokenizer = trained("wordpiece-uncased")
    with pytest.raises(SquadError, match=rf"^data\.json: question q1: .*{saying}"):
        list(training_windows(FILE, [bad], tokenizer, shape_of(tokenizer)))
