"""Tests of the links to the consent pages: their code and their parameters. Protocol 8.1, 8.2."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx2
import pytest
from examples.walking import Browser, consent
from sqlalchemy import update

from privateshare.platform.db.tables import AccountRow, ContractRow, JourneyRow, ReferenceRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from tests.flow.consenting import (
    accounts,
    ask,
    asking_contract,
    at_consent,
    failure,
    known_person,
    opened,
    page_of,
    refer,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Wire, query_of


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


# --- codes ---


def test_an_unknown_code_is_reported(wire: Wire) -> None:
    """An unknown code leads only to an error page, whatever callback the link has."""
    url = f"{wire.origin}/apps/saas/authorize?code=unknown&callback=https://evil.example/"
    page = opened(url).page
    assert page is not None
    assert (page.name, page.status) == ("error", 410)
    assert "INVALID_CODE" in page.html


def test_a_missing_code_is_reported(wire: Wire) -> None:
    """A link without a code cannot be started."""
    page = opened(f"{wire.origin}/apps/saas/authorize").page
    assert page is not None
    assert (page.name, page.status) == ("error", 400)
    assert "INITIALIZE_CHECK_FAIL" in page.html


async def test_an_expired_code_is_invalid(wire: Wire, platform: Platform) -> None:
    """Neither the expired code nor the journey that it opened can be used."""
    asking, begun, seen = ask(wire), ask(wire), ask(wire)
    browser, viewer = at_consent(begun), opened(seen.url)
    async with platform.database.transaction() as db:
        hashes = [hash_secret(one.code) for one in (asking, begun, seen)]
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(update(JourneyRow).where(JourneyRow.code_hash.in_(hashes)).values(expires_at=past))
    failure(opened(asking.url), "INVALID_CODE")
    for late in (browser, viewer):
        late.submit("continue")
        assert (page_of(late), late.page and late.page.status) == ("error", 410)
        assert "Your time ran out" in late.page.html  # type: ignore[union-attr]
        assert any(url.startswith(REDIRECT_URI) for url in late.page.links.values())  # type: ignore[union-attr]


async def test_an_ended_contract_starts_nothing(people: People) -> None:
    """A link of a contract that has ended meanwhile cannot be started."""
    ended = await asking_contract(people)
    asking = ask(ended)
    async with people.platform.database.transaction() as db:
        await db.execute(
            update(ContractRow).where(ContractRow.id == ended.contract_id).values(expires_at=datetime.now(UTC))
        )
    failure(opened(asking.url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.protocol("8.1")
@pytest.mark.parametrize("page", ["onboard", "reauthorize", "user-reauth", "revoke"])
def test_a_code_is_for_its_own_page(wire: Wire, page: str) -> None:
    """A code of 4.1 opens no page for known people, and stays valid for its own page."""
    asking = ask(wire)
    failure(opened(asking.url.replace("/authorize?", f"/{page}?")), "INITIALIZE_CHECK_FAIL")
    assert page_of(opened(asking.url)) == "pick-source"


# --- parameters of 8.2 ---


def test_service_skips_the_picker(wire: Wire) -> None:
    """`service` leads directly to connecting that source, and `sampleDataSet` is already chosen there."""
    browser = opened(ask(wire, f"&service={FHIR_FILE}&sampleDataSet=default").url)
    assert page_of(browser) == "connect"
    browser.submit("continue")
    assert page_of(browser) == "consent"


@pytest.mark.parametrize(
    "query",
    [
        *("&service=999999", "&service=15", "&sourceType=push", "&sourcesScope=%7Bx", "&service=x"),
        *("&service=-1", "&service=2147483648", "&service=99999999999999999999", "&service=" + "9" * 5000),
    ],
)
def test_links_that_ask_for_the_impossible_do_not_start(wire: Wire, query: str) -> None:
    """An unknown source, one outside of the contract and invalid values give INITIALIZE_CHECK_FAIL."""
    failure(opened(ask(wire, query).url), "INITIALIZE_CHECK_FAIL")


NO_TEXT = [
    "%00",
    "a%00b",
    "%0d%0a",
    "%1b",
    "%7f",
    "%c2%85",
    "%ff",
    "caf%e9",
    "%c0%80",
    "%c0%af",
    "%ed%a0%80",
    "%f4%90%80%80",
]
NAMES = ["lng", "sampleDataSet", "storageRef", "accountRef", "callback", "sourceType", "service", "triggerQuery", "any"]


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize("value", NO_TEXT)
def test_invalid_text_in_parameters_is_reported_to_the_app(wire: Wire, value: str) -> None:
    """A link with control characters or invalid UTF-8 in a parameter cannot be started."""
    for name in NAMES if "%0" in value or "%f" in value else NAMES[:1]:
        if name == "any" and "%0" in value:
            continue  # Unknown parameters are ignored if they are valid text.
        failure(opened(ask(wire, f"&{name}={value}").url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize(
    "scope", ['{"dataType":["\\u0000"]}', '{"dataType":["\\ud800"]}', '{"organizationType":"\\u0007"}']
)
def test_invalid_text_in_a_scope_is_reported_to_the_app(wire: Wire, scope: str) -> None:
    """JSON escapes can express characters that an address cannot."""
    for times in (1, 2):
        encoded = scope
        for _ in range(times):
            encoded = quote(encoded, safe="")
        failure(opened(ask(wire, f"&sourcesScope={encoded}").url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.parametrize("value", NO_TEXT)
def test_invalid_text_breaks_no_page(wire: Wire, value: str) -> None:
    """Invalid text in the query or path gives a page or a clear error, and never an internal error."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    at = browser.page.url.rsplit("/", 1)[0]
    for page in ("source?q=", "source?lng=", "connect/16?problem=", "consent?x=", "done?lng=", "connect/", ""):
        browser.open(f"{at}/{page}{value}")
        assert browser.page.status in (200, 400, 404, 422), page
    for page in ("authorize?code=", f"{value}?code=", "connected?state=", "connected?error=", "static/", "journey/"):
        answer = httpx2.get(f"{wire.origin}/apps/saas/{page}{value}")
        assert answer.status_code in (400, 404, 410), page
        assert 'data-page="error"' in answer.text
    browser.open(f"{at}/source")
    assert page_of(browser) == "pick-source"


