"""What the tests of the consent pages share: contracts with all their words, links, archives."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from examples.walking import Browser, consent
from sqlalchemy import select

from privateshare.platform.db.tables import JourneyRow
from privateshare.platform.grants.contracts import ContractTerms, create_application, create_contract
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt
from tests.flow.people import EVERYTHING, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, query_of, verifier
from tests.keys import rsa_key

PAGES = "apps/saas"
DOCUMENT: dict[str, Any] = {"dataRequest": EVERYTHING | {"purpose": "To test", "timeRanges": [{"last": "12m"}]}}


async def asking_contract(
    people: People,
    *,
    name: str = "Genrefy",
    partner: str = "Example Ltd",
    document: dict[str, Any] = DOCUMENT,
    redirect_uris: tuple[str, ...] = (REDIRECT_URI,),
    **terms: Any,
) -> Wire:
    """Return a contract with its own application name and document."""
    private = rsa_key(0)
    wanted = ContractTerms(
        **({"kind": "read"} | terms),
        document=document,
        public_key=jwt.public_pem(private.public_key()),
        redirect_uris=redirect_uris,
    )
    async with people.platform.database.transaction() as db:
        application = await create_application(db, name, partner=partner)
        contract = await create_contract(db, application.id, wanted)
    return Wire(people.origin, application.id, contract.id, private)


@dataclass
class Asking:
    """An app that sends a person to the pages, and then exchanges what they bring back."""

    wire: Wire
    url: str
    code: str
    verifier: str = field(repr=False)
    session: str = field(repr=False)

    def tokens(self, returned: str) -> Tokens:
        """Return the tokens for what a person came back with."""
        return self.wire.tokens(self.wire.exchange(query_of(returned)["code"], self.verifier))


def ask(wire: Wire, query: str = "", page: str = "authorize", **claims: Any) -> Asking:
    """Return a link to the pages. `query` is added to it, `claims` to the pre-authorization."""
    secret = verifier()
    answer = wire.authorize(secret, **claims)
    assert answer.status_code == 201, answer.text
    code = wire.signed(answer)["preauthorization_code"]
    return Asking(wire, link(wire, page, code, query), code, secret, answer.json()["session"]["key"])


def refer(wire: Wire, page: str, access: str, query: str = "", **claims: Any) -> Asking:
    """Return a link to a page for a person whom the app knows. Protocol 4.4."""
    secret = verifier()
    fixed = {"access_token": access, "redirect_uri": REDIRECT_URI, "state": "the state"}
    answer = wire.post("oauth/token/reference", **(fixed | claims))
    assert answer.status_code == 201, answer.text
    code = wire.signed(answer)["reference_code"]
    return Asking(wire, link(wire, page, code, query), code, secret, answer.json()["session"]["key"])


def link(wire: Wire, page: str, code: str, query: str = "") -> str:
    """Return the address of a page."""
    return f"{wire.origin}/{PAGES}/{page}?code={code}{query}"


def opened(url: str, **options: Any) -> Browser:
    """A fresh browser at an address."""
    browser = Browser(**options)
    browser.open(url)
    return browser


async def journey_of(platform: Platform, asking: Asking) -> JourneyRow:
    """Return the journey that a link began."""
    async with platform.database.session() as db:
        found = await db.scalar(select(JourneyRow).where(JourneyRow.code_hash == hash_secret(asking.code)))
        assert found is not None
        return found


def page_of(browser: Browser) -> str:
    """Return the name of the page that a browser is on. Protocol 8.5."""
    assert browser.page is not None, browser.left_to
    return browser.page.name


def at_consent(asking: Asking, source: int = SPOTIFY, http: httpx2.Client | None = None) -> Browser:
    """Return a browser on the consent page, a sample connected."""
    browser = opened(asking.url, http=http)
    assert browser.page is not None
    browser.page.choose("source-id", str(source))
    browser.submit("continue")
    browser.page.choose("dataset", "small" if source == SPOTIFY else "default")
    browser.submit("continue")
    assert page_of(browser) == "consent"
    return browser


def accounts(wire: Wire, access: str) -> list[dict[str, Any]]:
    """Return what protocol 7.1 answers."""
    answer = wire.get("permission-access/accounts", access_token=access)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()
    return listed


def failure(browser: Browser, code: str, state: str | None = "the state") -> dict[str, str]:
    """Checks that a browser was sent back to the app with a failure. Protocol 8.3."""
    assert browser.left_to is not None, browser.page and browser.page.html
    told = query_of(browser.left_to)
    assert (told["success"], told["errorCode"], told.get("state")) == ("false", code, state)
    assert "code" not in told
    return told


def known_person(wire: Wire, http: httpx2.Client | None = None) -> Tokens:
    """The tokens of a person who shared a sample with this contract. `http` keeps the cookies of their browser."""
    asking = ask(wire)
    return asking.tokens(consent(Browser(http), asking.url, {SPOTIFY: "small"}))


def spotify_archive(path: Path, *, artist: str = "The Testers", username: str = "listener-1", plays: int = 40) -> Path:
    """Return an extended streaming history as Spotify hands it out."""
    told = [
        {
            "ts": f"2026-{1 + number % 9:02}-{1 + number % 28:02}T10:{number % 60:02}:00Z",
            "username": username,
            "platform": "web",
            "ms_played": 200_000 + number,
            "conn_country": "AT",
            "master_metadata_track_name": f"Song {number % 7}",
            "master_metadata_album_artist_name": artist if number % 3 else "Second Fiddle",
            "master_metadata_album_album_name": "An Album",
            "spotify_track_uri": f"spotify:track:{number % 7:022}",
            "reason_start": "clickrow",
            "reason_end": "trackdone",
            "shuffle": False,
            "skipped": False,
            "offline": False,
            "incognito_mode": False,
        }
        for number in range(plays)
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Spotify Extended Streaming History/Streaming_History_Audio_2026_0.json", json.dumps(told))
    path.write_bytes(packed.getvalue())
    return path


def upload(browser: Browser, source: int, file: Path) -> None:
    """Uploads a file, from wherever on the pages a person is, and adds what was found in it."""
    assert browser.page is not None
    if browser.page.name == "consent":
        browser.submit("another-source")
        browser.page.choose("source-id", str(source))
        browser.submit("continue")
    assert page_of(browser) == "connect"
    browser.submit("continue", file=file)
    add_found(browser)


def add_found(browser: Browser) -> None:
    """Adds what was found in files, as the page proposes it, and as another account where it proposes nothing."""
    assert page_of(browser) == "found"
    assert browser.page is not None
    options: dict[str, list[str]] = {}
    for entry in browser.page.form("continue").inputs:
        if entry.name.startswith("decision-"):
            options.setdefault(entry.name, []).append(entry.value if not entry.chosen else "")
    undecided = {name: values for name, values in options.items() if "" not in values}
    browser.submit(
        "continue", extra={name: "another" if "another" in values else "add" for name, values in undecided.items()}
    )


def problem_of_upload(browser: Browser) -> str:
    """Return what the page says about a file of which nothing can be added."""
    assert page_of(browser) == "found"
    assert browser.page is not None
    assert not any(button.action == "continue" for form in browser.page.forms for button in form.buttons)
    return browser.page.html


async def again(wire: Wire, tokens: Tokens, account: dict[str, Any], page: str = "reauthorize") -> Asking:
    """Return a link to connect one account again. Protocol 4.5, 7.3."""
    handle = wire.post("reference", body={"type": "accountId", "value": account["id"]}).json()["id"]
    return refer(wire, page, tokens.access, f"&accountRef={handle}")


def withdrawal(wire: Wire, tokens: Tokens) -> str:
    """Return the address of 7.4 for a person's first account."""
    (account,) = accounts(wire, tokens.access)
    headers = {"accountId": account["id"], "redirectUri": REDIRECT_URI}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["location"])
