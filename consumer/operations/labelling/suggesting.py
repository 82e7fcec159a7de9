"""Asks a server that talks as OpenAI's does for labels. It is shown whole texts: only on demand.

[Task] -> POST /v1/chat/completions -> [Label, suggested]
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import tenacity
from pydantic import SecretStr

from spanstream.consumer.clock import Clock
from spanstream.consumer.errors import Retryable, Stop
from spanstream.consumer.replay.sending.rate_limiter import RateLimiter
from spanstream.models.labelling.labels import Label, Task
from spanstream.models.labelling.suggestions import INSTRUCTION, NotALabel, prompt_of, suggested_label

_TIMEOUT_SECONDS: Final = 60.0
_MOST_BYTES: Final = 1 << 20
_TRIES: Final = 4
_LONGEST_WAIT_SECONDS: Final = 20.0
_NOT_NOW: Final = frozenset({408, 429, 500, 502, 503, 504})
_PATH: Final = "/chat/completions"


@dataclass(frozen=True, slots=True)
class SuggestingServer:
    """A server that is asked.

    Attributes:
        url: of its completions.
        model: the model's name there.
        token: sent as a Bearer's; None: nothing.
        clock: waits between tries.
    """

    url: str
    model: str
    token: SecretStr | None
    clock: Clock

    @classmethod
    def at(cls, endpoint: str, model: str, token: SecretStr | None, clock: Clock) -> SuggestingServer:
        """Makes one of its address, with or without /v1.

        Raises:
            Stop: it is no address of a web server.
        """
        try:
            parts = urllib.parse.urlsplit(endpoint)
        except ValueError:
            parts = urllib.parse.SplitResult("", "", "", "", "")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Stop("the endpoint should begin with https:// or http:// and a host")
        base = endpoint.rstrip("/").removesuffix(_PATH)
        base = base if base.endswith("/v1") else f"{base}/v1"
        return cls(base + _PATH, model, token, clock)

    @property
    def host(self) -> str:
        """Where the texts go."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    def reply(self, task: Task) -> str:
        """Returns what the model says of a question; tries again a few times.

        Raises:
            Stop: it refuses.
            Retryable: it gave no answer in all tries.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retryable),
            stop=tenacity.stop_after_attempt(_TRIES),
            wait=tenacity.wait_random_exponential(max=_LONGEST_WAIT_SECONDS),
            sleep=self.clock.sleep,
            reraise=True,
        )
        return retrying(self._ask, task)

    def _ask(self, task: Task) -> str:
        messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": prompt_of(task)}]
        body = {"model": self.model, "messages": messages, "temperature": 0}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), method="POST")  # noqa: S310  `at` has checked it
        request.add_header("Content-Type", "application/json")
        if self.token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.token.get_secret_value()}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310  `at` has checked it
                content = json.loads(reply.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            said = f"the endpoint answered {error.code} {error.reason}"
            raise (Retryable if error.code in _NOT_NOW else Stop)(said) from error
        except (OSError, http.client.HTTPException) as error:
            raise Retryable(f"the endpoint gave no answer: {type(error).__name__}") from error
        except ValueError as error:
            raise Stop("the endpoint's answer is not JSON: is it a server of chat completions?") from error
        try:
            return str(content["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError) as error:
            raise Stop("the endpoint's answer has no choices: is it a server of chat completions?") from error


def suggest(
    tasks: Iterable[Task],
    server: SuggestingServer,
    now: Callable[[], datetime],
    *,
    per_minute: float,
    refuse: Callable[[str], None],
) -> Iterator[Label]:
    """Yields suggested labels.

    Args:
        tasks: what to ask.
        server: whom.
        now: tells the time.
        per_minute: questions asked in a minute at most.
        refuse: called with a line for each reply that is no label.

    Raises:
        Stop, Retryable: as the server does; what was yielded stands.
    """
    limiter = RateLimiter(per_minute / 60, server.clock)
    for task in tasks:
        limiter.wait(1, lambda: False)
        try:
            yield suggested_label(task, server.reply(task), server.model, now())
        except NotALabel as error:
            refuse(f"question {task.question_id}: {error}")
