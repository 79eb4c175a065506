"""The sources that a person connected: what came from each, what is wrong with it, and what they can do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends
from markupsafe import Markup
from sqlalchemy import select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.shareable_accounts import sample_name
from privateshare.platform.consent.translation import N_
from privateshare.platform.db.tables import (
    AccountRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    SyncRow,
    live_consents,
)
from privateshare.platform.grants.contracts import is_usable
from privateshare.platform.grants.journeys import Start, begin_journey
from privateshare.platform.http.requests import base_path, public_address
from privateshare.platform.library.account_identities import account_owner_name
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.archives import archives_to_import
from privateshare.platform.me.data_pages import KindCard, kind_cards
from privateshare.platform.me.kind_charts import Chart, months_chart
from privateshare.platform.me.library_data import kind_counts
from privateshare.platform.me.visitor import MyForm, MyFormData, MyPage, Visitor
from privateshare.platform.sync.outcomes import BROKEN, FAILED, LATER, LEFT_OUT, NEEDS_LOGIN, STOPPED, TOO_LONG
from privateshare.platform.sync.sessions import new_session, sync_for_person
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.messages import SessionOptions
from privateshare.sources.contract import AskingSource, SignInSource

router = APIRouter(route_class=PageRoute, include_in_schema=False)

KEY_LOST = "key lost"
PROBLEMS: Mapping[str, str] = {
    NEEDS_LOGIN: N_(
        "The source wants to know that it is still you. Until you connect it again, nothing more is fetched."
    ),
    LATER: N_("The source was not available. It is tried again when an app asks for your data, or when you fetch now."),
    BROKEN: N_("What the source sent could not be read. Fetch again later; if it stays like this, connect it again."),
    TOO_LONG: N_(
        "The source took too long, so fetching was ended. "
        "It goes on when an app asks for your data, or when you fetch now."
    ),
    KEY_LOST: N_(
        "What came from this account cannot be read any more, because its key is lost. The operator was informed and "
        "may restore it. You can connect it again, which begins a new account, or remove this one."
    ),
    FAILED: N_("Fetching failed here, and the operator was informed. Try again later."),
    STOPPED: "",
}


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A connected source.

    Attributes:
        id: Of the account.
        name: The source's name.
        mark: The source's mark.
        owner: The name of its sample data set, or of the account's owner if the person proved to be that.
        sample: Whether it is sample data.
        connected: When it was connected, in words.
        fetched: When everything was last fetched, in words; empty if it never was.
        running: Whether it is being fetched now.
        problem: What is wrong and what to do, in words; empty if nothing is.
        paused: Whether the person paused it.
        unproven: Whether somebody connected it who did not prove to be the person.
    """

    id: UUID
    name: str
    mark: Markup
    owner: str
    sample: bool
    connected: str
    fetched: str
    running: bool
    problem: str
    paused: bool
    unproven: bool


@dataclass(frozen=True, slots=True)
class SourceActions:
    """What a person can do with a source. `reconnect` is "sign in", "file", or empty if no app allows it now."""

    fetches: bool
    reconnect: str


async def source_cards(visitor: Visitor) -> Sequence[SourceCard]:
    """List the sources that were connected, oldest first."""
    syncs = await _syncs(visitor)
    accounts = await library_accounts(visitor.db, visitor.library.id)
    return [_card(visitor, account, syncs.get(account.id, [])) for account in accounts]


async def _syncs(visitor: Visitor) -> Mapping[UUID, list[SyncRow]]:
    """Return the syncs that are still known, by account, the newest first."""
    query = select(SyncRow).where(SyncRow.library_id == visitor.library.id).order_by(SyncRow.created_at.desc())
    found: dict[UUID, list[SyncRow]] = {}
    for sync in await visitor.db.scalars(query):
        found.setdefault(sync.account_id, []).append(sync)
    return found


