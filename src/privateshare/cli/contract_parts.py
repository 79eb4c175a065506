"""The parts of a contract document of schema 5.0.0 that the options of commands say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from privateshare.errors import ConfigurationError, InvalidRequest
from privateshare.protocol.catalogue import CatalogueEntry, catalogue

_READ_OPTION = re.compile(r"(?P<group>[^/:]+)(/(?P<services>[^/:]+))?(:(?P<objects>[^/:]+))?")


def service_group(words: str) -> dict[str, Any]:
    """Convert one `--read GROUP[/SERVICE,…][:OBJECT,…]`, by ids or names, to an entry of `dataRequest.serviceGroups`.

    Raises:
        ConfigurationError: A name is not in the catalogue. The message lists the names that are.
    """
    match = _READ_OPTION.fullmatch(words)
    if match is None:
        raise ConfigurationError(
            f"--read {words!r} must have the form GROUP, GROUP:OBJECT,… or GROUP/SERVICE,…:OBJECT,…"
        )
    group = _find("service group", match["group"], catalogue().service_groups.values())
    if match["services"] is None and match["objects"] is None:
        return {"id": group.id}
    services = _find_all("service type", match["services"], catalogue().service_types.values(), group)
    objects = _find_all("object type", match["objects"], catalogue().object_types.values(), group)
    # Object types are listed even if all of them are meant: the iOS client rejects contracts without them.
    object_types = [{"id": entry.id} for entry in objects]
    return {
        "id": group.id,
        "serviceTypes": [{"id": entry.id, "serviceObjectTypes": object_types} for entry in services],
    }


def _find_all(
    what: str, words: str | None, entries: Iterable[CatalogueEntry], group: CatalogueEntry
) -> list[CatalogueEntry]:
    """Find the named entries of a group; without names, return all its entries."""
    of_group = [entry for entry in entries if entry.group == group.id]
    return of_group if words is None else [_find(what, word, of_group) for word in words.split(",")]


def _find(what: str, word: str, entries: Iterable[CatalogueEntry]) -> CatalogueEntry:
    known = list(entries)
    for entry in known:
        if is_named(entry, word):
            return entry
    choices = ", ".join(f"{entry.reference} ({entry.id})" for entry in known)
    raise ConfigurationError(f"there is no {what} {word!r}; choose one of {choices}")


def is_named(entry: CatalogueEntry, word: str) -> bool:
    """Tell whether a word is the id, the name or the reference of an entry, whatever its case and punctuation."""
    return _plain(word) in (str(entry.id), _plain(entry.name), _plain(entry.reference))


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def time_ranges(last: str | None, since: datetime | None, until: datetime | None) -> list[dict[str, Any]]:
    """Convert `--last`, or `--from` and `--to`, to a list with one time range; without them, it is unbounded.

    Raises:
        ConfigurationError: The options are invalid or exclude each other.
    """
    from privateshare.protocol.scope import start_of_last

    if last is not None:
        if since or until:
            raise ConfigurationError("--last cannot be combined with --from or --to")
        try:
            start_of_last(last, datetime.now(UTC))
        except InvalidRequest as error:
            raise ConfigurationError(
                f"--last {last!r} must be a number and a unit (h, d, m or y), such as 12m for 12 months"
            ) from error
        return [{"last": last}]
    if since and until and since > until:
        raise ConfigurationError("--from must not be after --to")
    bounds = {"from": since, "to": until}
    given = {name: int(moment.replace(tzinfo=UTC).timestamp()) for name, moment in bounds.items() if moment}
    return [given] if given else [{"type": "all"}]


def data_request(read: Sequence[str], ranges: Sequence[Mapping[str, Any]], purpose: str) -> dict[str, Any]:
    """Build the `dataRequest` of a contract: purpose, data and time ranges."""
    return {"purpose": purpose, "serviceGroups": [service_group(words) for words in read], "timeRanges": list(ranges)}


def reading_terms(
    retention: bool | None,
    sharing: bool | None,
    leaves_device: bool | None,
    deletion: bool | None,
    needed_days: int | None,
) -> dict[str, Any]:
    """Build the parts of `dataRequest` that say what the app does with the data. What is None is left out."""
    given = {
        "dataRetention": {"dataRetained": retention},
        "externalSharePolicy": {"sharedExternally": sharing},
        "dataTransportPolicy": {"leavesDevice": leaves_device},
        "gdpr": {"canRequestRightToBeForgotten": deletion},
    }
    said: dict[str, Any] = {part: policy for part, policy in given.items() if None not in policy.values()}
    return said if needed_days is None else said | {"neededDays": needed_days}


def merged(document: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Put options into a part of a contract document. What the document says beside them stays."""
    both = {
        name: {**document[name], **value}
        for name, value in options.items()
        if isinstance(value, dict) and isinstance(document.get(name), dict)
    }
    return {**document, **options, **both}


def add_reasons(request: dict[str, Any], reasons: Sequence[str], required: Sequence[str]) -> None:
    """Add the reasons of `--reason` and `--required`, each OBJECT=TEXT, to the object types of a `dataRequest`.

    Raises:
        ConfigurationError: An option has another form, or names an object type that the contract does not read.
    """
    for option, given in (("--reason", reasons), ("--required", required)):
        for words in given:
            name, separator, text = words.partition("=")
            if not separator or not text.strip():
                raise ConfigurationError(f"{option} {words!r} must have the form OBJECT=TEXT")
            fields = {"reason": text.strip()} | ({"required": True} if option == "--required" else {})
            found = [_with_fields(group, name, fields) for group in request["serviceGroups"]]
            if not any(found):
                raise ConfigurationError(f"{option} names {name!r}, which is not among the data of --read")


def _with_fields(group: dict[str, Any], name: str, fields: Mapping[str, Any]) -> bool:
    """Add fields to an object type of a service group; return False if the group does not ask for it."""
    entry = next((one for one in catalogue().object_types_of_group(group["id"]) if is_named(one, name)), None)
    if entry is None:
        return False
    if "serviceTypes" not in group:  # All object types are meant, so they are listed.
        every = [{"id": one.id} for one in catalogue().object_types_of_group(group["id"])]
        services = [one for one in catalogue().service_types.values() if one.group == group["id"]]
        group["serviceTypes"] = [{"id": one.id, "serviceObjectTypes": list(every)} for one in services]
    found = False
    for service in group["serviceTypes"]:
        listed = service["serviceObjectTypes"]
        service["serviceObjectTypes"] = [{**one, **fields} if one["id"] == entry.id else one for one in listed]
        found = found or any(one["id"] == entry.id for one in listed)
    return found