@pytest.mark.protocol("13")
@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize(
    "path",
    [
        "discovery/services?includeSampleDataOnlySources=",
        "permission-access/query/x?wait=",
        "permission-access/query/",
        "permission-access/query/x/",
        "permission-access/sample/datasets/",
        "export/spotify/report?format=",
        "export/spotify/report?from=1&to=",
        "permission-access/contract?schemaVersion=",
    ],
)
def test_invalid_text_breaks_no_call(wire: Wire, path: str, value: str) -> None:
    """The API rejects it or ignores it."""
    assert wire.get(f"{path}{value}").status_code < 500


async def test_only_sources_that_the_contract_asks_for_are_offered(people: People) -> None:
    """The picker shows the sources with data that the contract may read, and accepts no other."""
    medical = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}]}})
    browser = opened(ask(medical).url)
    assert browser.page is not None
    assert f'data-source-id="{FHIR_FILE}"' in browser.page.html
    assert f'data-source-id="{SPOTIFY}"' not in browser.page.html
    browser.submit("continue", extra={"source": str(SPOTIFY)})
    assert (page_of(browser), browser.page.status) == ("pick-source", 422)


@pytest.mark.parametrize(
    ("scope", "offered"),
    [
        ({}, {SPOTIFY, FHIR_FILE}),
        ({"dataType": ["vaccinations", "images"]}, {FHIR_FILE}),
        ({"organizationType": "hospital"}, {FHIR_FILE}),
        ({"dataType": ["gp-data", "never heard of"], "organizationType": "pharmacy"}, {FHIR_FILE}),
    ],
)
def test_a_sources_scope_narrows_the_picker(wire: Wire, scope: dict[str, object], offered: set[int]) -> None:
    """Only sources with any of the data types in `sourcesScope`, encoded twice as clients send it, are offered.

    A link that names the source shows no picker.
    """
    encoded = quote(quote(json.dumps(scope), safe=""), safe="")
    browser = opened(ask(wire, f"&sourcesScope={encoded}").url)
    assert browser.page is not None
    for source in (SPOTIFY, FHIR_FILE):
        assert (f'data-source-id="{source}"' in browser.page.html) is (source in offered)
    if SPOTIFY not in offered:
        browser.submit("continue", extra={"source": str(SPOTIFY)})
        assert (page_of(browser), browser.page.status) == ("pick-source", 422)
        assert page_of(opened(ask(wire, f"&service={SPOTIFY}&sourcesScope={encoded}").url)) == "connect"


