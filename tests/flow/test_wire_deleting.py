"""Tests of protocol 7 without the SDK: accounts and people are deleted, and permission is withdrawn."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select, update

from privateshare.platform.db.tables import (
    AccountRow,
    ConsentRow,
    ContractRow,
    FileRow,
    LibraryRow,
    PasskeyRow,
    PushedFileRow,
)
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.storages import assign_storage
from privateshare.platform.person.browsers import add_browser
from privateshare.platform.person.recovery_codes import new_recovery_code
from privateshare.platform.runtime import Platform
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.sweeping import sweep_whole
from tests.flow.wire import Wire, check_error

SERVICE = "permission-access/service/h:accountId"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.mark.protocol("7.2")
async def test_deleting_an_account_deletes_its_files(people: People, platform: Platform) -> None:
    """The other account remains, and a repeated deletion finds nothing."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    before = wait_until_over(wire, tokens, session)["fileList"]
    spotify, health = wire.get("permission-access/accounts", access_token=tokens.access).json()
    answer = wire.call("DELETE", SERVICE, access_token=tokens.access, headers={"accountId": spotify["id"]})
    assert (answer.status_code, answer.json()) == (200, {})
    assert [a["id"] for a in wire.get("permission-access/accounts", access_token=tokens.access).json()] == [
        health["id"]
    ]
    after = wire.get(f"{QUERY}/{session}", access_token=tokens.access).json()["fileList"]
    assert {entry["serviceName"] for entry in after} == {"fhirfile"}
    gone = next(entry["name"] for entry in before if entry["serviceName"] == "spotify")
    check_error(wire.get(f"{QUERY}/{session}/{gone}", access_token=tokens.access), 404, "FileNotFound")
    again = wire.call("DELETE", SERVICE, access_token=tokens.access, headers={"accountId": spotify["id"]})
    check_error(again, 404, "NotFound")
    await sweep_whole(platform)


@pytest.mark.protocol("7.2")
async def test_another_contracts_account_cannot_be_deleted(wire: Wire, people: People) -> None:
    """For a contract, only the accounts that it may see exist."""
    tokens, _ = await people.user(wire)
    neighbour, _ = await people.user(wire)
    theirs = wire.get("permission-access/accounts", access_token=neighbour.access).json()[0]["id"]
    for method, path in (("DELETE", SERVICE), ("GET", "permission-access/revoke/h:accountId")):
        headers = {"accountId": theirs, "redirectUri": "https://app.example/return?kept=1"}
        check_error(wire.call(method, path, access_token=tokens.access, headers=headers), 404, "NotFound")


@pytest.mark.protocol("7.2")
async def test_an_account_that_is_not_shared_cannot_be_deleted(wire: Wire, people: People) -> None:
    """This holds even for an account of the same library that another contract may see."""
    tokens, session = await people.user(wire, sources=(SPOTIFY,))
    other = await people.contract()
    library_id = await people.library_of(tokens)
    more, later = await people.user(other, sources=(SPOTIFY, FHIR_FILE), library_id=library_id)
    wait_until_over(wire, tokens, session)
    wait_until_over(other, more, later)  # A sync that ends changes the date of its account.
    listed = other.get("permission-access/accounts", access_token=more.access).json()
    (health,) = [account["id"] for account in listed if account["sourceId"] == FHIR_FILE]
    headers = {"accountId": health, "redirectUri": "https://app.example/return?kept=1"}
    for method, path in (("DELETE", SERVICE), ("GET", "permission-access/revoke/h:accountId")):
        check_error(wire.call(method, path, access_token=tokens.access, headers=headers), 404, "NotFound")
    assert other.get("permission-access/accounts", access_token=more.access).json() == listed


@pytest.mark.protocol("7.4")
async def test_permission_at_a_source_is_withdrawn_on_a_page(wire: Wire, people: People) -> None:
    """The response is a location of the consent pages, and the redirect URI must be registered."""
    tokens, _ = await people.user(wire)
    account = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
    headers = {"accountId": account, "redirectUri": "https://app.example/return?kept=1"}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    assert answer.json()["location"].startswith(f"{wire.origin}/apps/saas/revoke?code=")
    refused = wire.get(
        "permission-access/revoke/h:accountId",
        access_token=tokens.access,
        headers=headers | {"redirectUri": "https://evil.example"},
    )
    check_error(refused, 400, "InvalidRedirectUri")


