"""Tests of what an operator can register, and of what is refused with nothing changed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from privateshare.errors import ConfigurationError, InvalidClient, InvalidRedirectUri
from privateshare.platform.db.tables import ApplicationRow, ContractRow, PartnerRow
from privateshare.platform.grants.contract_edits import (
    ContractEdit,
    edit_contract,
    load_for_edit,
    replace_public_key,
)
from privateshare.platform.grants.contracts import (
    ContractTerms,
    check_redirect_uri,
    client_id,
    create_application,
    create_contract,
    default_redirect_uri,
    is_usable,
    load_contract,
)
from privateshare.platform.keys.contract_keys import valid_keys
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt
from tests.keys import rsa_key

ASKS: Mapping[str, Any] = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 5}]}}
PEM = jwt.public_pem(rsa_key(0).public_key())


def terms(**changes: Any) -> ContractTerms:
    return ContractTerms(**({"kind": "read", "document": ASKS, "public_key": PEM, "redirect_uris": []} | changes))


async def registered(platform: Platform, **changes: Any) -> ContractRow:
    async with platform.database.transaction() as db:
        application = await create_application(db, "Registered")
        return await create_contract(db, application.id, terms(**changes))


async def row_counts(platform: Platform) -> list[int]:
    async with platform.database.session() as db:
        tables = (ApplicationRow, ContractRow, PartnerRow)
        return [await db.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("Taken", {"application_id": "taken"}, "already an application with the id taken"),
        ("App", {"application_id": "under_score"}, "must be 1 to 64 characters"),
        ("App", {"application_id": "x" * 65}, "must be 1 to 64 characters"),
        ("App", {"application_id": "../x"}, "must be 1 to 64 characters"),
        ("My \u202eapp", {}, "visible characters"),
        ("App", {"partner": "two\nlines"}, "visible characters"),
        ("", {}, "visible characters"),
    ],
)
async def test_an_application_that_cannot_be_told_apart_is_refused(
    platform: Platform, name: str, options: Mapping[str, str], told: str
) -> None:
    """Its id is part of the client id, and people see its name."""
    async with platform.database.transaction() as db:
        if await db.get(ApplicationRow, "taken") is None:
            await create_application(db, "The first", application_id="taken")
    before = await row_counts(platform)
    with pytest.raises(ConfigurationError, match=told):
        async with platform.database.transaction() as db:
            await create_application(db, name, **options)
    assert await row_counts(platform) == before


async def test_applications_of_one_partner_share_it(platform: Platform) -> None:
    """Its name decides. Without one, the application's name is that of the partner."""
    async with platform.database.transaction() as db:
        first, second = [await create_application(db, name, partner="A firm") for name in ("One", "Two")]
        alone = await create_application(db, "Alone")
    assert first.partner_id == second.partner_id
    assert (alone.partner.name, alone.partner_id == first.partner_id) == ("Alone", False)


@pytest.mark.parametrize(
    ("changes", "contract_id", "told"),
    [
        ({}, "taken", "already a contract with the id taken"),
        ({}, "x y", "must be 1 to 64 characters"),
        ({"redirect_uris": ["javascript:alert(1)"]}, None, "redirect URI"),
        ({"document": {"dataRequest": {"purpose": "To \u202e", "serviceGroups": [{"id": 5}]}}}, None, "purpose"),
        ({"document": {"dataRequest": {"serviceGroups": "all"}}}, None, "document"),
        ({"public_key": "no key"}, None, "key"),
    ],
)
async def test_a_contract_that_cannot_be_used_is_refused(
    platform: Platform, changes: Mapping[str, Any], contract_id: str | None, told: str
) -> None:
    """Nothing of it is stored."""
    async with platform.database.transaction() as db:
        if await db.get(ContractRow, "taken") is None:
            await create_contract(db, (await create_application(db, "App")).id, terms(), contract_id="taken")
        application = await create_application(db, "Another app")
    before = await row_counts(platform)
    with pytest.raises(ConfigurationError, match=f"(?i){told}"):
        async with platform.database.transaction() as db:
            await create_contract(db, application.id, terms(**changes), contract_id=contract_id)
    assert await row_counts(platform) == before


async def test_a_contract_needs_an_application(platform: Platform) -> None:
    """The error says how to find one."""
    async with platform.database.transaction() as db:
        with pytest.raises(ConfigurationError, match="no application with the id missing") as told:
            await create_contract(db, "missing", terms())
    assert "app list" in str(told.value.hint)