async def test_a_sources_scope_never_widens_the_contract(people: People) -> None:
    """An unknown data type, or one that the contract may not read, adds no source."""
    allergies = {"id": 2, "serviceTypes": [{"id": 9001, "serviceObjectTypes": [{"id": 127}]}]}
    wire = await asking_contract(people, document={"dataRequest": {"serviceGroups": [allergies]}})
    for data_types in (["vaccinations"], ["never heard of"]):
        encoded = quote(quote(json.dumps({"dataType": data_types}), safe=""), safe="")
        failure(opened(ask(wire, f"&sourcesScope={encoded}").url), "INITIALIZE_CHECK_FAIL")
    encoded = quote(quote(json.dumps({"dataType": ["allergy-intolerances"]}), safe=""), safe="")
    assert page_of(opened(ask(wire, f"&sourcesScope={encoded}").url)) == "pick-source"


def test_sample_data_is_shared_without_a_click(wire: Wire) -> None:
    """With `sampleDataAutoOnboard` a form that a script sends returns a code, and only sample data is shared.

    Opening the link, as scanners and previews do, shares nothing and uses up nothing.
    """
    asking = ask(wire, f"&service={SPOTIFY}&sampleDataSet=small&sampleDataAutoOnboard=true")
    for _ in range(3):
        assert page_of(opened(asking.url)) == "connect"
    assert wire.get(f"permission-access/query/{asking.session}").json()["status"] == {"state": "pending"}
    browser = opened(asking.url)
    assert browser.page is not None
    assert "data-by-itself" in browser.page.html
    browser.submit("continue")
    (account,) = accounts(wire, asking.tokens(str(browser.left_to)).access)
    assert account["sample"] is True


def test_sample_data_is_added_without_a_click(wire: Wire) -> None:
    """This works on the page `onboard` too, if the library has only sample data, and pressing twice adds it once."""
    tokens = known_person(wire)
    asking = refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}&sampleDataAutoOnboard=true")
    browser = opened(asking.url)
    page = browser.page
    assert len(accounts(wire, tokens.access)) == 1
    for _ in range(2):
        browser.page = page
        browser.submit("continue")
        assert query_of(str(browser.left_to))["success"] == "true"
    assert len(accounts(wire, tokens.access)) == 2


def test_the_automatic_page_cannot_be_used_on_other_journeys(wire: Wire) -> None:
    """A form to its address does nothing if the link asks the person something."""
    for query in ("", f"&service={SPOTIFY}", "&sampleDataAutoOnboard=true"):
        browser = opened(ask(wire, query).url)
        assert browser.page is not None
        at = browser.page.url
        browser.page.form("continue").action = f"{at.split('/journey/')[0]}/journey/{at.split('/')[6]}/begin"
        browser.submit("continue")
        assert browser.page is not None
        assert browser.page.url == at


@pytest.mark.protocol("8.2")
async def test_samples_join_real_data_only_if_the_person_says_so(wire: Wire, platform: Platform) -> None:
    """A person with real data is asked, whatever the link says."""
    tokens = known_person(wire)
    (account,) = accounts(wire, tokens.access)
    async with platform.database.transaction() as db:
        await db.execute(update(AccountRow).where(AccountRow.public_id == account["id"]).values(sample=None))
    query = f"&service={FHIR_FILE}&sampleDataSet=default&sampleDataAutoOnboard=true"
    assert page_of(opened(ask(wire, query, access_token=tokens.access).url)) == "connect"
    assert page_of(opened(refer(wire, "onboard", tokens.access, query).url)) == "connect"
    assert len(accounts(wire, tokens.access)) == 1


