from __future__ import annotations

import unicodedata

import pytest
from rich.text import Text

from spanstream.consumer.terminal.highlight import highlighted, mark_style
from spanstream.consumer.terminal.sanitizing import sanitized
from spanstream.consumer.terminal.views import AnswerView, SpanView


def _answer(text: str, answer: str, *, question: str = "What is it?") -> AnswerView:
    start = text.index(answer)
    span = SpanView(answer, start, start + len(answer))
    return AnswerView(question, span, span, 0.9)


def _highlight(text: str, *answers: AnswerView, brackets: bool = False, max_rows: int = 40) -> Text:
    return highlighted(text, answers, width=96, max_rows=max_rows, brackets=brackets)


def _marked(shown: Text, number: int) -> list[str]:
    style = mark_style(number)
    return [shown.plain[span.start : span.end] for span in shown.spans if span.style == style]


BEFORE = {
    "emoji": "👋🏽 hello 🙃 family 👩‍👩‍👧, flag 🇵🇹, ",
    "cjk": "竹音打印机 标签。",
    "combining marks": unicodedata.normalize("NFD", "Hélène Brégançon, Núñez, Tübingen: "),
    "windows line ends": "Hello,\r\n\r\nthe log:\r\n\tline one\r\n",
    "right-to-left": "ליאורה בן־חיים and ليلى الحداد: ",
    "non-breaking spaces": "12\u202f480,00\u00a0€ instead of ",
    "escape sequences": "\x1b[1m\x1b[31mfailed\x1b[0m \x00\x07 ",
    "beyond the first plane": "𐌲𐌿𐍄 𐍈 𓀀 ",
    "markup": "[bold]not bold[/bold] :smile: \\[x] ",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
@pytest.mark.parametrize("answer", ["FXP-4107", "竹音 B2", unicodedata.normalize("NFD", "Zoë"), "two\r\nlines"])
def test_the_highlight_stands_exactly_at_the_answer(before: str, answer: str) -> None:
    text = f"{before}{answer} and more"
    shown = _highlight(text, _answer(text, answer))
    assert _marked(shown, 1) == [sanitized(answer)]
    assert shown.plain == f"{sanitized(before)}{sanitized(answer)}¹ and more"


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
def test_the_brackets_stand_exactly_at_the_answer(before: str) -> None:
    text = f"{before}FXP-4107."
    assert _highlight(text, _answer(text, "FXP-4107"), brackets=True).plain == f"{sanitized(before)}⟦FXP-4107⟧¹."


def test_the_span_decides_and_not_the_words_of_the_answer() -> None:
    text = "vault-7 is fine, vault-7 is not"
    second = SpanView("vault-7", 17, 24)
    shown = _highlight(text, AnswerView("Which?", second, second, 0.9), brackets=True)
    assert shown.plain == "vault-7 is fine, ⟦vault-7⟧¹ is not"


def test_each_question_has_its_colour_and_number() -> None:
    text = "version 7.4.2 since Tuesday"
    shown = _highlight(text, _answer(text, "Tuesday"), _answer(text, "7.4.2"))
    assert _marked(shown, 1) == ["Tuesday"]
    assert _marked(shown, 2) == ["7.4.2"]
    assert shown.plain == "version 7.4.2² since Tuesday¹"


def test_one_answer_to_two_questions_is_marked_once_with_both_numbers() -> None:
    text = "since Tuesday"
    shown = _highlight(text, _answer(text, "Tuesday"), _answer(text, "Tuesday"), brackets=True)
    assert shown.plain == "since ⟦Tuesday⟧¹\N{NARROW NO-BREAK SPACE}²"


def test_an_answer_inside_another_answer_is_marked_inside_it() -> None:
    text = "since the update on Tuesday night we wait"
    shown = _highlight(text, _answer(text, "the update on Tuesday night"), _answer(text, "Tuesday"), brackets=True)
    assert shown.plain == "since ⟦the update on ⟦Tuesday⟧² night⟧¹ we wait"
    assert _marked(shown, 2) == ["Tuesday"]
    assert _marked(shown, 1) == ["the update on ", " night"]


def test_answers_that_overlap_are_both_closed_where_they_end() -> None:
    text = "one two three four"
    shown = _highlight(text, _answer(text, "one two three"), _answer(text, "two three four"), brackets=True)
    assert shown.plain == "⟦one ⟦two three⟧¹ four⟧²"


def test_a_declined_question_marks_nothing() -> None:
    text = "nothing to see here"
    declined = AnswerView("What?", None, SpanView("nothing", 0, 7), 0.2)
    assert _highlight(text, declined, brackets=True).plain == text


def test_an_answer_deep_in_a_log_is_shown_between_counted_gaps() -> None:
    log = "".join(f"12:00:{number % 60:02d} INFO worker {number} is idle\r\n" for number in range(148))
    text = f"{log}12:03:00 ERROR SMT-0519: lease expired\r\n{log}"
    lines = _highlight(text, _answer(text, "SMT-0519"), brackets=True, max_rows=3).plain.split("\n")
    assert lines == ["⋯ 148 lines ⋯", "12:03:00 ERROR ⟦SMT-0519⟧¹: lease expired", "⋯ 148 lines ⋯"]


def test_a_single_line_left_out_is_one_line() -> None:
    text = "answer\n" + "word " * 100
    assert _highlight(text, _answer(text, "answer"), max_rows=2).plain.endswith("\n⋯ 1 line ⋯")


def test_what_is_left_out_of_a_line_stands_between_single_spaces() -> None:
    text = "Hello\n" + "word " * 100 + "answer" + " word" * 100
    line = _highlight(text, _answer(text, "answer"), max_rows=3).plain.split("\n")[1]
    assert line.startswith("⋯ word word")
    assert line.endswith("word word ⋯")
    assert "  " not in line
