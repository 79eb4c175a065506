"""The text of the consent page: what a contract asks for, in the person's language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from privateshare.platform.consent.translation import N_, Kinds, Translator
from privateshare.platform.db.tables import ContractRow
from privateshare.protocol.addresses import is_web_address
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.contract_document import (
    AppText,
    ContractDocument,
    ContractTimeRange,
    DataRequest,
    PartWithTexts,
    Resources,
)
from privateshare.protocol.messages import ServiceGroupScope
from privateshare.protocol.scope import start_of_last
from privateshare.sources.contract import SourceInfo
from privateshare.sources.registry import Sources

MAX_CONTRACT_TEXT = 4000


@dataclass(frozen=True, slots=True)
class RequestedData:
    """Kinds of data from one group; `services` is empty where it does not matter which service they come from."""

    group: str
    services: str
    kinds: Kinds


@dataclass(frozen=True, slots=True)
class AppStatement:
    """What the app does with the data; `known` is false if it does not say. `words` are the app's own."""

    title: str
    text: str
    words: AppText
    known: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract as a person reads it. `purpose`, `disclaimer` and `agreement` are the app's own words."""

    app: str
    partner: str
    links: Sequence[tuple[str, str]]
    purpose: AppText
    disclaimer: AppText
    agreement: AppText
    asked: Sequence[RequestedData]
    dates: Sequence[str]
    once: bool
    until: str | None
    statements: Sequence[AppStatement]


def read_terms(
    contract: ContractRow, sources: Sources, words: Translator, now: datetime, agreed: ContractDocument | None = None
) -> Terms:
    """Write the terms of a contract in one language. `agreed` is an earlier version, to which a person agreed."""
    document, reads = agreed or contract.document, contract.kind != "write"
    request = document.reading if reads else document.writing
    return Terms(
        app=contract.application.name,
        partner=contract.application.partner.name,
        links=_links(document.resources, words),
        purpose=app_text(document, request, "purpose", words),
        disclaimer=app_text(document, request, "disclaimer", words),
        agreement=app_text(document, request.consent_policy, "description", words),
        asked=_asked(document.reading, sources, words) if contract.kind == "read" else (),
        dates=_dates(document.reading, words, now) if reads else (),
        once=contract.once,
        until=words.date(contract.expires_at) if contract.expires_at else None,
        statements=_statements(document, words) if reads else (),
    )


def app_text(document: ContractDocument, part: PartWithTexts, field: str, words: Translator) -> AppText:
    """Return a text of the app, cut if it is long: in the page's language if the app wrote it, and else in another."""
    found = document.text(part, field, words.tag)
    return replace(found, text=found.text[:MAX_CONTRACT_TEXT])


def _links(resources: Resources, words: Translator) -> list[tuple[str, str]]:
    found = (
        (resources.home_page, N_("Website")),
        (resources.privacy_policy, N_("Privacy policy")),
        (resources.terms_and_conditions, N_("Terms and conditions")),
        (resources.terms, N_("Terms")),
    )
    return [(words.say(label), url) for url, label in found if len(url) <= MAX_CONTRACT_TEXT and is_web_address(url)]


# --- which data ---


def _asked(request: DataRequest, sources: Sources, words: Translator) -> list[RequestedData]:
    infos = [source.info for source in sources.connectable.values()]
    return [asked for group in request.service_groups for asked in _asked_of_group(group, infos, words)]


def _asked_of_group(
    group: ServiceGroupScope, infos: Sequence[SourceInfo], words: Translator
) -> Iterator[RequestedData]:
    """Yield one entry per set of kinds, however many services it is asked from."""
    services_by_kinds: dict[tuple[int, ...], list[int]] = {}
    for service in group.service_types or ():
        chosen = tuple(item.id for item in service.service_object_types or ())
        services_by_kinds.setdefault(chosen or _kinds_of_service(infos, group.id, service.id), []).append(service.id)
    every = {entry.id for entry in catalogue().service_types.values() if entry.group == group.id}
    for kinds, services in (services_by_kinds or {_kinds_of_group(infos, group.id): sorted(every)}).items():
        named = [] if every <= set(services) else [words.service_type(service) for service in services]
        yield RequestedData(words.group(group.id), words.join_list(named), words.kinds(kinds))


