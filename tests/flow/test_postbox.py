"""Tests of protocol 14 (d): who may push into a postbox, and for how long."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from sqlalchemy import func, select, update

from privateshare.platform.db.tables import ApplicationRow, ContractRow, PushedFileRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.grants.postboxes import create_postbox
from privateshare.platform.library.libraries import open_library
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt
from tests.flow.consents import consent_by_id
from tests.flow.files import blobs
from tests.flow.people import People
from tests.flow.pushing import sealed
from tests.flow.storage_calls import multipart
from tests.flow.wire import Tokens, Wire, check_error
from tests.patience import wait_for

FORM = {"Content-Type": "multipart/form-data; boundary=the-boundary"}


@dataclass
class Box:
    """A postbox, and the app that may push into it."""

    platform: Platform
    wire: Wire
    tokens: Tokens
    library: UUID
    id: str
    claims: dict[str, Any]
    form: bytes

    def push(self, content: Any = None, **claims: Any) -> httpx2.Response:
        """Pushes a file of 200,000 bytes."""
        path = f"permission-access/postbox/{self.id}"
        sent = self.claims | {"access_token": self.tokens.access} | claims
        return self.wire.post(path, content=content or self.form, headers=FORM, **sent)

    async def kept(self) -> int:
        """Return the number of the person's files, and check that no other blobs are left."""
        async with self.platform.database.transaction() as db:
            query = select(func.count()).select_from(PushedFileRow).where(PushedFileRow.library_id == self.library)
            number = await db.scalar(query) or 0
        assert len(blobs(self.platform, f"library/{self.library}")) == number
        return number


@pytest.fixture
async def box(people: People) -> Box:
    """Provide a postbox of a person who consented."""
    platform, wire = people.platform, replace(await people.contract(kind="write", legacy=True), version="v1.6")
    tokens, _ = await people.user(replace(wire, version="v1.7"), sources=())
    library_id = await people.library_of(tokens)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        library = await open_library(db, platform, library_id)
        postbox = await create_postbox(db, library, consent)
    key, iv = os.urandom(32), os.urandom(16)
    oaep = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    metadata = json.dumps({"mimeType": "text/plain", "accounts": [{"accountId": "a"}]}).encode()
    claims = {
        "iv": iv.hex(),
        "metadata": b64encode(sealed(key, iv, metadata)).decode(),
        "symmetrical_key": b64encode(jwt.load_public_key(postbox.public_key).encrypt(key, oaep)).decode(),
    }
    form = multipart([("file", "a", sealed(key, iv, os.urandom(2_500_000)))])
    return Box(platform, wire, tokens, library_id, postbox.id, claims, form)


async def test_a_postbox_is_for_its_own_person_and_consent(box: Box, people: People) -> None:
    """Another person's token is rejected so that the app refreshes it, and the right token is accepted."""
    other, _ = await people.user(replace(box.wire, version="v1.7"), sources=())
    assert box.push(access_token=other.access).json()["status"] == "pending"
    assert await box.kept() == 0
    assert box.push().json()["status"] == "delivered"
    assert await box.kept() == 1


@pytest.mark.protocol("14 (a)")
async def test_a_postbox_closes_with_version_1_6(box: Box) -> None:
    """If the contract no longer allows version 1.6, the postbox does not exist."""
    async with box.platform.database.transaction() as db:
        this = ContractRow.id == box.wire.contract_id
        await db.execute(update(ContractRow).where(this).values(legacy=False))
    check_error(box.push(), 404, "NotFound")
    assert await box.kept() == 0


@pytest.mark.parametrize(("ends", "status", "code"), [("consent", 401, "InvalidToken"), ("app", 403, "InvalidClient")])
async def test_a_file_is_rejected_if_consent_or_app_end_meanwhile(box: Box, ends: str, status: int, code: str) -> None:
    """The person withdraws, or the operator suspends the app. The file's bytes are deleted."""
    loop = asyncio.get_running_loop()

    async def end() -> None:
        now = datetime.now(UTC)
        async with box.platform.database.transaction() as db:
            if ends == "consent":
                await revoke_consent(db, await consent_by_id(db, box.tokens.claims["consentid"]), now)
            else:
                this = ApplicationRow.id == box.wire.application_id
                await db.execute(update(ApplicationRow).where(this).values(suspended_at=now))

    def content() -> Iterator[bytes]:
        yield box.form[:2_000_000]
        aside = box.platform.settings.data / "blobs" / ".aside"
        wait_for(lambda: any(aside.iterdir()))  # The file is being received.
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        yield box.form[2_000_000:]

    check_error(await asyncio.to_thread(box.push, content()), status, code)
    assert await box.kept() == 0


async def test_an_incomplete_form_is_rejected(box: Box) -> None:
    """A file that is incomplete or does not decrypt with its key is not stored."""
    check_error(box.push(box.form[:150_000]), 400, "InvalidRequest")
    check_error(box.push(multipart([("file", "a", b"x" * 199_999)])), 400, "InvalidRequest")
    assert await box.kept() == 0
