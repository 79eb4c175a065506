"""What a person reads of a contract."""

from datetime import UTC, datetime
from typing import Any

import pytest

from privateshare.platform.consent.terms import Terms, read_terms
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import ApplicationRow, ContractRow, PartnerRow
from privateshare.protocol.contract_document import AppText, parse_document
from privateshare.sources.registry import Sources

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


def terms(document: dict[str, Any], language: str = "en", **fields: Any) -> Terms:
    application = ApplicationRow(id="a", name="App", partner=PartnerRow(id="p", name="Partner"))
    given = {"kind": "read", "once": False, "expires_at": None} | fields
    return read_terms(
        ContractRow(id="c", application=application, document=parse_document(document), **given),
        Sources(),
        Translator(language),
        NOW,
    )


def asking(**request: Any) -> Terms:
    return terms({"dataRequest": request})


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (None, ["Data of any date, however old"]),
        ([{"type": "all"}], ["Data of any date, however old"]),
        ([{"last": "12m"}], ["The last 12 months, from May 20, 2025 to today"]),
        ([{"last": "1d"}], ["The last day, from May 20, 2026 to today"]),
        ([{"last": "2y"}], ["The last 2 years, from May 20, 2024 to today"]),
        ([{"from": 1735689600, "to": 1767225599}], ["From January 1, 2025 to December 31, 2025"]),
        ([{"from": 1735689600}], ["Since January 1, 2025, and what is added later"]),
        ([{"to": 1735689600}, {"last": "1h"}], ["Until January 1, 2025", "The last hour, from May 20, 2026 to today"]),
    ],
)
def test_time_ranges_are_described(ranges: Any, expected: list[str]) -> None:
    """Each form of a time range is a sentence with its dates."""
    undated = [] if expected[0].startswith("Data of any date") else ["What has no date is included."]
    assert asking(timeRanges=ranges).dates == expected + undated


def test_a_whole_group_lists_the_kinds_of_its_sources() -> None:
    """A contract that requests a group requests everything in it, and the page lists that."""
    (asked,) = asking(serviceGroups=[{"id": 5}]).asked
    assert (asked.group, asked.services) == ("Entertainment", "")
    assert "What you listened to and when" in asked.kinds.plain


def test_kinds_without_a_common_name_are_collapsed() -> None:
    """For a whole health record, the kinds with common names are listed first."""
    (asked,) = asking(serviceGroups=[{"id": 2}]).asked
    assert "Your name, birth date, address and contacts" in asked.kinds.plain
    assert "Conditions and diagnoses" in asked.kinds.plain
    assert "Audit Event" in asked.kinds.other


def test_services_with_equal_kinds_are_listed_together() -> None:
    """Kinds that are requested from several services are listed once, with the services."""
    kinds = [{"id": 127}, {"id": 128}]
    services = [{"id": number, "serviceObjectTypes": kinds} for number in (20, 22)]
    other = {"id": 9001, "serviceObjectTypes": [{"id": 132}]}
    found = asking(serviceGroups=[{"id": 2, "serviceTypes": [*services, other]}]).asked
    assert [(entry.services, entry.kinds.plain) for entry in found] == [
        ("Open Epic and Cerner", ["Allergies and intolerances", "Conditions and diagnoses"]),
        ("Health record file", ["Measurements and lab results"]),
    ]


def test_statements_repeat_the_apps_policies() -> None:
    """Each policy is shown as yes, no or unknown, with the app's own text."""
    found = asking(
        dataRetention={"dataRetained": True, "description": "for a year"},
        externalSharePolicy={"sharedExternally": False},
    ).statements
    assert [(entry.text, entry.words.text, entry.known) for entry in found] == [
        ("The app keeps a copy of your data.", "for a year", True),
        ("The app does not pass your data on to others.", "", True),
        ("The app does not say.", "", False),
        ("The app does not say.", "", False),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/relative",
        "https:",
        "https://[broken",
        7,
        None,
    ],
)
def test_links_with_other_schemes_are_left_out(url: Any) -> None:
    """A link that could run code, or is not valid, is not shown."""
    assert terms({"resources": {"privacyPolicy": url}}).links == []


def test_links_of_the_web_are_shown() -> None:
    """Links to policies carry names that a person understands, in their language."""
    document = {"resources": {"privacyPolicy": "https://app.example/p", "homePage": "http://app.example/"}}
    expected = [("Website", "http://app.example/"), ("Datenschutzerklärung", "https://app.example/p")]
    assert terms(document, "de").links == expected


@pytest.mark.parametrize("document", [{}, {"dataRequest": None}, {"dataRequest": {"dataRetention": "x", "purpose": 3}}])
def test_odd_documents_are_read(document: dict[str, Any]) -> None:
    """A document that lacks parts, or has them in another form, leaves them open."""
    found = terms(document)
    assert found.purpose == AppText()
    assert found.asked == []


def test_a_write_contract_shows_its_own_purpose() -> None:
    """It requests no data."""
    found = terms({"dataPush": {"purpose": "To file your results"}}, kind="write")
    assert (found.purpose.text, found.asked, found.dates) == ("To file your results", (), ())


@pytest.mark.protocol("8.8")
def test_texts_are_in_the_persons_language_where_the_app_has_them() -> None:
    """Each text by itself: one that is not translated stays in the language of the document."""
    document = {
        "language": "en",
        "dataRequest": {
            "purpose": "To find your genres",
            "disclaimer": "No warranty",
            "translations": {"nl": {"purpose": "Om je genres te vinden"}},
            "dataRetention": {
                "dataRetained": True,
                "description": "For a year",
                "translations": {"nl": {"description": "Een jaar lang"}},
            },
        },
    }
    dutch = terms(document, "nl")
    assert dutch.purpose == AppText("Om je genres te vinden", "nl")
    assert dutch.disclaimer == AppText("No warranty", "en")
    assert dutch.statements[0].words == AppText("Een jaar lang", "nl")
    assert terms(document, "fr").purpose == AppText("To find your genres", "en")


@pytest.mark.protocol("8.8")
def test_a_long_translation_is_cut_as_any_text() -> None:
    """A page stays a page, whatever an app writes."""
    document = {"dataRequest": {"translations": {"nl": {"purpose": "x" * 10_000}}}}
    assert len(terms(document, "nl").purpose.text) == 4000
