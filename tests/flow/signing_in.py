"""A person who signs in at a hospital, in a browser without JavaScript."""

from examples.walking import Browser, Page

from tests.flow.consenting import opened, page_of

HOSPITAL = 9100
NAME = "City Hospital"


def way_there(browser: Browser) -> str:
    """From the connect page to the hospital's address, which the page between gives."""
    assert page_of(browser) == "connect"
    browser.submit("continue")
    assert browser.page is not None
    return browser.page.links[f"Go to {NAME}"]


def way_back(there: str, answer: str = "continue") -> str:
    """What the person does at the hospital; the address that leads back."""
    elsewhere = opened(there)
    assert elsewhere.left_to is not None  # the hospital's single sign-on is on another host
    elsewhere = opened(elsewhere.left_to)
    elsewhere.submit(answer)
    assert elsewhere.left_to is not None
    return elsewhere.left_to


def sign_in(browser: Browser, answer: str = "continue") -> None:
    """From the connect page through the hospital and back."""
    browser.open(way_back(way_there(browser), answer))


def shown(browser: Browser) -> Page:
    """The page that a browser is on."""
    assert browser.page is not None, browser.left_to
    return browser.page