async def test_a_client_is_a_contract_of_its_application(platform: Platform) -> None:
    """Others are refused in the same words, until the contract ends, or its application is suspended."""
    contract, now = await registered(platform), datetime.now(UTC)
    name = client_id(contract)
    async with platform.database.transaction() as db:
        assert (await load_contract(db, name, now)).id == contract.id
        others = ["", "x", None, 7, name[:-1], f"x{name}", f"other_{contract.id}", f"{contract.application_id}_", "_"]
        for other in [*others, f"{contract.application_id}_\x00", f"{contract.application_id}_{'x' * 65}"]:
            with pytest.raises(InvalidClient, match="client_id"):
                await load_contract(db, other, now)
        row = await db.get_one(ContractRow, contract.id)
        row.application.suspended_at = now
        with pytest.raises(InvalidClient, match="suspended"):
            await load_contract(db, name, now)
        assert not is_usable(row, now)
        row.application.suspended_at, row.expires_at = None, now
        with pytest.raises(InvalidClient, match="client_id"):
            await load_contract(db, name, now)
        assert is_usable(row, now - timedelta(seconds=1))
        assert not is_usable(row, now)


@pytest.mark.parametrize(
    ("registered_uris", "default"),
    [
        ([], None),
        (["https://app.example/back"], "https://app.example/back"),
        (["https://app.example/1", "https://app.example/2"], None),
        (["https://app.example/1", "digime-ca://callback-{app}"], "digime-ca://callback-{app}"),
        (["https://app.example/1", "digime-ca://callback-other"], None),
    ],
)
async def test_a_client_that_sends_no_redirect_uri_has_one(
    platform: Platform, registered_uris: list[str], default: str | None
) -> None:
    """That of Android if it is registered, or the only one. What is not registered is refused, whatever it is."""
    contract = await registered(platform)
    contract.redirect_uris = [uri.format(app=contract.application_id) for uri in registered_uris]
    assert default_redirect_uri(contract) == (default and default.format(app=contract.application_id))
    for uri in ("https://evil.example/", "", None, ["https://app.example/back"], 5):
        with pytest.raises(InvalidRedirectUri):
            check_redirect_uri(contract, uri)
    for uri in contract.redirect_uris:
        assert check_redirect_uri(contract, uri) == uri


async def test_an_edit_is_whole_or_not_at_all(platform: Platform) -> None:
    """A redirect URI that cannot be used keeps the document as it was. Each edit has the next revision."""
    contract, now = await registered(platform, once=True), datetime.now(UTC)
    async with platform.database.transaction() as db:
        row = await load_for_edit(db, contract.id, now)
        with pytest.raises(ConfigurationError, match="redirect URI"):
            await edit_contract(db, row, ContractEdit(ASKS, redirect_uris=["file:///x"]), now)
    changed = ContractEdit(ASKS, ["https://app.example/back"], once=False, expires_at=now + timedelta(days=1))
    revisions = []
    for edit in (ContractEdit(ASKS), changed, ContractEdit(ASKS)):
        async with platform.database.transaction() as db:
            edited = await edit_contract(db, await load_for_edit(db, contract.id, now), edit, now)
            revisions.append(edited.revision)
    assert revisions == ["2", "3", "4"]
    row = edited.contract
    assert (row.redirect_uris, row.once) == (["https://app.example/back"], False)
    assert row.expires_at == now + timedelta(days=1)


async def test_only_a_contract_that_goes_on_is_edited(platform: Platform) -> None:
    """One that is not there, or has ended, is said to be so."""
    contract, now = await registered(platform, expires_at=datetime.now(UTC) + timedelta(hours=1)), datetime.now(UTC)
    async with platform.database.transaction() as db:
        with pytest.raises(ConfigurationError, match="there is no contract missing"):
            await load_for_edit(db, "missing", now)
        with pytest.raises(ConfigurationError, match="has ended"):
            await load_for_edit(db, contract.id, now + timedelta(hours=1))
        assert (await load_for_edit(db, contract.id, now)).id == contract.id


@pytest.mark.parametrize("revision", ["x", "-1", "٣", "9" * 10, ""])
async def test_a_revision_that_is_no_number_is_followed_by_the_second(platform: Platform, revision: str) -> None:
    """Documents come from operators, with whatever revision they wrote."""
    contract, now = await registered(platform, document={**ASKS, "revision": revision}), datetime.now(UTC)
    async with platform.database.transaction() as db:
        edited = await edit_contract(db, await load_for_edit(db, contract.id, now), ContractEdit(ASKS), now)
    assert edited.revision == "2"


async def test_a_key_is_replaced_at_once_or_with_an_overlap(platform: Platform) -> None:
    """The same key again, or no key, changes nothing."""
    contract, now = await registered(platform), datetime.now(UTC)
    second = jwt.public_pem(rsa_key(1).public_key())
    for refused in (PEM, "no key"):
        with pytest.raises(ConfigurationError):
            replace_public_key(contract, refused, now, timedelta(hours=1))
    assert (contract.public_key, contract.previous_public_key) == (PEM, None)
    replace_public_key(contract, second, now, timedelta(hours=1))
    assert (contract.public_key, contract.previous_public_key) == (second, PEM)
    assert contract.previous_key_until == now + timedelta(hours=1)
    replace_public_key(contract, PEM, now, timedelta())
    assert valid_keys(contract, now) == [PEM]
