from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanstream.models.text.passages import passages_of
from tests.support.model.texts import TEXTS

PROSE = (
    "The nightly export stops with error FXP-4107 since Tuesday. Ms. Okafor restarted the agent twice, in vain. "
    "A disk of that machine has 40 GB free, so the message makes no sense to us."
)
ODD = st.text("ab.\n \t-,?中。\u200d\u0301👍_5\u2028", max_size=400) | TEXTS


def _texts(text: str) -> list[str]:
    return [text[start:end] for start, end in passages_of(text)]


def _prose(seed: int, paragraphs: int) -> list[str]:
    """Paragraphs of 1 to 8 sentences, now and then a heading or a list."""
    dice = random.Random(seed)  # noqa: S311  no secrets
    words = [f"{first}{last}" for first in ("ex", "im", "sup", "re", "trans") for last in ("port", "pose", "late", "s")]

    def sentence() -> str:
        return " ".join(dice.choices(words, k=dice.randint(3, 25))).capitalize() + "."

    kinds = [
        lambda: " ".join(sentence() for _ in range(dice.randint(1, 8))),
        lambda: " ".join(dice.choices(words, k=3)).title(),
        lambda: "\n".join(f"- {sentence()}" for _ in range(dice.randint(2, 6))),
    ]
    return [dice.choices(kinds, weights=(6, 1, 1))[0]() for _ in range(paragraphs)]


@given(st.lists(ODD, max_size=4).map("\n\n".join))
@example("a" * 5000)
@example("-" * 500 + "\n\na")
@example("中" * 1000)
@example("क्" * 1000)
def test_every_character_that_is_not_blank_is_in_exactly_one_passage(text: str) -> None:
    passages = passages_of(text)
    assert passages == sorted(passages)
    assert all(left[1] <= right[0] for left, right in pairwise(passages))
    left_out = "".join(
        text[end:start] for (_, end), (start, _) in zip([(0, 0), *passages], [*passages, (len(text), 0)], strict=True)
    )
    assert not left_out.strip() or not re.search(r"[^\W_]", text)
    assert all(re.search(r"[^\W_]", text[start:end]) for start, end in passages)
    assert all(text[start:end] == text[start:end].strip() for start, end in passages)
    assert passages_of(text) == passages


@given(seed=st.integers(0, 10_000), at=st.integers(0, 119), new=st.sampled_from(["", "Or not.", PROSE, PROSE * 5]))
def test_an_edit_leaves_the_passages_far_from_it_as_they_are(seed: int, at: int, new: str) -> None:
    paragraphs = _prose(seed, 120)
    before = _texts("\n\n".join(paragraphs))
    paragraphs[at : at + 1] = [new] if new else []
    changed = set(_texts("\n\n".join(paragraphs))) - set(before)
    # A few of more than a hundred: those that hold the paragraph, and at most a few around it.
    assert len(changed) <= 12
    assert len(before) > 60


@given(seed=st.integers(0, 10_000), line=st.integers(0, 1999))
def test_a_line_put_into_a_long_log_changes_the_passages_around_it_alone(seed: int, line: int) -> None:
    dice = random.Random(seed)  # noqa: S311  no secrets
    lines = [
        f"2026-01-02 10:00:{number:04} INFO {dice.choice(('read', 'sent'))} {number} pages" for number in range(2000)
    ]
    before = _texts("\n".join(lines))
    lines.insert(line, "2026-01-02 WARN the disk is full")
    assert len(set(_texts("\n".join(lines))) - set(before)) <= 12


def test_a_paragraph_of_a_usual_length_is_a_passage() -> None:
    paragraphs = [f"{PROSE} {PROSE} The {name} server was not touched." for name in ("first", "second", "third")]
    assert _texts("\n\n".join(paragraphs)) == paragraphs
    assert _texts("\r\n \r\n".join(paragraphs)) == paragraphs


def test_a_heading_is_in_the_passage_of_what_it_heads() -> None:
    sections = [f"How the {name} server fails\n\n{PROSE} {PROSE}" for name in ("first", "second", "third")]
    assert _texts("\n\n".join(sections)) == sections


def test_short_list_items_stand_together_and_none_is_cut() -> None:
    items = [f"- Restart the agent number {number} and look at its log." for number in range(60)]
    passages = _texts("\n".join(items))
    assert 5 < len(passages) < 25
    assert [item for passage in passages for item in passage.split("\n")] == items


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentences = [
        f"The export number {number} of that night was stopped by nobody but the agent." for number in range(80)
    ]
    passages = _texts(" ".join(sentences))
    assert 5 < len(passages) < 40
    assert " ".join(passages) == " ".join(sentences)
    assert all(passage.startswith("The export") and passage.endswith(".") for passage in passages)


def test_a_very_long_sentence_is_cut_at_white_space() -> None:
    words = [f"word{number}" for number in range(2000)]
    passages = _texts(" ".join(words))
    assert [word for passage in passages for word in passage.split()] == words
    assert all(10 < len(passage.split()) < 130 for passage in passages)


def test_a_word_without_an_end_is_cut_and_no_mark_is_parted_from_its_letter() -> None:
    assert len(passages_of("QWxhZGRpbjpvcGVuIHNlc2FtZQ" * 200)) > 5
    passages = _texts("e\u0301" * 3000)
    assert len(passages) > 5
    assert all(passage.startswith("e") for passage in passages)


@pytest.mark.parametrize("text", ["", " \n\n\t", "---\n\n***", "\u200b", "?!"])
def test_a_text_without_a_word_has_no_passage(text: str) -> None:
    assert passages_of(text) == []


def test_a_rule_between_paragraphs_belongs_to_the_passage_before_it() -> None:
    rule = " ".join(["-", "="] * 60)
    assert _texts(f"{PROSE}\n\n{rule}\n\n{PROSE}") == [f"{PROSE}\n\n{rule}", PROSE]
    assert _texts(f"{rule}\n\n{PROSE}") == [f"{rule}\n\n{PROSE}"]
