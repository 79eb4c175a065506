"""The page where a person reads what an app asks for, chooses what they share, and agrees or declines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import navigation, outcome
from privateshare.platform.consent.choice_cards import Card, Chosen, choice_cards, choice_of, missing_required
from privateshare.platform.consent.choice_draft import Draft, date_problem, load_draft, read_draft, save_draft
from privateshare.platform.consent.durations import Duration, chosen_duration, default_duration, duration_options
from privateshare.platform.consent.export_cards import period
from privateshare.platform.consent.key_facts import key_facts
from privateshare.platform.consent.link_parameters import is_language
from privateshare.platform.consent.page_text import shown_to
from privateshare.platform.consent.person_description import describe_person
from privateshare.platform.consent.rendering import PageRoute, isolated_parts, redirect
from privateshare.platform.consent.shareable_accounts import asking_of, shareable_accounts
from privateshare.platform.consent.source_choice import asks_for_sources, source_on_device
from privateshare.platform.consent.terms import read_terms
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.upload_notes import UploadNote, upload_note
from privateshare.platform.consent.visit import REVIEWED, PostedForm, UnfinishedVisit, Visit, journey_page, require_kind
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.grants.consents import Agreed, last_agreement
from privateshare.platform.library.archives import archives_of_journey, file_of
from privateshare.platform.library.credentials import not_granted_types
from privateshare.protocol.choice import EVERYTHING, Choice
from privateshare.protocol.contract_changes import ContractSubject, grown_subjects
from privateshare.protocol.scope import reach_of_contract

UNPROCESSABLE = 422
SOURCE, HERE, LANGUAGE = "source", "here", "lng:"

SUBJECTS = {
    ContractSubject.DATA: N_("Which data"),
    ContractSubject.DATES: N_("Which dates"),
    ContractSubject.PURPOSE: N_("Why"),
    ContractSubject.NEEDED: N_("Needed"),
    ContractSubject.KEEPING: N_("Keeping"),
    ContractSubject.PASSING_ON: N_("Passing on"),
    ContractSubject.TRANSPORT: N_("Where"),
    ContractSubject.DELETION: N_("Deleting"),
}

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/consent")
async def show_consent(visit: UnfinishedVisit) -> Response:
    """Show what the app asks for."""
    require_kind(visit, *REVIEWED)
    if await navigation.needs_proof(visit):
        return redirect(visit.address("person"))
    return await _consent(visit, load_draft(visit))


@router.post("/journey/{tag}/consent")
async def give_consent(form: PostedForm) -> Response:
    """Record consent, and redirect to the app with a code. A second submission redirects to the same address.

    With `then`, keep what is chosen so far, and go where it says.
    """
    visit = form.visit
    if visit.journey.finished_at is not None:
        return redirect(await outcome.usable_outcome(visit) or visit.address("done"))
    require_kind(visit, *REVIEWED)
    draft = read_draft(form.fields)
    save_draft(visit, draft)
    if (onward := _then(visit, form.first("then"))) is not None:
        return redirect(onward)
    if form.first("document") != visit.contract.document.fingerprint:  # Nobody agrees to what they have not seen.
        changed = N_("The app changed what it asks for while you read. Look at it again, and then agree or decline.")
        return await _consent(visit, draft, visit.words.say(changed))
    review = await _review(visit, draft, is_submitted=True)
    if problem := _problem(visit, draft, review):
        return await _consent(visit, draft, problem)
    is_first = _is_first(visit)
    agreed = Agreed(review.choice(visit, draft), review.duration.until, review.duration.once)
    shown = shown_to(visit, await _consent(visit, draft))
    left_to = await outcome.accept(visit, review.accounts(visit, draft), agreed, shown)
    return redirect(visit.address("recovery") if is_first and draft.recovery else left_to)


def _then(visit: Visit, then: str) -> str | None:
    """Return the address of another page that a button of the form leads to."""
    if then == SOURCE:
        return visit.address("source")
    if then == HERE:
        return visit.address("consent")
    language = then.removeprefix(LANGUAGE)
    return visit.address(f"consent?lng={language}") if then != language and is_language(language) else None


@dataclass(frozen=True, slots=True)
class Review:
    """What a person has in front of them: the accounts with their kinds, and for how long they may share.

    `grown` is about what the contract asks for more than when the person last agreed.
    """

    cards: Sequence[Card]
    durations: Sequence[Duration]
    duration: Duration
    grown: Sequence[ContractSubject] = ()

    def choice(self, visit: Visit, draft: Draft) -> Choice:
        """Return what is shared as the form is now."""
        if visit.contract.kind == "write":
            return EVERYTHING
        chosen = choice_of(self.cards, draft)
        return chosen if visit.contract.kind == "read" else chosen.model_copy(update={"accounts": None})

    def accounts(self, visit: Visit, draft: Draft) -> list[AccountRow]:
        """Return the accounts that are shared as the form is now."""
        if visit.contract.kind == "write":
            return [card.entry.account for card in self.cards if card.ticked]
        shared = self.choice(visit, draft).accounts or {}
        return [card.entry.account for card in self.cards if card.entry.account.id in shared]


async def _review(visit: Visit, draft: Draft, *, is_submitted: bool) -> Review:
    durations = duration_options(visit.contract, visit.words, visit.now)
    duration = chosen_duration(durations, draft.duration) or default_duration(durations, visit.contract)
    entries = await shareable_accounts(visit)
    if not entries or visit.journey.library_id is None:
        return Review((), durations, duration)
    last = None
    if visit.proven and not visit.journey.provisional:
        last = await last_agreement(visit.db, visit.contract.id, visit.journey.library_id)
    agreed = reach_of_contract(last.document, visit.now) if last else None
    chosen = Chosen(draft, last.choice if last else None, is_submitted, agreed)
    cards = await choice_cards(await asking_of(visit), entries, chosen)
    grown = grown_subjects(last.document, visit.contract.document, visit.now) if last else ()
    return Review(cards, durations, duration, grown)


def _problem(visit: Visit, draft: Draft, review: Review) -> str:
    """Say what is wrong with the form; empty if nothing is."""
    words = visit.words
    if problem := date_problem(draft, words, visit.now):
        return problem
    if not _needs_accounts(visit):
        return ""
    missing = missing_required(review.cards) if visit.contract.kind == "read" else None
    if missing is not None and any(card.ticked for card in review.cards):
        return words.say(
            N_("The app cannot work without: %(kind)s. Tick an account that has it, or decline."), kind=missing.name
        )
    if not review.accounts(visit, draft):
        return words.say(N_("Choose at least one account and one kind of data, or decline."))
    return ""


def _needs_accounts(visit: Visit) -> bool:
    """Tell whether the person must choose at least one account."""
    return asks_for_sources(visit) and source_on_device(visit) is None


def _is_first(visit: Visit) -> bool:
    """Tell whether this is the person's first consent, so that only this browser can prove who they are."""
    return visit.journey.library_id is None or visit.journey.provisional


