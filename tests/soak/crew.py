"""The programs of a round: kept running, as an orchestrator does."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spanstream.consumer.cli.exit_codes import TERMINATED
from tests.soak.patience import PATIENCE_SECONDS
from tests.support.kafka.program import Program, until

_LOG_CHARACTERS = 600
_REST_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Post:
    """One place of the crew: how its program is started, and whether that ends by itself when its work is done."""

    start: Callable[[], Program]
    ends: bool = False


@dataclass
class Crew:
    """Starts a program for each post, and another one whenever that is gone.

    Attributes:
        ended: of each program that ended by itself with an error, its exit code and the end of its log.
        restarts: how many programs took another one's place.
    """

    posts: Sequence[Post]
    programs: list[Program] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    restarts: int = 0
    _last_start: float = 0.0

    def start(self) -> None:
        self.programs = [post.start() for post in self.posts]

    def draw(self, draw: random.Random) -> int:
        """Chooses a post."""
        return draw.randrange(len(self.posts))

    def kill(self, place: int) -> None:
        """Ends a program as a power cut does."""
        self.programs[place].kill()
        self._replace(place)

    def tend(self) -> None:
        """Replaces what ended by itself; at once, unless its work was done."""
        for place, post in enumerate(self.posts):
            if self.programs[place].is_running:
                continue
            if not post.ends:
                self._note_end(self.programs[place])
            elif time.monotonic() - self._last_start < _REST_SECONDS:
                continue
            self._replace(place)

    def stop(self) -> None:
        """Ends all programs as an operator does."""
        for post, program in zip(self.posts, self.programs, strict=True):
            if not post.ends:  # one that was started last may not listen to signals yet
                until(lambda it=program: it.events("started") or not it.is_running, "started", PATIENCE_SECONDS)  # type: ignore[misc]  # mypy on a lambda's default
            program.send(signal.SIGTERM)
        for post, program in zip(self.posts, self.programs, strict=True):
            try:
                ended_well = program.wait(PATIENCE_SECONDS) == TERMINATED
            except subprocess.TimeoutExpired:
                ended_well = False
                program.kill()
            if not ended_well and not post.ends:
                self._note_end(program)

    def _replace(self, place: int) -> None:
        self._last_start = time.monotonic()
        self.programs[place] = self.posts[place].start()
        self.restarts += 1

    def _note_end(self, program: Program) -> None:
        log = program.log[-_LOG_CHARACTERS:].strip()
        self.ended.append(f"exit code {program.process.returncode} ({program.log_file.name}), its log ends: {log}")
