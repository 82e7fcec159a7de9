"""Questions are known again by what they say, not by the file they stand in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from spanstream.models.metrics.seen_questions import SeenQuestions
from spanstream.models.metrics.squad_files import Example, read_squad
from tests.support.model.squad_file import question, squad, write_tickets


def example(text: str, asked: str = "Which error?") -> Example:
    return Example("q", "article", text, asked, ())


def test_the_questions_of_a_file_are_known_again_compressed_and_in_part(tmp_path: Path) -> None:
    whole = write_tickets(tmp_path / "dev.json")
    (tmp_path / "dev.json.gz").write_bytes(gzip.compress(whole.read_bytes()))
    content = json.loads(whole.read_text())
    content["data"] = content["data"][::3]
    (tmp_path / "part.json").write_text(json.dumps(content))
    seen = SeenQuestions.of(read_squad(whole))
    for name in ("dev.json.gz", "part.json"):
        examples = read_squad(tmp_path / name)
        assert all(map(seen.has_text, examples))
        assert all(map(seen.has_question, examples))
    assert SeenQuestions.of(read_squad(tmp_path / "dev.json.gz")) == seen


@pytest.mark.parametrize(
    "same",
    [
        "Error  FXP-4107\r\nsince Tuesday",
        " error fxp-4107 since tuesday\n",
        "\N{FULLWIDTH LATIN CAPITAL LETTER E}rror FXP-4107 since Tuesday",
    ],
)
def test_letter_case_white_space_and_unicode_form_make_no_other_text(same: str) -> None:
    seen = SeenQuestions.of([example("Error FXP-4107\nsince Tuesday")])
    assert seen.has_text(example(same))
    assert seen.has_question(example(same, "which  error?"))


def test_another_question_about_a_text_is_another_question_about_a_known_text() -> None:
    seen = SeenQuestions.of([example("Error FXP-4107")])
    assert seen.has_text(example("Error FXP-4107", "Since when?"))
    assert not seen.has_question(example("Error FXP-4107", "Since when?"))
    assert not seen.has_text(example("Error FXP-4108"))


def test_it_is_small_and_comes_back_out_of_json_as_it_was(tmp_path: Path) -> None:
    texts = [f"Text {number}" for number in range(50)]
    paragraphs = {text: [question(f"{text}-{k}", f"Who {k}?", text, None) for k in range(8)] for text in texts}
    (tmp_path / "many.json").write_text(json.dumps(squad(paragraphs)))
    seen = SeenQuestions.of(read_squad(tmp_path / "many.json"))
    text = seen.model_dump_json()
    assert len(text) < 11 * 450 + 50
    assert SeenQuestions.model_validate_json(text) == seen
    both = seen | SeenQuestions.of([example("new")])
    assert (len(both.texts), len(both.questions)) == (51, 401)
    with pytest.raises(ValidationError):
        SeenQuestions.model_validate_json('{"texts": "no Base64!", "questions": ""}')
