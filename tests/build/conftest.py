"""Makes what the tests of the build share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes a SQuAD file; half of its texts are one word, which is right for one question and wrong for another."""
    words = ("Zürich", "train", "platform", "router", "button", "history", "railway", "server")
    long = "The train to Zürich leaves at 10:42 from platform 7; the fare is 1,280.50 francs, or 95€ with a card. " * 3
    articles = []
    for number, word in enumerate(words):
        answer = {"text": word, "answer_start": 0}
        asked = [
            {"id": f"{number}-yes", "question": "Which word is it?", "is_impossible": False, "answers": [answer]},
            {"id": f"{number}-no", "question": "Who wrote it?", "is_impossible": True, "answers": []},
        ]
        start = long.index("platform 7")
        place = {"text": "platform 7", "answer_start": start}
        far = [{"id": f"{number}-far", "question": "From where?", "is_impossible": False, "answers": [place]}]
        paragraphs = [{"context": word, "qas": asked}, {"context": long, "qas": far}]
        articles.append({"title": f"article {number}", "paragraphs": paragraphs})
    path = tmp_path_factory.mktemp("questions") / "questions.json"
    path.write_text(json.dumps({"version": "v2.0", "data": articles}))
    return path
