"""`/me/…/history`: what apps did with a person's data, and the person's receipts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.audit.entries import EventKind
from privateshare.platform.audit.history import AppActivity, Happening, app_activities, happenings
from privateshare.platform.consent.locales import known_language
from privateshare.platform.consent.rendering import PageRoute
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.grants.receipts import Receipt, find_receipt, list_receipts
from privateshare.platform.me.file_kinds import file_kind_name
from privateshare.platform.me.visitor import MyPage, Visitor
from privateshare.protocol.receipts import AGREED, DIGEST

SHOWN_ACTIVITIES = 20
SHOWN_SIGN_INS = 30

RECEIPT_TITLES = {
    EventKind.CONSENT_GIVEN: N_("You agreed"),
    EventKind.CONSENT_CHANGED: N_("You changed what you share"),
    EventKind.CONSENT_WITHDRAWN: N_("Sharing was stopped"),
}
SIGN_INS = {
    (EventKind.SIGNED_IN, "browser"): N_("Known by the browser"),
    (EventKind.SIGNED_IN, "recovery code"): N_("Signed in with the recovery code"),
    (EventKind.SIGNED_IN, "passkey"): N_("Signed in with a passkey"),
    (EventKind.SIGNED_IN, "source"): N_("Signed in at a source"),
    (EventKind.SIGN_IN_ADDED, "browser"): N_("A browser was added"),
    (EventKind.SIGN_IN_ADDED, "recovery code"): N_("A recovery code was made"),
    (EventKind.SIGN_IN_ADDED, "passkey"): N_("A passkey was added"),
    (EventKind.SIGN_IN_REMOVED, "browser"): N_("A browser was signed out"),
    (EventKind.SIGN_IN_REMOVED, "passkey"): N_("A passkey was removed"),
}
# What else happened. `app` is the app that is named by the entry, `source` the source.
OTHERS = {
    EventKind.ACCOUNT_DELETED: N_("%(app)s deleted a source at your request there: %(source)s."),
    EventKind.SOURCE_WITHDRAWN: N_("Access to %(source)s was withdrawn."),
    EventKind.DELETED_BY_APP: N_(
        "%(app)s asked to delete you. Its access has ended; what you connected is still yours."
    ),
    EventKind.MERGED: N_("Another library of yours was moved into this one."),
    EventKind.OPERATOR: N_("Those who run this platform did something with your library."),
}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What an app did within some minutes: when, what, and how much."""

    when: str
    what: str
    kinds: str
    amount: str


