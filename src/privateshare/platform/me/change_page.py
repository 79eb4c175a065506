"""`/me`: changing what a person shares with an app, narrower or wider, on the same cards as when they agreed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent.choice_cards import Card, Chosen, choice_cards, choice_of, missing_required
from privateshare.platform.consent.choice_draft import Draft, date_problem, read_draft
from privateshare.platform.consent.durations import Duration, chosen_duration, duration_options
from privateshare.platform.consent.page_text import page_text
from privateshare.platform.consent.rendering import PageRoute, isolated, redirect
from privateshare.platform.consent.shareable_accounts import Asking, list_shareable
from privateshare.platform.consent.terms import read_terms
from privateshare.platform.consent.translation import N_
from privateshare.platform.db.tables import AccountRow, ConsentRow, ContractRow
from privateshare.platform.grants.consent_events import consent_agreed
from privateshare.platform.grants.consents import Agreed, change_consent, earliest, widens
from privateshare.platform.grants.contracts import is_usable
from privateshare.platform.library.accounts import consented_accounts, library_accounts
from privateshare.platform.me.app_cards import ended
from privateshare.platform.me.visitor import MyForm, MyPage, Visitor
from privateshare.protocol.choice import EVERYTHING, Choice
from privateshare.protocol.scope import reach_of_contract

KEEP = "keep"
LANGUAGE = "lng:"
UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sharing:
    """A consent that a person changes, and what they have in front of them."""

    visitor: Visitor
    consent: ConsentRow
    contract: ContractRow
    draft: Draft
    cards: Sequence[Card]
    durations: Sequence[Duration]

    @property
    def duration(self) -> Duration:
        """The duration that is chosen at the moment; at first it is not changed."""
        return chosen_duration(self.durations, self.draft.duration) or self.durations[0]

    @property
    def choice(self) -> Choice:
        """What is shared as the form is now."""
        if self.contract.kind == "write":
            return EVERYTHING
        chosen = choice_of(self.cards, self.draft)
        return chosen if self.contract.kind == "read" else chosen.model_copy(update={"accounts": None})

    @property
    def agreed(self) -> Agreed:
        """What the person agrees to as the form is now. The end is never after that of the contract."""
        until = earliest(self.contract.expires_at, self.duration.until)
        return Agreed(self.choice, until, once=self.consent.once)

    @property
    def accounts(self) -> list[AccountRow]:
        """The accounts that are shared as the form is now."""
        shared = self.choice.accounts
        entries = [card.entry.account for card in self.cards if card.ticked]
        return entries if shared is None else [account for account in entries if account.id in shared]


async def _consent(visitor: MyPage, consent_id: UUID) -> ConsentRow:
    """Find a live consent of the person. Raises NotFound."""
    mine = (visitor.library.id, consent_id)
    consent = await visitor.db.get(ConsentRow, mine, with_for_update={"key_share": True})
    if consent is None:
        raise NotFound("There is no such app")
    contract = await visitor.db.get_one(ContractRow, consent.contract_id)
    if ended(visitor, consent, contract):
        raise NotFound("This app can read nothing more")
    return consent


MyConsent = Annotated[ConsentRow, Depends(_consent, scope="function")]
"""A live consent of the person whose pages these are."""


@router.get("/me/{browser_id}/change/{consent_id}")
async def show_change(visitor: MyPage, consent: MyConsent) -> Response:
    """Show what the person shares with an app, and what else it asks for."""
    since = consent.choice.since_date
    draft = Draft(since=since.date().isoformat() if since else "")
    return _page(await _sharing(visitor, consent, draft, is_submitted=False))


@router.post("/me/{browser_id}/change/{consent_id}")
async def change(form: MyForm, consent: MyConsent) -> Response:
    """Share less or more with an app. Its next read gets only that, and a running download of more ends."""
    visitor, draft = form.visitor, read_draft(form.values)
    then = form.fields.get("then", "")
    if then:
        if then.startswith(LANGUAGE):
            visitor = visitor.in_language(then.removeprefix(LANGUAGE))
        return _page(await _sharing(visitor, consent, draft, is_submitted=False))
    sharing = await _sharing(visitor, consent, draft, is_submitted=True)
    if problem := _problem(sharing):
        return _page(sharing, problem)
    agreed, account_ids = sharing.agreed, [account.id for account in sharing.accounts]
    if not is_usable(sharing.contract, visitor.now) and await widens(visitor.db, consent, account_ids, agreed):
        return _page(
            sharing, visitor.words.say(N_("This app is stopped for now. You can share less with it, not more."))
        )
    await change_consent(visitor.db, consent, sharing.contract, account_ids, agreed)
    shown = replace(visitor.shown, notice=page_text(bytes(_page(sharing).body).decode()))
    await consent_agreed(visitor.db, visitor.platform, visitor.library, consent, shown, visitor.now, changed=True)
    log.info("a person changed what they share", library=str(visitor.library.id), consent=str(consent.id))
    return redirect(f"{visitor.address()}?changed={consent.id}")


async def _sharing(visitor: Visitor, consent: ConsentRow, draft: Draft, *, is_submitted: bool) -> Sharing:
    contract = await visitor.db.get_one(ContractRow, consent.contract_id)
    # Nobody reads the app's terms here, so it gets nothing that it did not ask for when the person agreed.
    documents = (contract.document, consent.document)
    reaches = tuple(reach_of_contract(document, visitor.now) for document in documents)
    asking = Asking(
        visitor.platform,
        visitor.db,
        visitor.words,
        contract,
        visitor.library,
        visitor.now,
        reaches,
        agreed=consent.document,
    )
    shared = {account.id for account in await consented_accounts(visitor.db, consent.library_id, consent.id)}
    accounts = [
        account
        for account in await library_accounts(visitor.db, visitor.library.id)
        if account.id in shared or (account.unproven_on is None and not consent.unproven)
    ]
    entries = list_shareable(asking, accounts, shared, {account.id for account in accounts})
    cards = await choice_cards(asking, entries, Chosen(draft, consent.choice, is_submitted))
    return Sharing(visitor, consent, contract, draft, cards, _durations(visitor, consent, contract))


def _durations(visitor: Visitor, consent: ConsentRow, contract: ContractRow) -> list[Duration]:
    """List the durations: unchanged first. A consent for one read has no other."""
    end = visitor.words.date(consent.expires_at) if consent.expires_at else ""
    as_now = Duration(KEEP, visitor.words.say(N_("As now")), consent.expires_at, end, None)
    if consent.once:
        return [as_now]
    return [as_now, *(option for option in duration_options(contract, visitor.words, visitor.now) if not option.once)]


def _problem(sharing: Sharing) -> str:
    """Say what is wrong with the form; empty if nothing is."""
    words = sharing.visitor.words
    if problem := date_problem(sharing.draft, words, sharing.visitor.now):
        return problem
    if sharing.contract.kind != "read":
        return ""
    if not sharing.accounts:
        return words.say(N_("Choose at least one account and one kind of data. To share nothing, stop sharing."))
    missing = missing_required(sharing.cards)
    if missing is not None:
        return words.say(N_("The app cannot work without: %(kind)s. Tick an account that has it."), kind=missing.name)
    return ""


def _page(sharing: Sharing, problem: str = "") -> Response:
    visitor, contract = sharing.visitor, sharing.contract
    values = {
        "app": isolated(contract.application.name),
        "consent_id": sharing.consent.id,
        "contract_kind": contract.kind,
        "terms": read_terms(contract, visitor.platform.sources, visitor.words, visitor.now, sharing.consent.document),
        "cards": sharing.cards,
        "durations": sharing.durations,
        "duration": sharing.duration,
        "draft": sharing.draft,
        "today": visitor.now.date().isoformat(),
        "language_form": "change",
        "problem": problem,
        "problem_field": "since" if date_problem(sharing.draft, visitor.words, visitor.now) else "accounts",
    }
    return visitor.page("me-change.html", values, UNPROCESSABLE if problem else 200)