def _kinds_of_service(infos: Sequence[SourceInfo], group: int, service_type: int) -> tuple[int, ...]:
    offered = _offered(info for info in infos if info.service_type == service_type)
    return offered or _kinds_of_group(infos, group)


def _kinds_of_group(infos: Sequence[SourceInfo], group: int) -> tuple[int, ...]:
    offered = _offered(info for info in infos if info.service_group == group)
    return offered or tuple(entry.id for entry in catalogue().object_types_of_group(group))


def _offered(infos: Iterator[SourceInfo]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(kind) for info in infos for kind in info.object_types))


# --- which dates ---


def _dates(request: DataRequest, words: Translator, now: datetime) -> list[str]:
    ranges = request.time_ranges
    if not ranges or any(item.is_everything for item in ranges):
        return [words.say(N_("Data of any date, however old"))]
    # Protocol 5.2 limits times, so an object that has none is within every range.
    return [*(_range(item, words, now) for item in ranges), words.say(N_("What has no date is included."))]


def _range(item: ContractTimeRange, words: Translator, now: datetime) -> str:
    if item.last:
        return _rolling(item.last, words, now)
    start = words.date(_moment(item.from_)) if item.from_ is not None else None
    end = words.date(_moment(item.to)) if item.to is not None else None
    if start and end:
        return words.say(N_("From %(start)s to %(end)s"), start=start, end=end)
    if start:
        return words.say(N_("Since %(start)s, and what is added later"), start=start)
    return words.say(N_("Until %(end)s"), end=end)


def _rolling(last: str, words: Translator, now: datetime) -> str:
    number = int(last[:-1])
    period = {
        "h": lambda: words.count("The last hour", "The last %(num)d hours", number),
        "d": lambda: words.count("The last day", "The last %(num)d days", number),
        "m": lambda: words.count("The last month", "The last %(num)d months", number),
        "y": lambda: words.count("The last year", "The last %(num)d years", number),
    }[last[-1]]()
    return words.say(
        N_("%(period)s, from %(start)s to today"), period=period, start=words.date(start_of_last(last, now))
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- what the app does with the data ---


def _statements(document: ContractDocument, words: Translator) -> list[AppStatement]:
    request = document.reading
    keeping, sharing = request.data_retention, request.external_share_policy
    transport, deleting = request.data_transport_policy, request.gdpr
    return [
        _statement(
            keeping.data_retained,
            app_text(document, keeping, "description", words),
            words,
            N_("Keeping"),
            (N_("The app keeps a copy of your data."), N_("The app keeps no copy of your data.")),
        ),
        _statement(
            sharing.shared_externally,
            app_text(document, sharing, "description", words),
            words,
            N_("Passing on"),
            (N_("The app passes your data on to others."), N_("The app does not pass your data on to others.")),
        ),
        _statement(
            transport.leaves_device,
            app_text(document, transport, "description", words),
            words,
            N_("Where"),
            (N_("Your data leaves your device."), N_("Your data stays on your device.")),
        ),
        _statement(
            deleting.can_request_right_to_be_forgotten,
            app_text(document, deleting, "description", words),
            words,
            N_("Deleting"),
            (
                N_("You can ask the app to delete what it holds about you."),
                N_("The app does not offer to delete what it holds about you."),
            ),
        ),
    ]


def _statement(
    value: bool | None, own_words: AppText, words: Translator, title: str, yes_and_no: tuple[str, str]
) -> AppStatement:
    unknown = "" if own_words else N_("The app does not say.")
    text = unknown if value is None else yes_and_no[0] if value else yes_and_no[1]
    return AppStatement(words.say(title), words.say(text), own_words, value is not None or bool(own_words))
