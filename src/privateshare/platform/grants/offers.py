"""The sources that are offered to a person for a contract. Protocol 8.2, 9.1."""

from collections.abc import Sequence

from privateshare.platform.db.tables import ContractRow
from privateshare.sources.registry import Sources


def offered_sources(sources: Sources, contract: ContractRow | None, *, samples_only: bool) -> Sequence[int]:
    """List the ids of the sources that this platform can connect and, if a contract is given, that it asks for.

    Sources with only sample data are included if `samples_only` is true.
    """
    return [
        source.info.id
        for source in sources.connectable.values()
        if (samples_only or source.info.has_own_data)
        and (contract is None or asks_for(sources, contract, source.info.id))
    ]


def asks_for(sources: Sources, contract: ContractRow, source_id: int) -> bool:
    """Return whether a contract reads data that a source provides, or writes data that a source accepts."""
    if contract.kind == "write":
        return bool(sources.connectable[source_id].info.takes)
    source = sources.listed[source_id]
    for group in contract.document.reading.service_groups:
        services = [service.id for service in group.service_types or ()]
        if group.id in source.groups and (not services or source.service_type in services):
            return True
    return False