def _card(visitor: Visitor, account: AccountRow, syncs: Sequence[SyncRow]) -> SourceCard:
    words = visitor.words
    lost = visitor.library.lost_accounts
    name, source = words.source(account.source_id), visitor.platform.sources.connectable.get(account.source_id)
    done = [sync.finished_at for sync in syncs if sync.outcome == "done" and sync.finished_at is not None]
    has_cursors = account.sealed_cursors is not None  # The last complete sync left them, and may be swept by now.
    fetched = max(done, default=account.updated_at if has_cursors else None)
    return SourceCard(
        id=account.id,
        name=name,
        mark=draw_mark(name, source.info.brand if source else None),
        owner=owner_name(visitor, account),
        sample=account.sample is not None,
        connected=words.date(account.created_at),
        fetched=words.moment(fetched) if fetched is not None else "",
        running=any(sync.finished_at is None for sync in syncs),
        problem=words.say(PROBLEMS[KEY_LOST] if account.id in lost else _problem(account, syncs)),
        paused=account.paused,
        unproven=account.unproven_on is not None,
    )


def owner_name(visitor: Visitor, account: AccountRow) -> str:
    """Name the sample data set, or the account's owner if the person proved to be that; empty for all others."""
    if account.sample is not None:
        return sample_name(visitor.platform.sources, visitor.words, account)
    return "" if account.unproven_on is not None else account_owner_name(account, visitor.library)


def _problem(account: AccountRow, syncs: Sequence[SyncRow]) -> str:
    """Say what is wrong with a source; an empty text if nothing is."""
    if account.needs_login:
        return PROBLEMS[NEEDS_LOGIN]
    last = next((sync for sync in syncs if sync.finished_at is not None), None)
    if last is None or last.outcome is None:
        return ""
    if last.outcome == "done" and last.error is not None:
        if last.error.get("error", last.error).get("code") == LEFT_OUT:
            return N_("Some entries could not be read. The rest is here.")
        return N_("Some kinds of data could not be fetched the last time. Fetch again later.")
    return PROBLEMS.get(last.outcome, "")


# --- the page of one source ---


@dataclass(frozen=True, slots=True)
class SourceWays:
    """The ways by which data comes from a source: a sign-in, a file with the steps to get it, and a folder."""

    signs_in: bool
    steps: Sequence[str]
    has_folders: bool = False


async def _account(visitor: MyPage, account_id: UUID) -> AccountRow:
    """Load one of the person's accounts. Raises NotFound."""
    account = await visitor.db.get(AccountRow, (visitor.library.id, account_id))
    if account is None:
        raise NotFound("This source is not connected any more")
    return account


MyAccount = Annotated[AccountRow, Depends(_account, scope="function")]
"""An account of the person, for a page or a form."""


@router.get("/me/{browser_id}/sources/{account_id}")
async def show_source(visitor: MyPage, account: MyAccount) -> Response:
    """Show what came from a source, and what can be done with it."""
    syncs = await _syncs(visitor)
    counts = [count for count in await kind_counts(visitor) if count.account_id == account.id]
    months: dict[int, int] = {}
    for count in counts:
        if count.month:
            months[count.month] = months.get(count.month, 0) + count.objects
    kinds: Sequence[KindCard] = kind_cards(visitor, counts)
    chart: Chart | None = months_chart(visitor.words, ObjectType.MEDIA, months)
    values = {
        "source": _card(visitor, account, syncs.get(account.id, [])),
        "actions": await _actions(visitor, account),
        "kinds": kinds,
        "charts": [chart] if chart else [],
        "apps": await _apps(visitor, account),
        "source_address": visitor.address(f"sources/{account.id}"),
        "ways": _ways(visitor, account),
    }
    return visitor.page("me-source.html", values)