@pytest.mark.protocol("7.5")
async def test_deleting_a_user_erases_everything(people: People, platform: Platform) -> None:
    """Tokens stop at once, and library, key and blobs are erased if nobody else has a consent."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    library = await people.library_of(tokens)
    folder = platform.settings.data / "blobs" / "library" / str(library)
    assert folder.exists()
    answer = wire.call("DELETE", "user", access_token=tokens.access)
    assert (answer.status_code, answer.json()) == (200, {})
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, library) is None
    await sweep_whole(platform)
    assert not folder.exists()


@pytest.mark.protocol("7.5")
@pytest.mark.parametrize("way", ["browser", "passkey", "recovery code", "sign-in"])
async def test_deleting_a_user_leaves_what_is_the_persons(people: People, platform: Platform, way: str) -> None:
    """Whoever can prove that the library is theirs keeps it; the app has nothing more, and is answered as always."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    id_ = await people.library_of(tokens)
    now = datetime.now(UTC)
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, id_)
        if way == "browser":
            await add_browser(db, library, "", now)
        elif way == "passkey":
            row = PasskeyRow(library_id=id_, credential_hash=id_.bytes, sealed_credential=b"", sign_count=0)
            db.add(row)
        elif way == "recovery code":
            await new_recovery_code(db, library)
        else:
            await db.execute(update(AccountRow).where(AccountRow.library_id == id_).values(signed_in=True))
    answer = wire.call("DELETE", "user", access_token=tokens.access)
    assert (answer.status_code, answer.json()) == (200, {})
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, id_) is not None
        assert list(await db.scalars(select(ConsentRow).where(ConsentRow.library_id == id_))) == []
        assert list(await db.scalars(select(AccountRow).where(AccountRow.library_id == id_)))
        assert list(await db.scalars(select(FileRow).where(FileRow.library_id == id_)))


@pytest.mark.protocol("7.5")
async def test_deleting_a_user_keeps_the_library_for_other_partners(people: People, platform: Platform) -> None:
    """The library belongs to the person and remains while another partner has a live consent."""
    first, second = await people.contract(partner="P1"), await people.contract(partner="P2")
    tokens, session = await people.user(first)
    wait_until_over(first, tokens, session)
    other, other_session = await people.user(second, library_id=await people.library_of(tokens))
    assert other.claims["sub"] != tokens.claims["sub"]
    assert first.call("DELETE", "user", access_token=tokens.access).status_code == 200
    check_error(first.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    assert wait_until_over(second, other, other_session)["fileList"]


@pytest.mark.protocol("7.5")
@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_an_ended_consent_does_not_keep_the_library(people: People, platform: Platform, column: str) -> None:
    """If no other partner has a live consent, the library is erased."""
    first, second = await people.contract(partner="P1"), await people.contract(partner="P2")
    tokens, _ = await people.user(first)
    library = await people.library_of(tokens)
    other, _ = await people.user(second, library_id=library)
    async with platform.database.transaction() as db:
        this = update(ConsentRow).where(ConsentRow.id == UUID(other.claims["consentid"]))
        await db.execute(this.values({column: datetime.now(UTC)}))
    assert first.call("DELETE", "user", access_token=tokens.access).status_code == 200
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, library) is None


@pytest.mark.protocol("7.5")
async def test_deleting_a_user_deletes_the_partners_data(people: People, platform: Platform) -> None:
    """The partner's pushed files, storages and sessions are deleted, and another partner's are not."""
    mine, theirs = [await people.contract(kind="write", partner=name) for name in ("Mine", "Theirs")]
    reader = await people.contract(partner="Mine", legacy=True)
    tokens, session = await people.user(reader)
    library = await people.library_of(tokens)
    storages = {}
    for writer in (mine, theirs):
        pushing, _ = await people.user(writer, sources=(), library_id=library)
        sent = writer.post(IMPORT, access_token=pushing.access, content=b"x", headers=descriptor(writer))
        assert sent.status_code == 200, sent.text
        storages[writer.contract_id] = str(writer.post("storage").json()["id"])
        async with platform.database.transaction() as db:
            contract = await db.get_one(ContractRow, writer.contract_id)
            assert await assign_storage(db, contract, storages[writer.contract_id], library)
        assert cloud(writer, "POST", storages[writer.contract_id], "/x", content=b"x").status_code == 201
    assert reader.call("DELETE", "user", access_token=tokens.access).status_code == 200
    async with platform.database.transaction() as db:
        left = await db.scalars(select(PushedFileRow.contract_id).where(PushedFileRow.library_id == library))
        assert list(left) == [theirs.contract_id]
    assert cloud(mine, "GET", storages[mine.contract_id], "/x").status_code == 404
    assert cloud(theirs, "GET", storages[theirs.contract_id], "/x").content == b"x"
    old = f"{reader.origin}/v1.6/{QUERY}/{session}"
    check_error(reader.http.get(old), 404, "InvalidSession")
