"""`make bench-memory`: what the longest documents cost in memory, step by step; `spanstream size` counts with it.

    each kind of text, in a process of its own: tokenize -> plan (BM25) -> score -> conclude, twice
    per step: how far the peak (VmHWM) rises above what was held before, in bytes for each character

The second document of a kind shows what the first one has not left behind. Linux only.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spanstream.models import Reader
from tests.support.memory.long_texts import CHARS, chinese, english_log

_QUESTION: Final = "Which error does the export show?"


def commas(_: int = 0) -> str:
    """Returns as many tokens as characters in as few bytes as can be."""
    return "a," * (CHARS // 2)


def one_word(seed: int = 0) -> str:
    """Returns one word without end, of four bytes a character."""
    return "".join(random.Random(seed).choices("😀😁🚀🔥", k=CHARS))  # noqa: S311  no secret


TEXTS: Final[dict[str, Callable[[int], str]]] = {
    "chinese": chinese, "log": english_log, "commas": commas, "one-word": one_word
}  # fmt: skip


def status(name: str) -> int:
    """Returns a figure of this process in bytes: VmHWM or VmRSS."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def say(line: str) -> None:
    """Prints a line at once: the processes share the output."""
    print(line, flush=True)  # noqa: T201  what was measured


@contextmanager
def measured(step: str, chars: int) -> Iterator[None]:
    """Prints how far the peak rises meanwhile."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = status("VmRSS")
    yield
    peak, held = status("VmHWM") - before, status("VmRSS") - before
    say(f"  {step:9} peak {peak >> 20:4} MiB, {peak / chars:5.0f} B a character; kept {held >> 20:4} MiB")


def measure(kind: str) -> None:
    """Reads two documents of a kind, and prints what each step costs."""
    reader = Reader.load()
    reader.read("The nightly export stops with error FXP-4107.", [_QUESTION])
    say(f"{kind}: {status('VmRSS') >> 20} MiB with the model loaded and run")
    for seed in range(2):
        text = TEXTS[kind](seed)
        with measured("tokenize", len(text)):
            document = reader.tokenize(text)
        with measured("plan", len(text)):
            plans = reader.plan(text, document, [_QUESTION])
        with measured("score", len(text)):
            outcomes = reader.score(plans)
        with measured("conclude", len(text)):
            reader.conclude(plans[0], outcomes)
        say(f"  {document.size} tokens in {document.nbytes >> 20} MiB, text {sys.getsizeof(text) >> 20} MiB")
    reader.close()


def main() -> None:
    """Measures each kind of text in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(TEXTS), help=f"of text: {', '.join(TEXTS)}")
    kinds = parser.parse_args().kinds
    if len(kinds) == 1:
        measure(kinds[0])
        return
    for kind in kinds:
        subprocess.run([sys.executable, "-m", "bench.memory", kind], check=True)  # noqa: S603  this module


if __name__ == "__main__":
    main()
