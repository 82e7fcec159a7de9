"""Which questions the second model reads: near the share, and the same ones every time."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from spanstream.consumer.answering.shadow.choice import is_chosen

IDS = st.text(min_size=1, max_size=40)
SHARES = st.floats(0, 1)


@given(IDS, SHARES, SHARES)
def test_what_is_chosen_at_a_share_is_chosen_at_every_greater_one(question_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert is_chosen(question_id, low) <= is_chosen(question_id, high)


@given(IDS)
def test_nothing_is_chosen_at_zero_and_everything_at_one(question_id: str) -> None:
    assert not is_chosen(question_id, 0.0)
    assert is_chosen(question_id, 1.0)


@given(st.floats(0.02, 0.98), st.text(max_size=8))
def test_the_chosen_are_near_the_share(share: float, prefix: str) -> None:
    total = 4000
    chosen = sum(is_chosen(f"{prefix}{number}", share) for number in range(total))
    # Six standard deviations of a fair draw.
    assert abs(chosen - total * share) < 6 * (total * share * (1 - share)) ** 0.5 + 1


def test_another_process_chooses_the_same() -> None:
    line = "from spanstream.consumer.answering.shadow.choice import is_chosen as c; "
    line += "print(''.join('01'[c(f'q{n}', 0.3)] for n in range(200)))"
    printed = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == "".join("01"[is_chosen(f"q{number}", 0.3)] for number in range(200))
