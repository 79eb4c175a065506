"""What a contract asks for, in words: what a person must know before they agree. The document is in `objects.md`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from privateshare.platform.consent.wording import N_, Kinds, Words
from privateshare.platform.db.tables import Contract
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.messages import ServiceGroupScope
from privateshare.protocol.scope import start_of_last
from privateshare.sources.contract import SourceInfo
from privateshare.sources.registry import all_sources

MAX_TEXT = 4000  # of what a contract says in its own words
LINKS = (
    ("homePage", N_("Website")),
    ("privacyPolicy", N_("Privacy policy")),
    ("termsAndConditions", N_("Terms and conditions")),
    ("terms", N_("Terms")),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Kinds of data from one group; `services` is empty where it does not matter which service they come from."""

    group: str
    services: str
    kinds: Kinds


@dataclass(frozen=True, slots=True)
class Statement:
    """What the app says it does, or leaves open (`known` is false); `words` are the app's own."""

    title: str
    told: str
    words: str
    known: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract as a person reads it. `purpose`, `disclaimer` and `agreement` are the app's own words."""

    app: str
    partner: str
    links: Sequence[tuple[str, str]]
    purpose: str
    disclaimer: str
    agreement: str
    asked: Sequence[Asked]
    dates: Sequence[str]
    once: bool
    until: str | None
    statements: Sequence[Statement]


def read_terms(contract: Contract, words: Words, now: datetime) -> Terms:
    """The terms of a contract in one language."""
    document = contract.document
    reading = contract.kind != "write"
    request = _part(document, "dataRequest" if reading else "dataPush")
    return Terms(
        app=contract.application.name,
        partner=contract.application.partner.name,
        links=_links(document, words),
        purpose=_text(request, "purpose"),
        disclaimer=_text(request, "disclaimer"),
        agreement=_text(_part(request, "consentPolicy"), "description"),
        asked=_asked(request, words) if contract.kind == "read" else (),
        dates=_dates(request, words, now) if reading else (),
        once=contract.once,
        until=words.date(contract.expires_at) if contract.expires_at else None,
        statements=_statements(request, words) if reading else (),
    )


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value.strip()[:MAX_TEXT] if isinstance(value, str) else ""


def _links(document: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    resources = _part(document, "resources")
    found = [(words.say(label), _text(resources, name)) for name, label in LINKS]
    return [(label, url) for label, url in found if is_web_address(url)]


def is_web_address(url: str) -> bool:
    """Whether a link to this is safe: it is of the web, and runs nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


# --- which data ---


def _asked(request: Mapping[str, Any], words: Words) -> list[Asked]:
    groups = [ServiceGroupScope.model_validate(group) for group in request.get("serviceGroups") or []]
    return [asked for group in groups for asked in _asked_of_group(group, words)]


def _asked_of_group(group: ServiceGroupScope, words: Words) -> Iterator[Asked]:
    """One entry per set of kinds, however many services it is asked from."""
    services_by_kinds: dict[tuple[int, ...], list[int]] = {}
    for service in group.service_types or ():
        chosen = tuple(item.id for item in service.service_object_types or ())
        services_by_kinds.setdefault(chosen or _kinds_of_service(group.id, service.id), []).append(service.id)
    every = {entry.id for entry in catalogue().service_types.values() if entry.group == group.id}
    for kinds, services in (services_by_kinds or {_kinds_of_group(group.id): sorted(every)}).items():
        named = [] if every <= set(services) else [words.service_type(service) for service in services]
        yield Asked(words.group(group.id), words.both(named), words.kinds(kinds))


def _kinds_of_service(group: int, service_type: int) -> tuple[int, ...]:
    offered = _offered(info for info in _infos() if info.service_type == service_type)
    return offered or _kinds_of_group(group)


def _kinds_of_group(group: int) -> tuple[int, ...]:
    offered = _offered(info for info in _infos() if info.service_group == group)
    return offered or tuple(entry.id for entry in catalogue().object_types_of_group(group))


def _infos() -> Iterator[SourceInfo]:
    return (source.info for source in all_sources().values())


def _offered(infos: Iterator[SourceInfo]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(kind) for info in infos for kind in info.object_types))


# --- which dates ---


def _dates(request: Mapping[str, Any], words: Words, now: datetime) -> list[str]:
    ranges = [item for item in request.get("timeRanges") or [] if isinstance(item, Mapping)]
    if not ranges or any(item.get("type") == "all" for item in ranges):
        return [words.say(N_("Data of any date, however old"))]
    # an object without a date is within every range: protocol 5.2 bounds times, and it has none
    return [*(_range(item, words, now) for item in ranges), words.say(N_("What has no date is included."))]


def _range(item: Mapping[str, Any], words: Words, now: datetime) -> str:
    if item.get("last"):
        return _rolling(str(item["last"]), words, now)
    start = words.date(_moment(item["from"])) if item.get("from") is not None else None
    end = words.date(_moment(item["to"])) if item.get("to") is not None else None
    if start and end:
        return words.say(N_("From %(start)s to %(end)s"), start=start, end=end)
    if start:
        return words.say(N_("Since %(start)s, and what is added later"), start=start)
    return words.say(N_("Until %(end)s"), end=end)


def _rolling(last: str, words: Words, now: datetime) -> str:
    number = int(last[:-1])
    told = {
        "h": lambda: words.count("The last hour", "The last %(num)d hours", number),
        "d": lambda: words.count("The last day", "The last %(num)d days", number),
        "m": lambda: words.count("The last month", "The last %(num)d months", number),
        "y": lambda: words.count("The last year", "The last %(num)d years", number),
    }[last[-1]]()
    return words.say(N_("%(period)s, from %(start)s to today"), period=told, start=words.date(start_of_last(last, now)))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- what happens with it ---


def _statements(request: Mapping[str, Any], words: Words) -> list[Statement]:
    return [
        _statement(
            _part(request, "dataRetention"),
            "dataRetained",
            words,
            N_("Keeping"),
            (N_("The app keeps a copy of your data."), N_("The app keeps no copy of your data.")),
        ),
        _statement(
            _part(request, "externalSharePolicy"),
            "sharedExternally",
            words,
            N_("Passing on"),
            (N_("The app passes your data on to others."), N_("The app does not pass your data on to others.")),
        ),
        _statement(
            _part(request, "dataTransportPolicy"),
            "leavesDevice",
            words,
            N_("Where"),
            (N_("Your data leaves your device."), N_("Your data stays on your device.")),
        ),
        _statement(
            _part(request, "gdpr"),
            "canRequestRightToBeForgotten",
            words,
            N_("Deleting"),
            (
                N_("You can ask the app to delete what it holds about you."),
                N_("The app does not offer to delete what it holds about you."),
            ),
        ),
    ]


def _statement(policy: Mapping[str, Any], flag: str, words: Words, title: str, told: tuple[str, str]) -> Statement:
    value, own_words = policy.get(flag), _text(policy, "description")
    known = isinstance(value, bool)
    said = (told[0] if value else told[1]) if known else ("" if own_words else N_("The app does not say."))
    return Statement(words.say(title), words.say(said), own_words, known or bool(own_words))
