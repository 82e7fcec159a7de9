"""Decides who may see the pages, and whether a form was sent from one of them.

    Host header -> is it ours? ──> session cookie or bearer token ──> a form: its CSRF token ──> the page
        421                             login page or 401                   403

A session is a cookie that this process signed (HMAC-SHA-256): SameSite strict, unreadable for scripts, gone when the
process ends. The CSRF token of a form is made of the session's name (OWASP's signed double-submit pattern). A page of
another site that points its own name at our address (DNS rebinding) is refused by the Host header.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

_BEARER: Final = "bearer "
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^:\[\]]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """Who asks.

    Attributes:
        name: of the session; random.
        is_admitted: whether pages may be shown, rather than the login alone.
        by_bearer: whether the request brought the token itself, which no other site can make a browser send.
        is_new: whether the browser has yet to be given it.
    """

    name: str
    is_admitted: bool
    by_bearer: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one process.

    Attributes:
        token: what admits; None: everybody who reaches the address is admitted.
        names: host names under which the desk may be called, lower case, beside localhost and addresses.
    """

    token: str | None
    names: frozenset[str] = frozenset()
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def is_ours(self, host_header: str) -> bool:
        """Whether a Host header is one of ours; an address cannot be rebound, a name has to be known."""
        match = _HOST.fullmatch(host_header.strip().lower())
        if match is None:
            return False
        host = match[1].strip("[]").rstrip(".")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host in self.names
        return True

    def session(self, cookie: str | None, authorization: str | None) -> BrowserSession:
        """Returns who asks: by the bearer token, by the cookie, or somebody new."""
        if authorization is not None and authorization.lower().startswith(_BEARER):
            return BrowserSession("", self.admits(authorization[len(_BEARER) :].strip()), by_bearer=True)
        name, _, rest = (cookie or "").partition(".")
        level, _, mac = rest.partition(".")
        if name and hmac.compare_digest(mac.encode(), self._mac("session", name, level).encode()):
            return BrowserSession(name, level == "admitted")
        return self.new_session(is_admitted=self.token is None)

    def new_session(self, *, is_admitted: bool) -> BrowserSession:
        """Makes a session with a name that nobody can guess."""
        return BrowserSession(secrets.token_urlsafe(18), is_admitted, is_new=True)

    def cookie(self, session: BrowserSession) -> str:
        """Returns what the browser keeps of a session."""
        level = "admitted" if session.is_admitted else "guest"
        return f"{session.name}.{level}.{self._mac('session', session.name, level)}"

    def csrf_token(self, session: BrowserSession) -> str:
        """Returns what the forms of this session hold."""
        return self._mac("form", session.name)

    def is_from_our_form(self, session: BrowserSession, csrf_token: str) -> bool:
        """Whether a form was on one of this session's pages; a bearer token needs none."""
        return session.by_bearer or hmac.compare_digest(csrf_token.encode(), self.csrf_token(session).encode())

    def admits(self, token: str) -> bool:
        """Whether this is the token."""
        return self.token is None or hmac.compare_digest(token.encode(errors="replace"), self.token.encode())

    def _mac(self, *parts: str) -> str:
        return hmac.new(self._key, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()
