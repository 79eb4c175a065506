"""The visitor of the pages under `/me`: a library's owner, proven by the secret in their browser's cookie."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.platform.consent.language_cookie import note_language
from privateshare.platform.consent.person_cookie import read_secrets
from privateshare.platform.consent.rendering import RedirectInstead, page, redirect, request_words
from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.visit import MAX_FORM_FIELDS, TOKEN_FIELD, check_sent_from_here, foreign_form
from privateshare.platform.db.tables import BrowserRow
from privateshare.platform.grants.receipts import Shown
from privateshare.platform.http.requests import base_path, platform_of, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.library.libraries import LibraryGone, OpenLibrary, open_library
from privateshare.platform.person.browsers import extend_confirmation, find_browsers, proving_browsers
from privateshare.platform.runtime import Platform

FORM_TOKEN = b"my data form token"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person in their own library, in a browser that proves it."""

    request: Request = field(repr=False)
    db: AsyncSession
    browser: BrowserRow = field(repr=False)
    library: OpenLibrary
    words: Translator
    now: datetime

    @property
    def platform(self) -> Platform:
        """Return the platform that serves the request."""
        return platform_of(self.request)

    @property
    def form_token(self) -> str:
        """Return the token that every form of these pages carries, and that no other site can know."""
        return form_token(self.browser.secret_hash)

    @property
    def shown(self) -> Shown:
        """Say where and in which language the person decided, for a receipt."""
        return Shown(public_address(self.request), self.words.tag)

    def address(self, name: str = "") -> str:
        """Build the address of one of the person's pages."""
        return me_address(self.request, f"{self.browser.id}/{name}" if name else str(self.browser.id))

    @property
    def other_entrance(self) -> str:
        """Return the address of the page on which the person can sign in to another library of theirs."""
        return f"{me_address(self.request, '')}?other=1"

    def of_library(self, library: OpenLibrary) -> "Visitor":
        """Return the visitor for another library that this browser proves to be theirs too."""
        return replace(self, library=library)

    def in_language(self, language: str) -> "Visitor":
        """Return the visitor with the language that they just chose with a form."""
        note_language(self.request, language)
        return replace(self, words=request_words(self.request, language))

    def page(self, template: str, values: dict[str, object], status: int = 200) -> Response:
        """Render one of the person's pages."""
        shared = {
            "token": self.form_token,
            "address": self.address,
            "my_address": f"{public_address(self.request)}/me",
        }
        return page(
            template,
            self.words,
            shared | values,
            settings=platform_of(self.request).settings,
            status=status,
            query=self.request.query_params.multi_items(),
        )


def me_address(request: Request, name: str) -> str:
    """Build an address below `/me/`."""
    return f"{base_path(request)}/me/{name}"


async def find_visitor(request: Request, db: AsyncSession, browser_id: UUID) -> Visitor:
    """Find the library of this browser; redirect to the page that asks who the person is if it has none."""
    now = datetime.now(UTC)
    browsers = await proving_browsers(db, await find_browsers(db, read_secrets(request), now), now)
    row = next((row for row in browsers.values() if row.id == browser_id), None)
    if row is None:
        raise RedirectInstead(redirect(me_address(request, "")))
    try:
        library = await open_library(db, platform_of(request), row.library_id)
    except LibraryGone as error:
        raise RedirectInstead(redirect(me_address(request, ""))) from error
    return Visitor(request, db, row, library, request_words(request, request.query_params.get("lng")), now)


async def _visitor(request: Request, db: Transaction, browser_id: UUID) -> Visitor:
    return await find_visitor(request, db, browser_id)


MyPage = Annotated[Visitor, Depends(_visitor, scope="function")]
"""The person of a library, for a page."""


@dataclass(frozen=True, slots=True)
class MyFormData:
    """A form that one of the person's own pages sent. `fields` has the last value of each field, `values` has all."""

    visitor: Visitor
    fields: dict[str, str]
    values: dict[str, list[str]]


async def _posted(request: Request, visitor: MyPage) -> MyFormData:
    check_sent_from_here(request)
    async with request.form(max_files=0, max_fields=MAX_FORM_FIELDS) as form:
        values = {name: [str(value) for value in form.getlist(name)] for name in form}
    fields = {name: found[-1] for name, found in values.items()}
    check_token(visitor.browser, fields.get(TOKEN_FIELD, ""))
    await extend_confirmation(visitor.db, visitor.browser, visitor.now)
    return MyFormData(visitor, fields, values)


MyForm = Annotated[MyFormData, Depends(_posted, scope="function")]
"""A form of the person's own pages."""


def check_token(browser: BrowserRow, shown: str) -> None:
    """Check that a form carries the token of a browser's pages. Raises the error of a form from elsewhere."""
    # A form may carry the token of the previous secret, if another tab has changed the secret since.
    hashes = [hash_ for hash_ in (browser.secret_hash, browser.previous_hash) if hash_ is not None]
    if not any(hmac.compare_digest(form_token(hash_).encode(), shown.encode()) for hash_ in hashes):
        raise foreign_form("a form without its token")


def form_token(secret_hash: bytes) -> str:
    """Derive the token of forms from the hash of a browser's secret."""
    return urlsafe_b64encode(hmac.digest(secret_hash, FORM_TOKEN, sha256)).rstrip(b"=").decode()