async def _uploads(visit: Visit) -> dict[UUID, list[UploadNote]]:
    """List what the person uploaded on this journey, by account."""
    found: dict[UUID, list[UploadNote]] = {}
    if visit.journey.library_id is None:
        return found
    library = (await asking_of(visit)).library
    for archive in await archives_of_journey(visit.db, visit.journey):
        file = file_of(archive, library)
        note = upload_note(visit.words, archive.id, file.summary.left_out)
        dates = period(visit.words, list(file.summary.kinds.values()))
        # Without a name and the dates, two files of one source would look alike.
        note = replace(note, name=isolated_parts((file.name, dates), " · "))
        found.setdefault(archive.account_id, []).append(note)
    return found


async def _not_granted(visit: Visit, cards: Sequence[Card]) -> dict[UUID, str]:
    """Name what the app asks for and the person did not allow when they signed in at a source, by account."""
    if not cards:
        return {}
    library, found = (await asking_of(visit)).library, {}
    for card in cards:
        lacking = not_granted_types(library, card.entry.account)
        kinds = visit.words.kinds([kind for kind in card.entry.kinds if kind in lacking])
        found[card.entry.account.id] = visit.words.join_list([*kinds.plain, *kinds.other])
    return found


async def _consent(visit: Visit, draft: Draft, problem: str = "") -> Response:
    review = await _review(visit, draft, is_submitted=bool(problem))
    if _needs_accounts(visit) and not review.cards:
        return redirect(visit.address("source"))
    on_device = source_on_device(visit)
    terms = read_terms(visit.contract, visit.platform.sources, visit.words, visit.now)
    values = {
        "person": await describe_person(visit),
        "is_first": _is_first(visit),
        "terms": terms,
        "document": visit.contract.document.fingerprint,
        "facts": key_facts(visit.contract, terms, review.cards, review.duration, visit.words),
        "cards": review.cards,
        "grown": visit.words.join_list([visit.words.say(SUBJECTS[subject]) for subject in review.grown]),
        "uploads": await _uploads(visit),
        "not_granted": await _not_granted(visit, review.cards),
        "durations": review.durations,
        "duration": review.duration,
        "needed_days": visit.contract.document.reading.needed_days or 0,
        "draft": draft,
        "today": visit.now.date().isoformat(),
        "on_device": visit.words.source(on_device) if on_device else None,
        "language_form": "agree",
        "problem": problem,
        "problem_field": "since" if date_problem(draft, visit.words, visit.now) else "accounts",
    }
    return journey_page(visit, "consent.html", values, status=UNPROCESSABLE if problem else 200)
