"""Logs in to Amazon MSK with IAM (the extra `aws`): librdkafka asks for a token, and asks again before it expires.

    librdkafka ── oauth_cb ──> MskLogin ──> the signer ──> AWS credentials of this machine, pod or role

A token that cannot be had is told in one line and tried again; until then the broker refuses the stand-in that
librdkafka gets in its place, because without any it would not even make a client.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from functools import cache
from threading import Lock, Thread
from typing import Final

import structlog

from spanstream.consumer.broker.kafka.credentials import CREDENTIALS
from spanstream.consumer.errors import Stop

_log = structlog.get_logger(__name__)

Token = tuple[str, float]
"""A token and when it expires, in seconds since 1970."""

# librdkafka asks at 80 % of what is left of a token's life; one with less than this share left is replaced.
_LEAST_LIFE_LEFT: Final = 0.5
# A token that is as good as expired (seconds).
_LAST_SECONDS: Final = 2.0
# Making a client fails where there is no token in 10 s; the credentials may come later than that.
_PATIENCE_SECONDS: Final = 5.0
_STAND_IN: Final = "no-token-yet"
_STAND_IN_SECONDS: Final = 10.0
# So long after a stand-in was given out, the broker's refusal may still be of that.
_REFUSED_LATE_SECONDS: Final = 60.0


class MskLogin:
    """Gives tokens to all clients of the process; librdkafka calls it on threads of its own.

    Args:
        sign: makes a new token; whatever it raises, it is tried again.
        on_stand_in: called when a stand-in is given out.
        clock: seconds since 1970.
    """

    def __init__(
        self, sign: Callable[[], Token], on_stand_in: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._sign = sign
        self._on_stand_in = on_stand_in
        self._clock = clock
        self._lock = Lock()
        self._token: Token | None = None
        self._lives_seconds = 0.0
        self._signing: Future[Token] | None = None
        self._patient_until = 0.0  # by the machine's monotonic clock
        self._failed = False

    def __call__(self, _: str | None = None) -> Token:
        """Returns a token with enough life left; never raises, for the client would not survive it."""
        with self._lock:
            if self._seconds_left() <= self._lives_seconds * _LEAST_LIFE_LEFT:
                self._renew()
            if self._token is not None and self._seconds_left() > _LAST_SECONDS:
                return self._token
            self._on_stand_in()
            return _STAND_IN, self._clock() + _STAND_IN_SECONDS

    def _seconds_left(self) -> float:
        return 0.0 if self._token is None else self._token[1] - self._clock()

    def _renew(self) -> None:
        """Waits a moment for a new token; one that comes later is there when librdkafka asks again.

        All clients together wait no longer for it than one.
        """
        if self._signing is None:
            self._signing = _begin(self._sign)
            self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        try:
            token = self._signing.result(max(0.0, self._patient_until - time.monotonic()))
        except NoAnswer:
            self._tell_failure(f"no answer in {_PATIENCE_SECONDS:g} s")
            return
        except Exception as error:  # noqa: BLE001  the signer and its credentials' sources raise what they like
            self._tell_failure(str(error) or type(error).__name__)
        else:
            self._token, self._lives_seconds = token, token[1] - self._clock()
            if self._failed:
                _log.info("kafka_token_available")
            self._failed = False
        self._signing = None

    def _tell_failure(self, detail: str) -> None:
        if not self._failed:
            _log.warning("kafka_token_unavailable", login="msk-iam", detail=detail)
        self._failed = True


def _begin(sign: Callable[[], Token]) -> Future[Token]:
    """Signs on a thread that the end of the program does not wait for."""
    signing: Future[Token] = Future()

    def run() -> None:
        try:
            signing.set_result(sign())
        except Exception as error:  # noqa: BLE001  it is raised where the result is asked for
            signing.set_exception(error)

    Thread(target=run, name="msk-login", daemon=True).start()
    return signing


@cache  # one for all clients of the process
def msk_login(region: str | None) -> MskLogin:
    """Returns the login for a region; None: the region that AWS's environment or files name.

    Raises:
        Stop: the extra is not installed, or no region is named.
    """
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415  for those who use it
        from botocore.session import Session  # noqa: PLC0415  for those who use it
    except ImportError as error:
        raise Stop("SPANSTREAM_KAFKA__LOGIN=msk-iam needs an extra: pip install 'spanstream[aws]'") from error
    named = region or Session().get_config_variable("region")
    if not named:
        raise Stop("the login msk-iam needs a region", hint="set SPANSTREAM_KAFKA__LOGIN_REGION")

    def sign() -> Token:
        token, expires_ms = MSKAuthTokenProvider.generate_auth_token(named)
        return token, expires_ms / 1000

    return MskLogin(sign, lambda: CREDENTIALS.are_unfit_for(_REFUSED_LATE_SECONDS))
