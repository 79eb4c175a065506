"""The headers that protect the pages."""

from importlib.resources import files

import pytest
from markupsafe import Markup

from privateshare.platform.consent.rendering import app_words, as_title, isolated, page, redirect, static_file
from privateshare.platform.consent.translation import Translator
from privateshare.platform.operating.settings import Settings
from privateshare.protocol.contract_document import AppText

VALUES = {"failure": "INVALID_CODE", "reason": "over", "status": 410, "reference": None, "way_out": None}


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://app.example/back?x=1", "https://app.example"),
        ("http://127.0.0.1:8080/back", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/back", "http:"),
        ("digime-ca-abc://auth", "digime-ca-abc:"),
    ],
)
def test_forms_lead_to_the_app_and_nowhere_else(address: str, allowed: str) -> None:
    """Browsers check redirections after a form too, so the policy names where the app is, and only that."""
    policy = page("error.html", Translator("en"), VALUES, settings=Settings(), leads_to=(address,)).headers[
        "content-security-policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["form-action"] == f"'self' {allowed}"
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy


def test_redirections_keep_the_address_as_it_is() -> None:
    """An address with a private scheme or its own encoding is not changed."""
    address = "digime-ca-AbC://auth?state=a%2Fb%20c"
    assert redirect(address).headers["location"] == address


def test_static_files_are_kept_for_good() -> None:
    """A static file may be cached, since its address changes with it; others are not to be had."""
    found = static_file("style.css")
    assert found is not None
    assert "immutable" in found.headers["cache-control"]
    assert static_file("../pages.py") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Genrefy", "Genrefy"),
        ("<b>\u202eyfrneG", "&lt;b&gt;\u202eyfrneG"),
        ("\u2067a\u2069b", "\u2067a\u2069b"),
        ("a\u2069\u202eb", "a\u202eb"),
        ("\u2066a\u2069\u2069\u2069b\u2068", "\u2066a\u2069b\u2068\u2069"),
    ],
)
def test_others_words_are_kept_apart(text: str, shown: str) -> None:
    """An override of the writing direction ends with the words that it is in, and cannot end that from inside."""
    assert isolated(text) == f"<bdi>{shown}</bdi>"


@pytest.mark.protocol("8.8")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (AppText("Om te testen", "nl"), '<bdi lang="nl">Om te testen</bdi>'),
        (AppText("To test", "en-GB"), "<bdi>To test</bdi>"),
        (AppText("To test"), "<bdi>To test</bdi>"),
        (AppText("<b>\u2069", "nl"), '<bdi lang="nl">&lt;b&gt;</bdi>'),
    ],
)
def test_apps_words_name_their_language(text: AppText, shown: str) -> None:
    """A screen reader pronounces them in it, and the page's own language is not repeated."""
    assert app_words(text, "en") == shown


def test_titles_have_no_markup() -> None:
    """What is said in a title is said in order, and what looks like code stays text."""
    title = Markup("Back to {}?").format(isolated("<b>Gen\u202erefy &amp;"))
    assert as_title(title) == "Back to &lt;b&gt;Genrefy &amp;amp;?"


def test_every_static_file_is_served() -> None:
    """Each file in the folder of static files has a type, so that no page asks for one in vain."""
    folder = files("privateshare.platform.consent").joinpath("static")
    assert [file.name for file in folder.iterdir() if static_file(file.name) is None] == []