@pytest.mark.protocol("8.1")
def test_a_code_stays_with_the_page_of_the_first_form(wire: Wire) -> None:
    """The same browser cannot start another journey with it, and continues the one that it is on."""
    asking, http = refer(wire, "onboard", known_person(wire).access), httpx2.Client()
    opened(asking.url.replace("/onboard?", "/reauthorize?"), http=http)
    browser = opened(asking.url, http=http)
    assert page_of(browser) == "pick-source"
    browser.submit("continue")
    failure(opened(asking.url.replace("/onboard?", "/reauthorize?"), http=http), "INVALID_CODE")
    assert page_of(opened(asking.url, http=http)) == "pick-source"


def test_sample_data_is_shared_after_picking_a_source(wire: Wire) -> None:
    """If the link names no source, picking one is all that the person does."""
    browser = opened(ask(wire, "&sampleDataAutoOnboard=true").url)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    assert query_of(str(browser.left_to))["success"] == "true"


@pytest.mark.protocol("4.5", "11.1")
def test_a_storage_is_assigned_to_the_person_who_consents_with_it(wire: Wire) -> None:
    """`storageRef` assigns the app's storage to the person, and a reference works once.

    No other reference can give it to another person.
    """
    storage = wire.post("storage").json()
    body = {"type": "cloudId", "value": storage["id"]}
    first, second = (wire.post("reference", body=body).json()["id"] for _ in "ab")
    tokens = []
    for handle in (first, first, second):
        asking = ask(wire, f"&storageRef={handle}")
        tokens.append(asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"})))
    assert wire.get("storage", access_token=tokens[0].access).json() == storage
    for other in tokens[1:]:
        assert wire.get("storage", access_token=other.access).status_code == 404


@pytest.mark.protocol("11.1")
async def test_another_applications_storage_is_not_assigned(wire: Wire, people: People) -> None:
    """References to another application's storage or of another contract assign nothing."""
    other = await asking_contract(people, name="Another", partner="Another")
    theirs = other.post("storage").json()["id"]
    for maker in (wire, other):
        handle = maker.post("reference", body={"type": "cloudId", "value": theirs}).json()["id"]
        asking = ask(wire, f"&storageRef={handle}")
        tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
        assert wire.get("storage", access_token=tokens.access).status_code == 404
    handle = other.post("reference", body={"type": "cloudId", "value": theirs}).json()["id"]
    asking = ask(other, f"&storageRef={handle}")
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
    # The storage belonged to nobody yet.
    assert other.get("storage", access_token=tokens.access).json()["id"] == theirs


@pytest.mark.protocol("4.5")
async def test_a_reference_works_only_for_its_contract_and_kind(wire: Wire, people: People) -> None:
    """In another place it assigns nothing and is not used up."""
    sibling = await people.contract(application_id=wire.application_id)
    storage = wire.post("storage").json()
    mine = {"type": "cloudId", "value": storage["id"]}
    siblings = sibling.post("reference", body=mine).json()["id"]
    other_kind = wire.post("reference", body=mine | {"type": "accountId"}).json()["id"]
    for handle in (siblings, other_kind):
        asking = ask(wire, f"&storageRef={handle}")
        tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
        assert wire.get("storage", access_token=tokens.access).status_code == 404
    asking = ask(sibling, f"&storageRef={siblings}")
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
    assert sibling.get("storage", access_token=tokens.access).json()["id"] == storage["id"]


@pytest.mark.protocol("4.5", "4.6")
async def test_a_reference_expires(wire: Wire, platform: Platform) -> None:
    """It expires together with its code."""
    storage = wire.post("storage").json()
    handle = wire.post("reference", body={"type": "cloudId", "value": storage["id"]}).json()["id"]
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(
            update(ReferenceRow).where(ReferenceRow.handle_hash == hash_secret(handle)).values(expires_at=past)
        )
    asking = ask(wire, f"&storageRef={handle}")
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
    assert wire.get("storage", access_token=tokens.access).status_code == 404


def test_an_unknown_sample_fails_to_onboard(wire: Wire) -> None:
    """An unknown sample data set is an onboarding error."""
    query = f"&service={SPOTIFY}&sampleDataSet=none&sampleDataAutoOnboard=true"
    failure(opened(ask(wire, query).url), "ONBOARD_ERROR")
    browser = opened(ask(wire, "&sampleDataSet=none&sampleDataAutoOnboard=true").url)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    failure(browser, "ONBOARD_ERROR")


def test_trigger_query_false_fetches_nothing(wire: Wire) -> None:
    """With `triggerQuery=false` the session is complete at once and has no files."""
    asking = ask(wire, "&triggerQuery=false")
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "small"}))
    listed = wire.get(f"permission-access/query/{asking.session}", access_token=tokens.access).json()
    assert listed["status"]["state"] == "completed"
    assert [entry for entry in listed["fileList"] if entry["name"] != "accounts.json"] == []


