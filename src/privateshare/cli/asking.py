"""What a contract asks for, from the words of the command line to the contract document of schema 5.0.0."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from privateshare.errors import ConfigurationError, InvalidRequest
from privateshare.protocol.catalogue import CatalogueEntry, catalogue

_READ = re.compile(r"(?P<group>[^/:]+)(/(?P<services>[^/:]+))?(:(?P<objects>[^/:]+))?")


def service_group(words: str) -> dict[str, Any]:
    """One `--read GROUP[/SERVICE,…][:OBJECT,…]`, each by id or name, as an entry of `dataRequest.serviceGroups`.

    Raises ConfigurationError naming the word that the catalogue does not have, and those it has.
    """
    match = _READ.fullmatch(words)
    if match is None:
        raise ConfigurationError(f"--read {words!r} must look like GROUP, GROUP:OBJECT,… or GROUP/SERVICE,…:OBJECT,…")
    group = _find("service group", match["group"], catalogue().service_groups.values())
    if match["services"] is None and match["objects"] is None:
        return {"id": group.id}
    services = _find_all("service type", match["services"], catalogue().service_types.values(), group)
    objects = _find_all("object type", match["objects"], catalogue().object_types.values(), group)
    asked = [{"id": entry.id} for entry in objects]  # spelt out also for all of them: iOS reads no contract without
    return {"id": group.id, "serviceTypes": [{"id": entry.id, "serviceObjectTypes": asked} for entry in services]}


def _find_all(
    what: str, words: str | None, entries: Iterable[CatalogueEntry], group: CatalogueEntry
) -> list[CatalogueEntry]:
    """The named entries of a group; all of them if none is named."""
    of_group = [entry for entry in entries if entry.group == group.id]
    return of_group if words is None else [_find(what, word, of_group) for word in words.split(",")]


def _find(what: str, word: str, entries: Iterable[CatalogueEntry]) -> CatalogueEntry:
    known = list(entries)
    for entry in known:
        if _plain(word) in (str(entry.id), _plain(entry.name), _plain(entry.reference)):
            return entry
    choices = ", ".join(f"{entry.reference} ({entry.id})" for entry in known)
    raise ConfigurationError(f"there is no {what} {word!r}; there are {choices}")


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def time_ranges(last: str | None, since: datetime | None, until: datetime | None) -> list[dict[str, Any]]:
    """The one time range of `--last`, or of `--from` and `--to`, or all. Raises ConfigurationError if they clash."""
    from privateshare.protocol.scope import start_of_last

    if last is not None:
        if since or until:
            raise ConfigurationError("give --last, or --from and --to, not both")
        try:
            start_of_last(last, datetime.now(UTC))
        except InvalidRequest as error:
            raise ConfigurationError(f"--last {last!r} must be a number and one of h, d, m, y, such as 12m") from error
        return [{"last": last}]
    if since and until and since > until:
        raise ConfigurationError("--from is after --to")
    bounds = {"from": since, "to": until}
    given = {name: int(moment.replace(tzinfo=UTC).timestamp()) for name, moment in bounds.items() if moment}
    return [given] if given else [{"type": "all"}]


def data_request(read: Sequence[str], ranges: Sequence[Mapping[str, Any]], purpose: str) -> dict[str, Any]:
    """The `dataRequest` of a contract: what for, which data, which dates."""
    return {"purpose": purpose, "serviceGroups": [service_group(words) for words in read], "timeRanges": list(ranges)}
