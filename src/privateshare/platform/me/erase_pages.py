"""Deleting one source, the files of one app, or everything. A signed certificate says what was erased, and when.

The certificate is rendered before the transaction is committed, and sent only after the keys are destroyed.
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
from fastapi import APIRouter
from sqlalchemy import func, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.consent.person_cookie import forget_secrets
from privateshare.platform.consent.rendering import SHOWN_ONCE, PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.db.tables import AccountRow, ConsentRow, ContractRow, FileRow, PushedFileRow
from privateshare.platform.grants.consent_events import announce_erasure
from privateshare.platform.http.requests import public_address
from privateshare.platform.library.erasure import erase_account, erase_library, erase_pushed_files
from privateshare.platform.me.source_pages import MyAccount
from privateshare.platform.me.visitor import MyForm, MyPage, Visitor

CERTIFICATE_TYPE = "privateshare-erasure+jwt"
KEY_DESTROYED, DELETED = "destroyed", "kept until everything is erased"

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is or was stored: files from sources and their objects, files that apps pushed, and bytes."""

    files: int
    objects: int
    pushed_files: int
    size: int

    def to_json(self) -> dict[str, int]:
        """Return the amount for a certificate."""
        return {"files": self.files, "objects": self.objects, "pushedFiles": self.pushed_files, "bytes": self.size}


@router.post("/me/{browser_id}/sources/{account_id}/remove")
async def remove_source(form: MyForm, account: MyAccount) -> Response:
    """Delete a source with everything that came from it. Its key is destroyed, so that no copy can be read."""
    visitor, name = form.visitor, form.visitor.words.source(account.source_id)
    amount = await _amount(visitor, account.id)
    facts = {"source": account.source_id, "connected": account.created_at.isoformat(timespec="seconds")}
    await erase_account(visitor.db, visitor.platform, account)
    deleted = Event(EventKind.ACCOUNT_DELETED, {"source": account.source_id, "by": "the person"})
    await record_event(visitor.db, visitor.library, deleted, visitor.now)
    log.info("a person deleted a source", library=str(visitor.library.id), account=str(account.id))
    return _certificate(visitor, "source", name, amount, facts, KEY_DESTROYED)


@router.post("/me/{browser_id}/apps/{consent_id}/files")
async def remove_files_of_app(form: MyForm, consent_id: UUID) -> Response:
    """Delete the files that an app put into the library."""
    visitor = form.visitor
    consent = await visitor.db.get(ConsentRow, (visitor.library.id, consent_id))
    if consent is None:
        raise NotFound("There is no such app")
    contract = await visitor.db.get_one(ContractRow, consent.contract_id)
    files, size = await erase_pushed_files(visitor.db, visitor.platform, visitor.library.id, contract.application_id)
    amount = Amount(0, 0, files, size)
    facts = {"application": contract.application_id}
    return _certificate(visitor, "files of an app", contract.application.name, amount, facts, DELETED)


@router.get("/me/{browser_id}/erase")
async def show_erasure(visitor: MyPage) -> Response:
    """Explain what deleting everything means."""
    return visitor.page("me-erase.html", {"amount": _in_words(visitor, await _amount(visitor))})


@router.post("/me/{browser_id}/erase")
async def erase_everything(form: MyForm) -> Response:
    """Erase the library: its key is destroyed, so that no copy can be read. Every app's access ends at once."""
    visitor = form.visitor
    if form.fields.get("sure") != "yes":
        return redirect(visitor.address("erase"))
    amount = await _amount(visitor)
    sources = select(AccountRow.source_id).where(AccountRow.library_id == visitor.library.id)
    facts = {"sources": sorted(await visitor.db.scalars(sources))}
    answer = _certificate(visitor, "everything", "", amount, facts, KEY_DESTROYED)
    await announce_erasure(visitor.db, visitor.platform, visitor.library.id, visitor.now)
    await erase_library(visitor.db, visitor.platform, visitor.library.id)
    forget_secrets(visitor.request, [visitor.library.id])
    log.info("a person erased everything", library=str(visitor.library.id))
    return answer


async def _amount(visitor: Visitor, account_id: UUID | None = None) -> Amount:
    """Count what is stored: of one account, or everything."""
    counted = select(func.count(), func.sum(FileRow.object_count), func.sum(FileRow.size))
    counted = counted.where(FileRow.library_id == visitor.library.id)
    if account_id is not None:
        counted = counted.where(FileRow.account_id == account_id)
    files, objects, size = (await visitor.db.execute(counted)).one()
    pushed, pushed_size = 0, 0
    if account_id is None:
        of_apps = select(func.count(), func.sum(PushedFileRow.size))
        of_apps = of_apps.where(PushedFileRow.library_id == visitor.library.id)
        pushed, pushed_size = (await visitor.db.execute(of_apps)).one()
    return Amount(files, int(objects or 0), pushed, int(size or 0) + int(pushed_size or 0))


def _in_words(visitor: Visitor, amount: Amount) -> str:
    words = visitor.words
    return words.say(
        N_("%(objects)s entries in %(files)s files, %(size)s"),
        objects=words.number(amount.objects),
        files=words.number(amount.files + amount.pushed_files),
        size=words.size(amount.size),
    )


def _certificate(visitor: Visitor, scope: str, name: str, amount: Amount, facts: dict[str, Any], key: str) -> Response:
    """Render the page with the certificate. Its signature can be checked with the platform's key set."""
    claims = {
        "id": str(uuid4()),
        "platform": public_address(visitor.request),
        "time": visitor.now.isoformat(timespec="seconds"),
        "erased": scope,
        "amount": amount.to_json(),
        "key": key,
        **facts,
    }
    signed = visitor.platform.signer.sign_statement(claims, CERTIFICATE_TYPE)
    text = orjson.dumps(claims | {"signed": signed}, option=orjson.OPT_INDENT_2)
    values = {
        "scope": scope,
        "name": name,
        "amount": _in_words(visitor, amount),
        "when": visitor.words.moment(visitor.now),
        "destroyed": key == KEY_DESTROYED,
        "certificate": text.decode(),
        "download": f"data:application/json;base64,{b64encode(text).decode()}",
        "file_name": f"erasure-{visitor.now:%Y-%m-%d}-{claims['id'][:8]}.json",
    }
    return visitor.page("me-erased.html", {**values, **SHOWN_ONCE})
