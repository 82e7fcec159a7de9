"""Labelled questions in a SQuAD v2.0 file: the project's sample tickets, and made-up ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spanstream.consumer.operations.samples import sample_documents, sample_questions

_EXAMPLES = Path(__file__).parents[2] / "quality" / "examples" / "tickets.json"


def question(number: object, asked: str, context: str, answer: str | None) -> dict[str, Any]:
    """Makes a question of a paragraph; the answer stands in the context, None where there is none."""
    answers = [] if answer is None else [{"text": answer, "answer_start": context.index(answer)}]
    return {"id": f"q{number}", "question": asked, "is_impossible": answer is None, "answers": answers}


def squad(paragraphs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Makes a file's content of {context: questions}, an article each."""
    return {
        "data": [
            {"title": f"article {number}", "paragraphs": [{"context": context, "qas": questions}]}
            for number, (context, questions) in enumerate(paragraphs.items())
        ]
    }


def write_tickets(path: Path) -> Path:
    """Writes the sample tickets, and their questions with known answers, as a file of labelled questions."""
    golds = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    tickets = {ticket["document_id"]: ticket["text"] for ticket in map(json.loads, sample_documents())}
    paragraphs: dict[str, list[dict[str, Any]]] = {}
    for asked in map(json.loads, sample_questions()):
        if asked["question_id"] not in golds:
            continue
        text = tickets[asked["document_id"]]
        answers = [
            {"text": gold["text"], "answer_start": gold.get("char_start", text.index(gold["text"]))}
            for gold in golds[asked["question_id"]] or []
        ]
        read_labelled_questions = {"id": asked["question_id"], "question": asked["question"]}
        read_labelled_questions |= {"is_impossible": not answers, "answers": answers}
        paragraphs.setdefault(text, []).append(read_labelled_questions)
    path.write_text(json.dumps(squad(paragraphs)), encoding="utf-8")
    return path