def test_pages_speak_the_language_of_the_link(wire: Wire) -> None:
    """`lng` decides, then the browser, then English. The person's own choice is kept."""
    german = opened(ask(wire, "&lng=de-AT").url, language="en").page
    assert german is not None
    assert 'lang="de"' in german.html
    browser = opened(ask(wire, "&lng=tlh").url, language="fr, de;q=0.5")
    assert browser.page is not None
    assert 'lang="de"' in browser.page.html
    browser.open(browser.page.links["English"])
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    assert 'lang="en"' in browser.page.html


# --- forms ---


def test_a_form_without_a_choice_is_explained(wire: Wire) -> None:
    """The page says what is missing, and nothing happens."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("pick-source", 422)
    assert 'role="alert"' in browser.page.html
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("connect", 422)


def test_sharing_no_account_is_not_agreeing(wire: Wire) -> None:
    """A form that unticks every account is questioned and not accepted."""
    browser = at_consent(ask(wire))
    assert browser.page is not None
    for entry in browser.page.form("continue").inputs:
        entry.chosen = entry.kind == "hidden"
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("consent", 422)


def test_another_persons_account_cannot_be_named(wire: Wire) -> None:
    """A foreign account id in a form is not shared."""
    other = at_consent(ask(wire)).page
    assert other is not None
    foreign = next(entry.value for entry in other.form("continue").inputs if entry.name == "account")
    browser = at_consent(ask(wire))
    browser.submit("continue", extra={"account": foreign})
    assert (page_of(browser), browser.page and browser.page.status) == ("consent", 422)


def test_the_picker_can_be_searched(wire: Wire) -> None:
    """It finds sources by name and group, and says so if there is none."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    at = browser.page.url
    browser.open(f"{at}?q=spot")
    assert 'data-source-id="16"' in browser.page.html
    assert f'data-source-id="{FHIR_FILE}"' not in browser.page.html
    browser.open(f"{at}?q=<b>nothing")
    assert "&lt;b&gt;nothing" in browser.page.html
    assert "data-source-id" not in browser.page.html


async def test_many_sources_have_a_search(people: People) -> None:
    """More than eight sources have a search, which works without scripts; each source has its mark."""
    groups = [{"id": group} for group in (1, 2, 3, 4, 5)]
    many = await asking_contract(people, document={"dataRequest": {"serviceGroups": groups}})
    few = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}]}})
    for asking, searchable in ((ask(few), False), (ask(many, "&includeSampleDataOnlySources=true"), True)):
        page = opened(asking.url).page
        assert page is not None
        tiles = page.html.count("data-source-id")
        assert (tiles > 8) is searchable
        assert ('role="search"' in page.html) is searchable
        assert page.html.count('<svg class="mark" aria-hidden="true"') == tiles
