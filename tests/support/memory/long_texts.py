"""The longest texts that a document may have, of kinds that cost the most memory."""

from __future__ import annotations

import random
from typing import Final

CHARS: Final = 998_000


def chinese(seed: int = 0) -> str:
    """Returns Chinese characters; each is a token."""
    generator = random.Random(seed)  # noqa: S311  no secret
    return "".join(chr(generator.randrange(0x4E00, 0x9FA5)) for _ in range(CHARS))


def english_log(seed: int = 0) -> str:
    """Returns lines of a log, 1.2 million characters, about two and a half a token."""
    generator = random.Random(seed)  # noqa: S311  no secret
    lines = (
        f"2026-11-{generator.randrange(1, 29):02} {generator.randrange(24):02}:{generator.randrange(60):02} ERROR "
        f"[worker-{generator.randrange(64)}] com.example.export.Job{generator.randrange(999)}: request "
        f"{generator.getrandbits(64):016x} failed with FXP-{generator.randrange(9999)}\n"
        for _ in range(CHARS // 90)
    )
    return "".join(lines)
