"""The sources that a person may connect for a contract."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from privateshare.platform.consent.link_parameters import LinkParameters
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.sources_scope import in_sources_scope
from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.visit import Visit
from privateshare.platform.db.tables import ContractRow, ProviderRow
from privateshare.protocol.catalogue import SourceType, catalogue
from privateshare.protocol.scope import ObjectKind, Reach, reach_of_contract
from privateshare.sources.contract import Source, SourceInfo

# Apple Health: iOS apps read it on the person's phone, so its data never reaches the platform.
ON_DEVICE_SOURCES = frozenset({260})
MAX_TILES_SHOWN = 60
PROVIDER_SEPARATOR = ":"  # Stands between the id of a source and that of a health provider.


@dataclass(frozen=True, slots=True)
class Tile:
    """A source in the picker. `mark` is its drawing."""

    id: int
    name: str
    only_samples: bool
    mark: Markup


@dataclass(frozen=True, slots=True)
class ProviderTile:
    """A health provider in the picker. `value` names it and its source in the form."""

    value: str
    name: str
    place: str
    server: str
    mark: Markup


@dataclass(frozen=True, slots=True)
class TileGroup:
    """The sources of one service group."""

    name: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class SourcePicker:
    """The tiles of the picker. It leaves out `left_out` more, which a search finds."""

    groups: Sequence[TileGroup]
    left_out: int


def contract_reach(contract: ContractRow, now: datetime) -> Reach:
    """Return what a contract may read now."""
    return reach_of_contract(contract.document, now)


def shared_kinds(reach: Reach, info: SourceInfo) -> list[int]:
    """List the object types of a source that lie within a contract's reach."""
    kinds = (ObjectKind(info.service_group, info.service_type, int(object_type)) for object_type in info.object_types)
    return [kind.object_type for kind in kinds if kind.object_type is not None and reach.allows_kind(kind)]


def asks_for_sources(visit: Visit) -> bool:
    """Tell whether the person connects sources here: to read from, or to push to if the link asks for it."""
    kind = visit.contract.kind
    return kind == "read" or (kind == "write" and visit.parameters.source_type == "push")


def allowed_sources(visit: Visit) -> dict[int, Source]:
    """List the sources, by id, that this contract may ask for and this link offers. Protocol 8.2.

    For a write contract, only sources that accept pushed data are offered; its reading scope is ignored.
    """
    parameters, sources = visit.parameters, visit.platform.sources
    writes = visit.contract.kind == "write"
    reach = contract_reach(visit.contract, visit.now)
    wanted = SourceType.PUSH if writes else SourceType[parameters.source_type.upper()]
    sample_sources_allowed = (
        parameters.include_sample_data_only_sources
        or parameters.sample_data_auto_onboard
        or parameters.sample_data_set is not None
    )
    return {
        id_: source
        for id_, source in sources.connectable.items()
        if wanted in sources.listed[id_].types
        and (source.info.has_own_data or sample_sources_allowed)
        and _is_asked_for(source.info, reach, parameters, writes=writes)
    }


def _is_asked_for(info: SourceInfo, reach: Reach, parameters: LinkParameters, *, writes: bool) -> bool:
    if writes:
        return bool(info.takes)
    kinds = shared_kinds(reach, info)
    # The scope limits the picker, which a link that names its source does not show.
    scope = parameters.sources_scope if parameters.service is None else None
    return bool(kinds) and in_sources_scope(scope, info.service_group, kinds)


def source_on_device(visit: Visit) -> int | None:
    """Return the link's source if the app itself reads it on the person's device and the contract allows that."""
    service = visit.parameters.service
    if visit.contract.kind != "read" or service is None or service not in ON_DEVICE_SOURCES:
        return None
    source, reach = catalogue().sources[service], contract_reach(visit.contract, visit.now)
    kinds = (
        ObjectKind(group, source.service_type, entry.id)
        for group in source.groups
        for entry in catalogue().object_types_of_group(group)
    )
    return service if any(reach.allows_kind(kind) for kind in kinds) else None


def picker(sources: dict[int, Source], search: str, words: Translator) -> SourcePicker:
    """Build the picker of the sources whose names match the search, sorted by group and name."""
    found = sorted(_matching(sources, search, words), key=lambda pair: (pair[0], pair[1].name.casefold()))
    shown = found[:MAX_TILES_SHOWN]
    groups = dict.fromkeys(group for group, _ in shown)
    return SourcePicker(
        [TileGroup(words.group(group), [tile for owner, tile in shown if owner == group]) for group in groups],
        len(found) - len(shown),
    )


def provider_tiles(sources: Mapping[int, Source], rows: Sequence[ProviderRow]) -> list[ProviderTile]:
    """Build the tiles of health providers, if one of these sources has a directory."""
    source = next((source for source in sources.values() if source.info.has_directory), None)
    if source is None:
        return []
    return [
        ProviderTile(
            f"{source.info.id}{PROVIDER_SEPARATOR}{row.id}",
            row.name,
            row.place,
            row.server.removeprefix("https://"),
            draw_mark(row.name, None),
        )
        for row in rows
    ]


def _matching(sources: dict[int, Source], search: str, words: Translator) -> Iterator[tuple[int, Tile]]:
    wanted = search.casefold().split()
    for id_, source in sources.items():
        name = words.source(id_)
        searched = f"{name} {words.group(source.info.service_group)}".casefold()
        if all(word in searched for word in wanted):
            yield (
                source.info.service_group,
                Tile(id_, name, not source.info.has_own_data, draw_mark(name, source.info.brand)),
            )
