"""The cookies that bind a request for consent to a browser, and what a page shows of an answer.

With Flask, against the platform in memory; what is tested here is the same in all frameworks: test_coming_back.py and
tests/flow/test_web.py test others.
"""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from privateshare import AuthorizationFailed, ConfigurationError, UnexpectedReturn
from privateshare.testing import InMemoryPlatform
from privateshare.web import Arrived, Keeper, cookies
from privateshare.web.flask import consent_blueprint
from privateshare.web.web_framework import ALREADY_SHARED

SECRET = "a secret of thirty-two characters, or more"
HTTPS, HTTP = "https://app.example", "http://app.example"


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


@pytest.fixture
def browser(platform: InMemoryPlatform) -> FlaskClient:
    """A browser of an app with consent routes."""

    def remember(arrived: Arrived) -> str:
        return f"hello {arrived.token.user_id}"

    app = Flask(__name__)
    app.register_blueprint(consent_blueprint(platform.client(), secret=SECRET, on_token=remember), url_prefix="/c")
    return app.test_client()


def start(browser: FlaskClient, origin: str) -> TestResponse:
    """Sends the person off."""
    return browser.get("/c/start", base_url=origin)


def test_with_tls_the_cookie_belongs_to_this_host_only(browser: FlaskClient, platform: InMemoryPlatform) -> None:
    """`__Host-`: no other host of the domain can set it. No response is cached."""
    sent = start(browser, HTTPS)
    (cookie,) = sent.headers.getlist("set-cookie")
    name = cookie.partition("=")[0]
    assert name.startswith("__Host-privateshare_consent_")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    back = browser.get(platform.consent(sent.headers["location"]), base_url=HTTPS)
    assert back.text == "hello testperson"
    assert sent.headers["cache-control"] == back.headers["cache-control"] == "no-store"
    (ended,) = back.headers.getlist("set-cookie")
    assert ended.partition("=")[0] == name
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(ended.split("; "))
    assert len(ended) < len(cookie)  # the verifier and the session are not kept any longer


def test_without_tls_the_cookie_is_set_too(browser: FlaskClient) -> None:
    """On a developer's machine."""
    (cookie,) = start(browser, HTTP).headers.getlist("set-cookie")
    assert cookie.startswith("privateshare_consent_")
    assert "Secure" not in cookie


def test_a_return_works_once_and_in_one_browser(browser: FlaskClient, platform: InMemoryPlatform) -> None:
    """The same address in a browser with another request gives no token. Neither does a repetition, which says why."""
    address = platform.consent(start(browser, HTTPS).headers["location"])
    stranger = browser.application.test_client()
    start(stranger, HTTPS)
    assert stranger.get(address, base_url=HTTPS).status_code == 400
    assert browser.get(address, base_url=HTTPS).text == "hello testperson"
    assert browser.get(address, base_url=HTTPS).text == ALREADY_SHARED


def test_a_forged_return_ends_no_request(browser: FlaskClient, platform: InMemoryPlatform) -> None:
    """A site that sends a browser to a forged address ends nothing that the person is about to finish."""
    address = platform.consent(start(browser, HTTPS).headers["location"])
    for query in ("success=false&errorCode=USER_CANCEL&state=x", "code=theirs&state=x", "x", ""):
        assert browser.get(f"/c/return?{query}", base_url=HTTPS).status_code == 400
    assert browser.get(f"{address}&code=another", base_url=HTTPS).status_code == 400
    assert browser.get(address, base_url=HTTPS).text == "hello testperson"


def test_a_browser_stores_the_newest_requests_only(browser: FlaskClient, platform: InMemoryPlatform) -> None:
    """A header has no space for more."""
    addresses = [platform.consent(start(browser, HTTPS).headers["location"]) for _ in range(cookies.MAX_COOKIES + 3)]
    assert sum(len(str(cookie.value)) for cookie in browser._cookies.values()) < 4000  # type: ignore[union-attr, misc]
    assert browser.get(addresses[0], base_url=HTTPS).status_code == 400
    for address in addresses[3:]:
        assert browser.get(address, base_url=HTTPS).text == "hello testperson"


@pytest.mark.parametrize("code", ["<script>alert(1)</script>", "x" * 65, "A\r\nB", ""])
def test_the_content_of_an_address_is_not_shown(browser: FlaskClient, platform: InMemoryPlatform, code: str) -> None:
    """An `errorCode` that is not a word becomes SERVER_ERROR, and the page is plain text."""
    declined = platform.decline(start(browser, HTTPS).headers["location"])
    query = declined.split("?")[1].replace("errorCode=USER_CANCEL", "")
    shown = browser.get("/c/return", base_url=HTTPS, query_string=_query(query, code))
    assert shown.text == "The data was not shared (SERVER_ERROR)."
    assert shown.content_type.startswith("text/plain")


def _query(query: str, code: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in query.split("&") if part) | {"errorCode": code}


def test_an_old_changed_or_foreign_cookie_is_ignored(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be decrypted with this app's secret only, and is valid for one state and one user."""
    with platform.client() as client:
        asked = client.get_authorize_url(f"{HTTPS}/c/return")
    cookie = Keeper(SECRET).keep(asked, "ann")
    assert asked.state not in cookie
    assert Keeper(SECRET).kept(cookie, asked.state, "ann").session == asked.session
    changed = cookie[:-5] + ("A" if cookie[-5] != "A" else "B") + cookie[-4:]
    for wrong in (None, "", "ü", "AAAA", changed, cookie[:40]):
        with pytest.raises(UnexpectedReturn):
            Keeper(SECRET).kept(wrong, asked.state, "ann")
    for keeper, state, user in (
        (Keeper(SECRET[::-1]), asked.state, "ann"),
        (Keeper(SECRET), "another", "ann"),
        (Keeper(SECRET), asked.state, "bob"),
        (Keeper(SECRET), asked.state, ""),
    ):
        with pytest.raises(UnexpectedReturn):
            keeper.kept(cookie, state, user)
    monkeypatch.setattr(cookies, "LIFETIME_SECONDS", -1)
    with pytest.raises(AuthorizationFailed, match="too long ago"):
        Keeper(SECRET).kept(Keeper(SECRET).keep(asked), asked.state)


def test_a_secret_can_be_replaced(platform: InMemoryPlatform) -> None:
    """The first of several secrets encrypts, and all decrypt, so that people on the pages need not start again."""
    with platform.client() as client:
        asked = client.get_authorize_url(f"{HTTPS}/c/return")
    old, new = SECRET, SECRET[::-1]
    replaced = Keeper([new, old])
    assert replaced.kept(Keeper(old).keep(asked), asked.state).state == asked.state
    assert Keeper(new).kept(replaced.keep(asked), asked.state).state == asked.state
    with pytest.raises(UnexpectedReturn):
        Keeper(old).kept(replaced.keep(asked), asked.state)
    for too_short in ([], [SECRET, "short"], "short"):
        with pytest.raises(ConfigurationError, match="32 characters"):
            Keeper(too_short)
