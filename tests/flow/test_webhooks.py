"""Webhooks: what apps are told, that only they can tell it is the platform, and that they reach nobody else."""

import asyncio
import json
import os
import queue
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Reference

from privateshare import PrivateShare
from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import AccountRow, WebhookEndpointRow, WebhookMessageRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.platform.sync.worker import recover_jobs
from privateshare.platform.webhooks.delivery import PAUSES_SECONDS, NotDelivered, deliver
from privateshare.platform.webhooks.endpoints import add_endpoint, check_address
from privateshare.platform.webhooks.messages import announce_login, delete_old_messages, send_held_messages
from privateshare.platform.webhooks.public_addresses import AddressNotAllowed, resolve
from privateshare.protocol import jwt
from privateshare.protocol.public_networks import is_public
from privateshare.protocol.webhooks import sign_webhook
from tests.flow.command_line import CommandProcess, OperatorCommand
from tests.flow.consenting import asking_contract, opened, page_of
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served, serving
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Wire, check_error
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.threads import in_a_thread


@dataclass
class Receiver:
    """A server of an app that takes webhooks, and answers with the status that a test sets."""

    url: str
    secret: str = ""
    webhook_id: str = ""
    status: int = 204
    received: "queue.Queue[tuple[dict[str, str], bytes]]" = field(default_factory=queue.Queue)
    early: list[dict[str, Any]] = field(default_factory=list)  # Messages that arrived before the one waited for.

    def next(self, event: str) -> dict[str, Any]:
        """Wait for a message about an event, verify it with the reference library, and return it.

        Jobs deliver messages side by side, so those about other events that arrive first are kept for later.
        """
        for message in self.early:
            if message["type"] == event:
                self.early.remove(message)
                return message
        while True:
            headers, body = self.received.get(timeout=GIVE_UP_SECONDS)
            message = self._verified(headers, body)
            if message["type"] == event:
                return message
            self.early.append(message)

    def _verified(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        message: dict[str, Any] = Reference(self.secret).verify(body.decode(), headers)
        return message


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Provide a server on this machine."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.status  # A test that has got the message may change it for the next one.
            receiver.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("location", receiver.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        receiver.url = f"http://{at}/hooks?x=1"
        yield receiver


@pytest.fixture(scope="module")
def developing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform whose webhooks may go to this machine."""
    setting = {"PRIVATESHARE_WEBHOOK_PRIVATE_ADDRESSES": "true"}
    with serving(tmp_path_factory.mktemp("webhooks") / "data", environment=setting) as running:
        yield running


@pytest.fixture(scope="module")
async def inside(developing: Served) -> AsyncIterator[Platform]:
    """Provide the same platform from the inside."""
    settings = Settings(data=developing.data, database_pool_size=5, webhook_private_addresses=True)
    async with operator_platform(settings) as opened_:
        yield opened_


@pytest.fixture
async def app(developing: Served, inside: Platform) -> Wire:
    """Provide a contract of its own."""
    return await asking_contract(People(inside, developing.origin))


async def told(inside: Platform, receiver: Receiver, app: Wire) -> None:
    """Add a receiver to a contract, as the operator's command does."""
    async with inside.database.transaction() as db:
        new = await add_endpoint(db, inside, app.contract_id, receiver.url)
    receiver.secret, receiver.webhook_id = new.secret, new.row.id


async def ids(inside: Platform, person: Victim, app: Wire) -> dict[str, str]:
    """Return what the messages about a person hold: only what the app has from their tokens."""
    claims = person.tokens.claims
    return {"user_id": claims["sub"], "consent_id": claims["consentid"], "contract_id": app.contract_id}


@pytest.mark.protocol("16.1")
@pytest.mark.protocol("16.2")
@pytest.mark.protocol("16.3")
async def test_an_app_is_told_from_consent_to_deletion(inside: Platform, app: Wire, receiver: Receiver) -> None:
    """Consent, data, withdrawal, and the person's wish that the app deletes what it has; the app confirms it."""
    await told(inside, receiver, app)
    person = await victim(inside, app, sources=[SPOTIFY])
    expected = await ids(inside, person, app)
    given = await asyncio.to_thread(receiver.next, "consent.given")
    assert given["data"] == expected
    assert (await asyncio.to_thread(receiver.next, "data.ready"))["data"] == expected
    confirmation = f"permission-access/consents/{expected['consent_id']}/deletion"
    check_error(app.post(confirmation), 404, "NotFound")
    await _stop(person, app)
    assert (await asyncio.to_thread(receiver.next, "consent.withdrawn"))["data"] == expected
    assert (await asyncio.to_thread(receiver.next, "deletion.asked"))["data"] == expected
    assert "not confirmed" in _home(person, app)
    stranger = await asking_contract(People(inside, app.origin))
    check_error(stranger.post(confirmation), 404, "NotFound")
    assert "not confirmed" in _home(person, app)
    with PrivateShare(
        app.application_id, contract_id=app.contract_id, private_key=jwt.private_pem(app.key), base_url=app.origin
    ) as sdk:
        for _ in range(2):
            await asyncio.to_thread(sdk.confirm_deletion, expected["consent_id"])
    page = _home(person, app)
    assert "not confirmed" not in page
    assert "confirmed on" in page


async def _stop(person: Victim, app: Wire) -> None:
    browser = opened(f"{app.origin}/me", http=person.http)
    assert page_of(browser) == "me"
    browser.submit("stop-and-delete")
    note = re.search(r'<p class="note" role="status">(.*?)</p>', browser.page.html)  # type: ignore[union-attr]
    assert note is not None
    assert "Stopped." in note[1]
    assert "You asked it on" in note[1]


def _home(person: Victim, app: Wire) -> str:
    browser = opened(f"{app.origin}/me", http=person.http)
    assert browser.page is not None
    return browser.page.html


async def test_every_read_is_told_once_its_data_is_there(inside: Platform, app: Wire, receiver: Receiver) -> None:
    """There is one message for each session, after the last of its sources."""
    await told(inside, receiver, app)
    person = await victim(inside, app, leaves_out=None)
    await asyncio.to_thread(receiver.next, "data.ready")
    session = triggered(app, person.tokens)
    wait_until_over(app, person.tokens, session)
    await asyncio.to_thread(receiver.next, "data.ready")
    async with inside.database.transaction() as db:
        sent = await db.scalars(select(WebhookMessageRow).where(WebhookMessageRow.event == "data.ready"))
        of_person = [row for row in sent if person.tokens.claims["consentid"] in row.body]
    assert len(of_person) == 2


async def test_an_account_that_needs_a_sign_in_is_named(inside: Platform, app: Wire, receiver: Receiver) -> None:
    """The message names the account by the id that the app knows."""
    await told(inside, receiver, app)
    person = await victim(inside, app, sources=[SPOTIFY])
    consent_id = UUID(person.tokens.claims["consentid"])
    async with inside.database.transaction() as db:
        consent = await consent_by_id(db, consent_id)
        accounts = await db.scalars(select(AccountRow).where(AccountRow.library_id == consent.library_id))
        shared = [account for account in accounts if consent.choice.accounts and account.id in consent.choice.accounts]
        await announce_login(db, inside, shared[0], consent.created_at)
    message = await asyncio.to_thread(receiver.next, "account.needs_login")
    expected = await ids(inside, person, app) | {"account_id": shared[0].public_id}
    assert message["data"] == expected


async def test_apps_are_told_when_a_person_is_erased(inside: Platform, app: Wire, receiver: Receiver) -> None:
    """The messages outlive the library, and hold only the ids that the app has."""
    await told(inside, receiver, app)
    person = await victim(inside, app, sources=[SPOTIFY])
    expected = await ids(inside, person, app)
    OperatorCommand(inside.settings.data).json("person", "erase", expected["user_id"], "--yes")
    assert (await asyncio.to_thread(receiver.next, "consent.withdrawn"))["data"] == expected
    assert (await asyncio.to_thread(receiver.next, "deletion.asked"))["data"] == expected


# --- attempts ---


@pytest.fixture
async def message(inside: Platform, app: Wire, receiver: Receiver) -> str:
    """Provide a message that no job delivers."""
    await told(inside, receiver, app)
    body = json.dumps({"type": "consent.given", "timestamp": "2026-03-01T00:00:00+00:00", "data": {}})
    id_ = f"msg_{receiver.webhook_id}"
    async with inside.database.transaction() as db:
        db.add(WebhookMessageRow(id=id_, endpoint_id=receiver.webhook_id, event="consent.given", body=body))
    return id_


async def _row(inside: Platform, message: str) -> WebhookMessageRow:
    async with inside.database.transaction() as db:
        return await db.get_one(WebhookMessageRow, message)


async def test_a_message_is_tried_for_three_days(inside: Platform, receiver: Receiver, message: str) -> None:
    """It keeps its id, and is given up after the last attempt; then the operator can send it again."""
    receiver.status, pauses = 500, []
    for _ in range(len(PAUSES_SECONDS)):
        with pytest.raises(NotDelivered) as failure:
            await deliver(inside, message)
        pauses.append(failure.value.pause)
    assert 71 * 3600 < sum(pauses) < 73 * 3600
    await deliver(inside, message)
    row = await _row(inside, message)
    assert row.given_up_at is not None
    assert (row.attempts, row.status) == (len(PAUSES_SECONDS) + 1, 500)
    await deliver(inside, message)
    sent = [receiver.received.get_nowait() for _ in range(row.attempts)]
    assert {headers["webhook-id"] for headers, _ in sent} == {message}
    assert receiver.received.empty()
    receiver.status = 200
    command = OperatorCommand(inside.settings.data)
    assert message in [entry["message_id"] for entry in command.json("webhook", "list", "--failed")]
    assert command.json("webhook", "replay", message) == {"replayed": 1}
    headers, body = await asyncio.to_thread(receiver.received.get, timeout=GIVE_UP_SECONDS)
    assert Reference(receiver.secret).verify(body.decode(), headers)


@pytest.mark.parametrize(
    "status", [302, 404, *(pytest.param(status, marks=pytest.mark.slow) for status in (301, 303, 307, 308, 400, 401))]
)
async def test_only_success_is_delivery_and_redirects_are_not_followed(
    inside: Platform, receiver: Receiver, message: str, status: int
) -> None:
    receiver.status = status
    with pytest.raises(NotDelivered):
        await deliver(inside, message)
    assert receiver.received.qsize() == 1
    assert (await _row(inside, message)).status == status


async def test_gone_ends_the_attempts(inside: Platform, receiver: Receiver, message: str) -> None:
    receiver.status = 410
    await deliver(inside, message)
    assert (await _row(inside, message)).given_up_at is not None


async def test_a_suspended_app_is_told_nothing_until_it_is_resumed(
    inside: Platform, app: Wire, receiver: Receiver, message: str
) -> None:
    """What waits, what happens meanwhile, and what the operator sends again: all of it is held, and nothing is lost."""
    person = await victim(inside, app, sources=[SPOTIFY])
    for event in ("consent.given", "data.ready"):
        await asyncio.to_thread(receiver.next, event)
    receiver.status = 500
    with pytest.raises(NotDelivered):
        await deliver(inside, message)
    receiver.status, command = 204, OperatorCommand(inside.settings.data)
    command.json("app", "suspend", app.application_id, "--yes")
    for _ in range(2):
        await deliver(inside, message)
    await _stop(person, app)
    command.json("webhook", "replay", message)

    async def held() -> set[str]:
        async with inside.database.transaction() as db:
            await send_held_messages(db, inside.queue)  # Of a suspended app it sends nothing.
            query = select(WebhookMessageRow.event).where(WebhookMessageRow.held_at.is_not(None))
            return set(await db.scalars(query.where(WebhookMessageRow.endpoint_id == receiver.webhook_id)))

    while await held() != {"consent.given", "consent.withdrawn", "deletion.asked"}:
        await asyncio.sleep(0.1)
    async with inside.database.transaction() as db:
        suspended = set(await db.scalars(select(WebhookMessageRow.id).where(WebhookMessageRow.held_at.is_not(None))))
    while not receiver.received.empty():
        told_before = receiver.received.get()[0]["webhook-id"]
        assert told_before == message or told_before not in suspended
    states = {entry["message_id"]: entry["state"] for entry in command.json("webhook", "list")}
    assert "suspended" in states[message]
    command.json("app", "resume", app.application_id)
    await recover_jobs(inside)  # The server does so every 15 seconds.
    told = [await asyncio.to_thread(receiver.received.get, timeout=GIVE_UP_SECONDS) for _ in range(3)]
    bodies = [Reference(receiver.secret).verify(body.decode(), headers) for headers, body in told]
    assert {body["type"] for body in bodies} == {"consent.given", "consent.withdrawn", "deletion.asked"}
    assert (await _row(inside, message)).held_at is None


async def test_messages_of_a_removed_endpoint_are_not_sent(inside: Platform, receiver: Receiver, message: str) -> None:
    OperatorCommand(inside.settings.data).json("webhook", "remove", receiver.webhook_id)
    await deliver(inside, message)
    assert receiver.received.empty()


async def test_messages_are_deleted_after_a_while(inside: Platform, receiver: Receiver, message: str) -> None:
    created = (await _row(inside, message)).created_at
    async with inside.database.transaction() as db:
        await delete_old_messages(db, created)
        assert await db.get(WebhookMessageRow, message) is not None
        await delete_old_messages(db, created + timedelta(days=366))
        db.expire_all()
        assert await db.get(WebhookMessageRow, message) is None


# --- addresses ---


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:7f00:1::1", "100::1"),
    ],
)
def test_addresses_of_private_networks_are_refused(address: str) -> None:
    """In every notation, and embedded in another address."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1", "no.such.invalid"]
)
async def test_names_are_resolved_before_anything_is_sent(host: str) -> None:
    """Notations of addresses that only the operating system reads count as what they stand for."""
    with pytest.raises(AddressNotAllowed):
        await resolve(host, 443, private=False)


async def test_nothing_is_sent_to_a_private_address(platform: Platform, people: People, receiver: Receiver) -> None:
    """An endpoint whose name stands for a private address gets no request, even if it was public once."""
    wire = await people.contract()
    secret = platform.master_key.seal("webhook secret", "wh_private", b"whsec_" + b"A" * 32)
    endpoint = WebhookEndpointRow(id="wh_private", contract_id=wire.contract_id, url="", sealed_secret=secret)
    async with platform.database.transaction() as db:
        db.add(endpoint)
        db.add(WebhookMessageRow(id="msg_private", endpoint_id=endpoint.id, event="x", body="{}"))
    port = receiver.url.split(":")[2].split("/")[0]
    for address in (receiver.url, f"https://127.0.0.1:{port}/", f"https://localhost:{port}/", f"https://[::1]:{port}/"):
        async with platform.database.transaction() as db:
            (await db.get_one(WebhookEndpointRow, endpoint.id)).url = address
        with pytest.raises(NotDelivered):
            await deliver(platform, "msg_private")
        problem = (await _row(platform, "msg_private")).problem
        assert problem in ("the address does not begin with https", *(f"{h} is not a public address" for h in HOSTS))
    assert receiver.received.empty()


HOSTS = ("127.0.0.1", "localhost", "::1")


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/hooks",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://x.localhost/",
        "https://user:pass@app.example/",
        "https://app.example/#x",
        "https://app.example:0/",
        "https:///hooks",
        "ftp://app.example/",
        "javascript:alert(1)",
        "https://äpp.example/",
        "https://app.example/" + "x" * 2000,
        "",
    ],
)
def test_only_public_https_addresses_can_be_added(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_address(url, private=False)


async def test_the_secret_is_shown_once_and_sealed(served: Served, platform: Platform, people: People) -> None:
    wire, command = await people.contract(), OperatorCommand(served.data)
    added = command.json("webhook", "add", wire.contract_id, "https://app.example/hooks")
    assert added["secret"].startswith("whsec_")
    assert added["secret"] not in command("webhook", "endpoints", wire.contract_id, "--json").stdout
    async with platform.database.transaction() as db:
        row = await db.get_one(WebhookEndpointRow, added["webhook_id"])
    assert added["secret"][6:].encode() not in row.sealed_secret
    assert "no contract" in command.error("webhook", "add", "nothing", "https://app.example/hooks")


def test_listening_prints_what_arrives(tmp_path: Path) -> None:
    """`privateshare listen` prints signed messages, and refuses all others."""
    secret, out, err = f"whsec_{'A' * 32}", tmp_path / "out", tmp_path / "err"
    process = CommandProcess(["listen", "--port", "0", "--secret", secret], out, err, os.environ)
    try:
        wait_for(lambda: err.exists() and "Press Ctrl-C" in err.read_text())
        address = err.read_text().split("Listening at ")[1].split(". ")[0]
        body = json.dumps(
            {
                "type": "data.ready",
                "timestamp": "2026-03-01T00:00:00+00:00",
                "data": {"user_id": "u", "consent_id": "c", "contract_id": "k"},
            }
        ).encode()
        now = int(time.time())
        signed = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(now),
            "webhook-signature": sign_webhook(secret, "msg_1", now, body),
        }
        assert httpx2.post(address, content=body, headers=signed).status_code == 204
        assert httpx2.post(address, content=body + b" ", headers=signed).status_code == 400
        assert httpx2.post(address, content=body).status_code == 400
        printed = json.loads(out.read_text())
        assert (printed["id"], printed["verified"], printed["message"]["type"]) == ("msg_1", True, "data.ready")
        assert err.read_text().count("refused a message") == 2
    finally:
        process.kill()
