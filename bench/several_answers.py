"""`make bench-answers`: what several answers cost beside one, in turns on the same windows.

    tickets -> tokenize, plan -> score once -> conclude with 1, 5 and 20 answers, in turns -> ratios of the medians

Scoring is measured too: it is what a question takes besides.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from spanstream.models import Reader
from spanstream.models.metrics.squad_files import read_squad

_TICKETS: Final = Path(__file__).parents[1] / "models/data/tickets/validation_tickets.json.gz"
_QUESTIONS: Final = 120
_ROUNDS: Final = 15
_ANSWERS: Final = (1, 5, 20)


def main() -> None:
    """Measures and prints one line for each number of answers."""
    reader = Reader.load()
    examples = read_squad(_TICKETS)[:_QUESTIONS]
    documents = {text: reader.tokenize(text) for text in {example.context for example in examples}}
    plans = [plan for one in examples for plan in reader.plan(one.context, documents[one.context], [one.question])]
    started = time.perf_counter()
    outcomes = reader.score(plans)
    scoring = (time.perf_counter() - started) / len(plans)
    seconds: dict[int, list[float]] = {answers: [] for answers in _ANSWERS}
    for _ in range(_ROUNDS):
        for answers in _ANSWERS:
            asked = [replace(plan, max_answers=answers) for plan in plans]
            started = time.perf_counter()
            for plan in asked:
                reader.conclude(plan, outcomes)
            seconds[answers].append((time.perf_counter() - started) / len(plans))
    reader.close()
    one = median(seconds[1])
    for answers, taken in seconds.items():
        ratios = sorted(now / first for now, first in zip(taken, seconds[1], strict=True))
        whole = (scoring + median(taken)) / (scoring + one)
        print(  # noqa: T201  what was measured
            f"{answers:2} answers: {1e6 * median(taken):6.0f} us a question, {median(ratios):.2f} times one answer "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}); with the model {whole:.3f} times"
        )


if __name__ == "__main__":
    main()