async def _actions(visitor: Visitor, account: AccountRow) -> SourceActions:
    has_source = account.sample or account.sealed_credentials or await archives_to_import(visitor.db, account)
    source = visitor.platform.sources.connectable.get(account.source_id)
    if source is None or await _consent_for(visitor, account) is None:
        return SourceActions(bool(has_source), "")
    # Files come by a folder too, and an account to which they are uploaded needs none.
    is_signed_in = isinstance(source, SignInSource | AskingSource)
    is_uploaded = bool(source.info.asks_title) and account.sealed_credentials is None and not account.needs_login
    return SourceActions(bool(has_source), "sign in" if is_signed_in and not is_uploaded else "file")


def _ways(visitor: Visitor, account: AccountRow) -> SourceWays | None:
    """Say by which ways data comes from a source; None if that is sample data, or the platform has no such source."""
    source = visitor.platform.sources.connectable.get(account.source_id)
    if source is None or account.sample is not None:
        return None
    upload = source.info.upload
    steps = [visitor.words.say(step) for step in upload.instructions] if upload else []
    info = source.info
    return SourceWays(info.signs_in or bool(info.asks), steps, bool(info.asks_title))


async def _apps(visitor: Visitor, account: AccountRow) -> Sequence[str]:
    """Name the apps that can read this source now."""
    return sorted({contract.application.name for _, contract in await _live_consents(visitor, account)})


async def _live_consents(visitor: Visitor, account: AccountRow) -> Sequence[tuple[ConsentRow, ContractRow]]:
    query = (
        select(ConsentRow, ContractRow)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ConsentAccountRow)
        .where(ConsentAccountRow.library_id == account.library_id, ConsentAccountRow.account_id == account.id)
        .where(live_consents(visitor.now))
        .order_by(ConsentRow.created_at.desc())
    )
    return list(await visitor.db.execute(query))


async def _consent_for(visitor: Visitor, account: AccountRow) -> tuple[ConsentRow, ContractRow] | None:
    """Find a consent under which the account can be connected again, as an app could ask for it. Protocol 7.3."""
    for consent, contract in await _live_consents(visitor, account):
        once = contract.once or consent.once
        if contract.kind == "read" and not once and is_usable(contract, visitor.now) and not consent.unproven:
            return consent, contract
    return None


@router.post("/me/{browser_id}/sources/{account_id}/fetch")
async def fetch_now(form: MyForm, account: MyAccount) -> Response:
    """Start fetching from a source."""
    if not account.paused and (await _actions(form.visitor, account)).fetches:
        await sync_for_person(form.visitor.db, form.visitor.platform, account)
    return _back(form, account)


@router.post("/me/{browser_id}/sources/{account_id}/pause")
async def pause(form: MyForm, account: MyAccount) -> Response:
    """Fetch nothing more from a source until the person says so, or fetch again."""
    account.paused = form.fields.get("paused") == "yes"
    return _back(form, account)


@router.post("/me/{browser_id}/sources/{account_id}/connect")
async def connect_again(form: MyForm, account: MyAccount) -> Response:
    """Lead to the page that connects a source again, as if an app had asked for it, and then back. Protocol 7.3."""
    visitor = form.visitor
    found = await _consent_for(visitor, account)
    if found is None:
        return _back(form, account)
    consent, contract = found
    # No app waits for this session, which has ended already: connecting again reads nothing for an app.
    session = await new_session(
        visitor.db, visitor.platform, contract, SessionOptions(), visitor.now, expires_at=visitor.now
    )
    start = Start(
        contract,
        public_address(visitor.request).removesuffix(base_path(visitor.request))
        + visitor.address(f"sources/{account.id}"),
        session_id=session.row.id,
        library_id=visitor.library.id,
        consent_id=consent.id,
        account_id=account.id,
    )
    code = await begin_journey(visitor.db, start, visitor.now, visitor.platform.settings.preauthorization_lifetime)
    query = urlencode({"code": code, "lng": visitor.words.tag})
    return redirect(f"{base_path(visitor.request)}{ONBOARD_PATH}reauthorize?{query}")


def _back(form: MyFormData, account: AccountRow) -> Response:
    return redirect(form.visitor.address(f"sources/{account.id}"))
