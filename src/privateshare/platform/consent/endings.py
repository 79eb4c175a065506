"""How a journey ended, in words that are true: no page says that nothing is shared if something is."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup, escape

from privateshare.platform.consent.app_redirect import Failure
from privateshare.platform.consent.kind_groups import NAMES, kind_group
from privateshare.platform.consent.rendering import isolated
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import REVIEWED, Visit
from privateshare.platform.db.tables import AccountRow, ConsentRow
from privateshare.platform.grants.journeys import find_consent
from privateshare.platform.library.accounts import consented_accounts

MAX_NAMED = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """The title and a sentence of the last page. `shares` is true if something is shared that the person can stop."""

    title: Markup
    text: Markup
    shares: bool


async def ending_of(visit: Visit, address: str) -> Ending:
    """Say how a finished journey ended. `address` is the one at which it ended."""
    told = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    if visit.destination.withdraws:
        return await _withdrawal(visit, succeeded=told.get("result") == "success", declined=_declined(told))
    if told.get("success") != "true":
        return _failure(visit, declined=_declined(told))
    if visit.journey.kind not in REVIEWED:
        text = N_("%(app)s can read what you connected, as you agreed with it before.")
        return Ending(_say(visit, N_("It is connected")), _say(visit, text), shares=True)
    return await _agreement(visit)


def _declined(told: dict[str, str]) -> bool:
    return told.get("errorCode") == Failure.USER_CANCEL


def _say(visit: Visit, text: str, **values: object) -> Markup:
    """Translate a text; `%(app)s` is the app's name."""
    return escape(visit.words.say(text)) % ({"app": isolated(visit.contract.application.name)} | values)


def _joined(*sentences: Markup) -> Markup:
    return Markup(" ").join(sentence for sentence in sentences if sentence)


def _failure(visit: Visit, *, declined: bool) -> Ending:
    known = visit.journey.library_id is not None  # The person may share with this app since earlier.
    removed = _say(visit, N_("What you added here was removed again.")) if visit.journey.account_ids else Markup("")
    if declined and known:
        text = N_("Nothing more was shared. What you agreed with %(app)s before is as it was.")
        return Ending(_say(visit, N_("You declined")), _joined(_say(visit, text), removed), shares=True)
    if declined:
        return Ending(_say(visit, N_("You declined; nothing was shared")), removed, shares=False)
    if known:
        text = N_("Nothing more was shared. What you agreed with %(app)s before is as it was.")
        return Ending(_say(visit, N_("This did not work")), _say(visit, text), shares=True)
    return Ending(_say(visit, N_("This did not work; nothing was shared")), Markup(""), shares=False)


async def _withdrawal(visit: Visit, *, succeeded: bool, declined: bool) -> Ending:
    account_id = visit.journey.account_id
    account = await visit.db.get(AccountRow, (visit.journey.library_id, account_id)) if account_id else None
    source = visit.words.source(account.source_id) if account else visit.words.say(N_("this source"))
    if declined:
        title, text = N_("You changed nothing"), N_("%(source)s stays connected.")
    elif account is None:
        title, text = N_("It is removed"), N_("Nothing more is fetched, and what was fetched before is deleted here.")
    elif succeeded:
        title, text = N_("Nothing more is fetched from %(source)s"), N_("What was fetched before is still here.")
    else:
        title = N_("Nothing more is fetched from %(source)s")
        text = N_("%(source)s did not confirm it. Remove the permission there too.")
    return Ending(_say(visit, title, source=source), _say(visit, text, source=source), shares=account is not None)


async def _agreement(visit: Visit) -> Ending:
    consent = await find_consent(visit.db, visit.journey)
    if consent is None or consent.revoked_at is not None:
        stopped = _say(visit, N_("You stopped sharing with %(app)s since."))
        return Ending(_say(visit, N_("This is done")), stopped, shares=False)
    values = {"what": await _sources(visit, consent), "date": _end(visit, consent)}
    return Ending(_say(visit, _title(visit, consent), **values), _kinds(visit, consent), shares=True)


def _title(visit: Visit, consent: ConsentRow) -> str:
    """Return what the person did, and until when."""
    if visit.contract.kind == "write":
        if consent.expires_at is not None:
            return N_("%(app)s may put files into your library, until %(date)s")
        return N_("%(app)s may put files into your library, until you stop")
    if consent.once:
        return N_("You shared %(what)s with %(app)s, once")
    if consent.expires_at is not None:
        return N_("You shared %(what)s with %(app)s, until %(date)s")
    return N_("You shared %(what)s with %(app)s, until you stop")


def _end(visit: Visit, consent: ConsentRow) -> str:
    return visit.words.date(consent.expires_at) if consent.expires_at else ""


async def _sources(visit: Visit, consent: ConsentRow) -> str:
    """Name the sources from which a consent shares."""
    words = visit.words
    if visit.contract.kind == "read-raw":
        return words.say(N_("files in your library"))
    accounts = await consented_accounts(visit.db, consent.library_id, consent.id)
    names = list(dict.fromkeys(words.source(account.source_id) for account in accounts))
    return words.join_list(names) if 0 < len(names) <= MAX_NAMED else words.say(N_("data"))


def _kinds(visit: Visit, consent: ConsentRow) -> Markup:
    """Name the kinds of data that a consent shares, and from which date on."""
    words = visit.words
    kinds = [kind for one in (consent.choice.accounts or {}).values() for kind in one.kinds]
    groups = {kind: kind_group(kind) for kind in kinds}
    named = (words.say(NAMES[group]) if group else words.object_type(kind) for kind, group in groups.items())
    names = escape(words.join_list(list(dict.fromkeys(named))))
    since = consent.choice.since_date
    return names if since is None else names + " · " + _say(visit, N_("from %(date)s on"), date=words.date(since))