@dataclass(frozen=True, slots=True)
class AppHistory:
    """What one app did, the newest first. `more` counts earlier lines that are not shown."""

    app: str
    lines: Sequence[HistoryLine]
    more: int


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A receipt in the list."""

    id: UUID
    title: str
    app: str
    when: str


@router.get("/me/{browser_id}/history")
async def show_history(visitor: MyPage) -> Response:
    """Show what apps did, when somebody signed in, and the receipts."""
    events = await happenings(visitor.db, visitor.library)
    apps = await _app_names(visitor, events)
    values = {
        "apps": _histories(visitor.words, events, apps),
        "sign_ins": _sign_ins(visitor.words, events),
        "others": _others(visitor.words, events, apps),
        "receipts": [_receipt_line(visitor, receipt) for receipt in await list_receipts(visitor.db, visitor.library)],
    }
    return visitor.page("me-history.html", values)


@router.get("/me/{browser_id}/receipts/{receipt_id}")
async def show_receipt(visitor: MyPage, receipt_id: UUID) -> Response:
    """Show a receipt as a page that can be printed."""
    receipt = await _find(visitor, receipt_id)
    document = orjson.loads(receipt.content)
    record = document["dpv:hasRecordOfActivity"]
    controller, notice = record["dpv:hasDataController"], record["dpv:hasNotice"]
    values = {
        "title": visitor.words.say(RECEIPT_TITLES[receipt.event]),
        "when": visitor.words.moment(receipt.created_at),
        "app": controller["schema:application"]["schema:name"],
        "partner": controller["schema:name"],
        "consent_id": receipt.consent_id,
        "receipt_id": receipt.id,
        "notice": notice["dct:description"],
        "language": notice.get("dct:language", ""),
        "notice_direction": _direction(notice.get("dct:language", "")),
        "digest": document[DIGEST],
        "agreed": orjson.dumps(document[AGREED], option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode(),
    }
    return visitor.page("me-receipt.html", values)


@router.get("/me/{browser_id}/receipts/{receipt_id}/file")
async def download_receipt(visitor: MyPage, receipt_id: UUID) -> Response:
    """Return the signed receipt, which anybody can verify, as a file."""
    receipt = await _find(visitor, receipt_id)
    headers = {
        "content-disposition": f'attachment; filename="receipt-{receipt.id}.jsonld"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(receipt.content, media_type="application/ld+json", headers=headers)


async def _find(visitor: Visitor, receipt_id: UUID) -> Receipt:
    receipt = await find_receipt(visitor.db, visitor.library, receipt_id)
    if receipt is None:
        raise NotFound("There is no such receipt")
    return receipt


def _direction(language: str) -> str:
    """Return the writing direction of a notice."""
    known = known_language(language)
    return Translator(known).direction if known else "auto"


def _receipt_line(visitor: Visitor, receipt: Receipt) -> ReceiptLine:
    controller = orjson.loads(receipt.content)["dpv:hasRecordOfActivity"]["dpv:hasDataController"]
    return ReceiptLine(
        receipt.id,
        visitor.words.say(RECEIPT_TITLES[receipt.event]),
        controller["schema:application"]["schema:name"],
        visitor.words.moment(receipt.created_at),
    )


async def _app_names(visitor: Visitor, events: Sequence[Happening]) -> Mapping[str, str]:
    """Return the name of the app of each contract that these events name."""
    named = {str(event.facts["contract"]) for event in events if "contract" in event.facts}
    contracts = await visitor.db.scalars(select(ContractRow).where(ContractRow.id.in_(named)))
    return {contract.id: contract.application.name for contract in contracts}


def _histories(words: Translator, events: Sequence[Happening], apps: Mapping[str, str]) -> list[AppHistory]:
    contracts = {event.consent_id: str(event.facts.get("contract")) for event in events if event.consent_id}
    return [
        AppHistory(
            apps.get(contracts[consent_id], ""),
            [_line(words, activity) for activity in activities[:SHOWN_ACTIVITIES]],
            max(0, len(activities) - SHOWN_ACTIVITIES),
        )
        for consent_id, activities in app_activities(events).items()
    ]


def _line(words: Translator, activity: AppActivity) -> HistoryLine:
    if activity.kind is EventKind.ACCESS_RENEWED:
        return HistoryLine(words.moment(activity.begin), words.say(N_("Renewed its access")), "", "")
    what = N_("Read") if activity.kind is EventKind.READ else N_("Put into your library")
    files = words.count("%(num)d file", "%(num)d files", activity.file_count)
    amount = files + words.comma + words.size(activity.size)
    return HistoryLine(words.moment(activity.begin), words.say(what), _kinds(words, activity), amount)


def _kinds(words: Translator, activity: AppActivity) -> str:
    return words.join_list(list(dict.fromkeys(file_kind_name(words, kind) for kind in activity.files)))


def _sign_ins(words: Translator, events: Sequence[Happening]) -> list[tuple[str, str]]:
    """List who signed in and by what, as pairs of a time and words."""
    named = ((event, SIGN_INS.get((event.kind, str(event.facts.get("method"))))) for event in events)
    shown = [(words.moment(event.at), words.say(text)) for event, text in named if text is not None]
    return shown[:SHOWN_SIGN_INS]


def _others(words: Translator, events: Sequence[Happening], apps: Mapping[str, str]) -> list[tuple[str, str]]:
    """List what else happened, as pairs of a time and words."""
    found = []
    for event in events:
        if (text := OTHERS.get(event.kind)) is not None:
            app = apps.get(str(event.facts.get("contract")), words.say(N_("An app")))
            source = event.facts.get("source")
            named = words.source(source) if isinstance(source, int) else ""
            found.append((words.moment(event.at), words.say(text, app=app, source=named)))
    return found
