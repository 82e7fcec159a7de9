"""What stands before every page: the Host header, the login, the forms, and the headers of all responses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from spanstream.consumer.desk.opening import check_desk
from spanstream.consumer.desk.parts import DeskParts
from spanstream.consumer.desk.web.access import Access
from spanstream.consumer.desk.web.app import create_app
from spanstream.consumer.desk.web.guard import MOST_FORM_BYTES
from spanstream.consumer.errors import Stop
from spanstream.consumer.settings import DeskSettings
from tests.support.desk.desk_scene import TOKEN, DeskScene, browser_of, csrf_of, submit


@pytest.fixture(scope="module")
def parts() -> Iterator[DeskParts]:
    with DeskScene().open() as parts:
        yield parts


@pytest.fixture(scope="module")
def locked() -> Iterator[DeskParts]:
    with DeskScene().open(token=SecretStr(TOKEN), is_writing=True) as parts:
        yield parts


def test_every_response_forbids_what_a_page_does_not_need(parts: DeskParts) -> None:
    browser = browser_of(parts)
    for path in ("/", "/stream", "/letters", "/nothing", "/static/desk.css", "/static/nothing", "/document?id=x"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_a_foreign_host_is_told_nothing(parts: DeskParts) -> None:
    reply = browser_of(parts).get("/", headers={"Host": "evil.example:8082"})
    assert reply.status_code == 421
    assert "spanstream</a>" not in reply.text
    assert browser_of(parts).get("/", headers={"Host": "desk.example"}).status_code == 200


def test_where_there_is_a_token_nothing_is_shown_without_it(locked: DeskParts) -> None:
    browser = browser_of(locked)
    for path in ("/", "/document?id=x", "/stream"):
        reply = browser.get(path, follow_redirects=False)
        assert reply.status_code == 303
        assert reply.headers["location"].startswith("/login?next=/")
    reply = browser.get("/stream", headers={"Accept": "*/*"})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"


def test_the_token_admits_a_browser_and_leads_back(locked: DeskParts) -> None:
    browser = browser_of(locked)
    assert submit(browser, "/login", "/login", {"token": TOKEN[:-1]}).status_code == 401
    assert browser.get("/", follow_redirects=False).status_code == 303
    reply = submit(browser, "/login", "/login", {"token": f" {TOKEN} ", "next": "/document?id=x"})
    assert reply.status_code == 303
    assert reply.headers["location"] == "/document?id=x"
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert browser.get("/", follow_redirects=False).status_code == 200
    submit(browser, "/", "/logout", {})
    assert browser.get("/", follow_redirects=False).status_code == 303


def test_a_login_leads_to_no_other_site(locked: DeskParts) -> None:
    reply = submit(browser_of(locked), "/login", "/login", {"token": TOKEN, "next": "//evil.example"})
    assert reply.headers["location"] == "/"


def test_a_program_brings_the_token_itself(locked: DeskParts) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    reply = browser_of(locked).get("/", headers=bearer)
    assert reply.status_code == 200
    assert "set-cookie" not in reply.headers


def test_every_form_is_refused_that_was_not_on_a_page_of_ours(locked: DeskParts) -> None:
    browser = browser_of(locked)
    submit(browser, "/login", "/login", {"token": TOKEN})
    posts = [path for path, methods in create_app(locked, Access(None)).openapi()["paths"].items() if "post" in methods]
    assert "/logout" in posts
    csrf = csrf_of(browser.get("/").text)
    for path in posts:
        assert browser.post(path, data={}).status_code == 403
        assert browser.post(path, data={"csrf": csrf[::-1]}).status_code == 403
        for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert browser.post(path, data={"csrf": csrf}, headers=foreign).status_code == 403
    assert browser.get("/", follow_redirects=False).status_code == 200


def test_a_form_that_is_too_long_is_not_read(parts: DeskParts) -> None:
    assert browser_of(parts).post("/logout", content=b"a=" + b"x" * MOST_FORM_BYTES).status_code == 413


def test_no_page_of_the_framework_is_left(parts: DeskParts) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert browser_of(parts).get(path).status_code == 404


def test_others_can_reach_it_only_with_a_token() -> None:
    with pytest.raises(Stop, match="no token"):
        check_desk(DeskSettings(host="0.0.0.0"))  # noqa: S104  that is what is refused
    with pytest.raises(Stop, match="no token"):
        check_desk(DeskSettings(host="0.0.0.0", token=SecretStr(" ")))  # noqa: S104  the same
    check_desk(DeskSettings(host="0.0.0.0", token=SecretStr(TOKEN)))  # noqa: S104  with a token it may
