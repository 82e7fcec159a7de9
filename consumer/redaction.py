"""Knows which values of the clients' options are secret, and takes them out of what a library says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

_PROTECTED = ("password", "passphrase", "secret", "token", "jaas", "key.pem", "user.info", "oauthbearer.config")
_SHORTEST_SECRET = 3  # characters; hiding every "a" would protect nothing


def secrets_in(options: Mapping[str, object]) -> frozenset[str]:
    """Returns the values of the options whose names say that they are secret, and the words of those with several."""
    values = [str(value) for name, value in options.items() if _is_protected(name)]
    return _long_enough({*values, *(word for value in values for word in value.split())})


def secrets_in_url(url: str) -> frozenset[str]:
    """Returns the URL itself and its passwords, as they are written and as they are meant."""
    try:
        parts = urlsplit(url)
        passwords = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if _is_protected(name))]
    except ValueError:  # it cannot be read as a URL
        passwords = []
    return _long_enough({url, *passwords, *map(unquote, passwords)})


def redacted(text: str, secrets: Collection[str]) -> str:
    """Returns the text with stars in the place of the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _is_protected(name: str) -> bool:
    return any(word in name.lower() for word in _PROTECTED)


def _long_enough(values: Collection[str]) -> frozenset[str]:
    return frozenset(value for value in values if len(value) >= _SHORTEST_SECRET)
