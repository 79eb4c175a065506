"""Tests of the pages at the platform's own address: what it is, who runs it, and addresses that do not exist."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from lxml import html

from tests.flow.served import Served

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What browsers accept."""


def opened(address: str, language: str = "en") -> tuple[httpx2.Response, html.HtmlElement]:
    answer = httpx2.get(address, headers={"accept": PAGE, "accept-language": language})
    return answer, html.fromstring(answer.text)


def kind(page: html.HtmlElement) -> str:
    return str(page.find("body").get("data-page"))


def links(page: html.HtmlElement) -> dict[str, str]:
    return {link.text_content().strip(): str(link.get("href")) for link in page.iter("a")}


def test_the_address_shows_a_page_for_people(served: Served) -> None:
    """It says what this is, and leads to the person's own pages and to the description of the API."""
    answer, page = opened(served.origin)
    assert (answer.status_code, kind(page)) == (200, "front")
    assert links(page)["My data and sharing"] == "/me/"
    assert links(page)["Read how the API of this platform works"] == "/docs"
    for address in ("/me/", "/docs"):
        assert httpx2.get(served.origin + address).status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert httpx2.head(f"{served.origin}/").status_code == 200


def test_it_speaks_the_languages_of_the_other_pages(served: Served) -> None:
    """The browser's language decides, and a link at the end of the page changes it."""
    german = opened(served.origin, "de")[1]
    assert (german.get("lang"), links(german)["Meine Daten und Freigaben"]) == ("de", "/me/")
    assert links(german)["English"] == "?lng=en"
    assert "For developers" in opened(f"{served.origin}/?lng=en", "de")[1].text_content()


def test_a_chosen_language_stays(served: Served) -> None:
    """Every page of the platform keeps it in this browser, until the person chooses another one."""
    with httpx2.Client(base_url=served.origin, headers={"accept": PAGE, "accept-language": "en"}) as browser:

        def language(address: str) -> tuple[str, str]:
            answer = browser.get(address)
            page = html.fromstring(answer.text)
            assert answer.headers["content-language"] == page.get("lang")
            return str(page.get("lang")), str(page.get("dir"))

        assert language("/") == ("en", "ltr")
        assert language("/?lng=ar") == ("ar", "rtl")
        assert [language(path) for path in ("/", "/me/", "/nothing", "/apps/saas/authorize?code=used")] == [
            ("ar", "rtl")
        ] * 4
        assert language("/?lng=xx") == ("ar", "rtl")
        assert language("/apps/saas/authorize?code=used&lng=nl") == ("nl", "ltr")
        assert language("/") == ("ar", "rtl"), "an app's link applies to its journey only"
        assert language("/me/?lng=fr-CA") == ("fr", "ltr")
        assert language("/") == ("fr", "ltr")


def test_links_to_other_languages_keep_what_is_open(served: Served) -> None:
    """Whoever changes the language stays on the same page of a list, with the same search."""
    assert links(opened(f"{served.origin}/?a=1&lng=de&q=x%26y")[1])["Nederlands"] == "?a=1&q=x%26y&lng=nl"


@pytest.mark.parametrize("path", ["/", "/me/", "/nothing", "/apps/saas/authorize?code=used"])
def test_every_page_says_who_runs_the_platform(served: Served, path: str) -> None:
    """The name, the contact and the privacy notice of the settings are at the end of every page."""
    page = opened(served.origin + path)[1]
    footer = page.find("body/footer").text_content()
    assert "The <Example> Foundation runs this platform." in " ".join(footer.split())
    assert links(page)["privacy@example.org"] == "mailto:privacy@example.org"
    assert links(page)["Privacy notice"] == "https://example.org/privacy?a=1&b=2"


@pytest.mark.parametrize("path", ["/nothing", "/favicon.ico", "/v1.7/nothing", "/docs/nothing", "/me/nothing/nothing"])
def test_an_address_that_does_not_exist_is_a_page_for_browsers(served: Served, path: str) -> None:
    """Clients of the API get the error of protocol 13, whatever else they accept."""
    answer, page = opened(served.origin + path)
    assert (answer.status_code, kind(page)) == (404, "error")
    assert links(page)["What PrivateShare is"] == "/"
    for accepted in ("application/json", "*/*", "application/json, text/plain, */*"):
        error = httpx2.get(served.origin + path, headers={"accept": accepted})
        if not path.startswith("/me/"):
            assert (error.status_code, error.json()["error"]["code"]) == (404, "NotFound")
    if not path.startswith("/me/"):
        posted = httpx2.post(served.origin + path, headers={"accept": PAGE})
        assert posted.json()["error"]["code"] in {"NotFound", "MethodNotAllowed"}


def test_security_txt_names_the_operators_contact(served: Served) -> None:
    """Its form is that of RFC 9116: a contact as an address, and a date of less than a year ahead."""
    answer = httpx2.get(f"{served.origin}/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields.keys() == {"Contact", "Expires"}
    assert fields["Contact"] == "mailto:privacy@example.org"
    assert timedelta() < datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC) < timedelta(days=365)
