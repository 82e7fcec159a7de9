"""Who may see the desk, by the rules alone."""

from __future__ import annotations

import pytest

from spanstream.consumer.desk.web.access import Access
from spanstream.consumer.desk.web.guard import is_safe_address


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8082",
        "LOCALHOST",
        "127.0.0.1:8082",
        "10.0.0.7",
        "[::1]:8082",
        "desk.example:443",
        "desk.example.",
    ],
)
def test_addresses_localhost_and_known_names_are_ours(host: str) -> None:
    assert Access(None, frozenset({"desk.example"})).is_ours(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "desk.example.evil.example", "127.0.0.1.evil.example", "localhost.evil", "a b", "[::1", "x:y"],
)  # fmt: skip
def test_a_name_that_somebody_pointed_here_is_not(host: str) -> None:
    assert not Access(None, frozenset({"desk.example"})).is_ours(host)


def test_a_session_is_known_by_its_cookie_and_a_changed_one_is_not() -> None:
    access = Access("token")
    session = access.new_session(is_admitted=True)
    cookie = access.cookie(session)
    assert access.session(cookie, None).is_admitted
    guest = access.cookie(access.new_session(is_admitted=False))
    for forged in (
        guest.replace("guest", "admitted"),
        cookie[:-1],
        cookie + "0",
        "",
        "..",
        "a.admitted.",
        "\u00fc.b.c",
    ):
        assert not access.session(forged, None).is_admitted


def test_a_cookie_of_another_process_is_worth_nothing() -> None:
    cookie = Access("token").cookie(Access("token").new_session(is_admitted=True))
    assert not Access("token").session(cookie, None).is_admitted


def test_without_a_token_everybody_is_admitted_and_with_one_only_its_bearer() -> None:
    assert Access(None).session(None, None).is_admitted
    access = Access("s3cret")
    assert not access.session(None, None).is_admitted
    assert access.session(None, "Bearer s3cret").is_admitted
    for wrong in ("Bearer S3cret", "Bearer ", "Basic s3cret", "s3cret", "Bearer s3cret\udcff"):
        assert not access.session(None, wrong).is_admitted


def test_a_form_belongs_to_its_session() -> None:
    access = Access(None)
    mine, other = access.new_session(is_admitted=True), access.new_session(is_admitted=True)
    assert access.is_from_our_form(mine, access.csrf_token(mine))
    assert not access.is_from_our_form(mine, access.csrf_token(other))
    assert not access.is_from_our_form(mine, "")


@pytest.mark.parametrize("address", ["/", "/document?id=a%2Fb", "/a//b"])
def test_a_login_leads_back_to_our_own_pages(address: str) -> None:
    assert is_safe_address(address)


@pytest.mark.parametrize(
    "address", ["", "//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"]
)
def test_and_nowhere_else(address: str) -> None:
    assert not is_safe_address(address)
