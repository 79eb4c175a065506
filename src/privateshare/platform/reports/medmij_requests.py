"""What was asked of MedMij's care providers, kept sealed with each account for the portability report. Protocol 12.3.

Of each object type, the last request for all of it and, if there was one since, the last for what had changed.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.sources.contract import MedMijService

COLLECTED = "collected"


@dataclass(frozen=True, slots=True)
class DataServiceRequest:
    """A request that was answered to its end. `whole`: it was for all of a type, not for what had changed."""

    object_type: int
    address: str = field(repr=False)
    at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class RequestLog:
    """What was asked of one data service."""

    service: MedMijService
    asked: tuple[DataServiceRequest, ...]


def collected_of(account: AccountRow, library: OpenLibrary) -> RequestLog | None:
    """What was asked for an account; None if nothing was, or its source is none of MedMij's."""
    if account.sealed_collected is None:
        return None
    opened = library.account(account.id).open(COLLECTED, account.id, account.sealed_collected)
    told: dict[str, Any] = orjson.loads(opened)
    asked = (DataServiceRequest(**one | {"at": datetime.fromisoformat(one["at"])}) for one in told["asked"])
    return RequestLog(MedMijService(**told["service"]), tuple(asked))


def record_collected(
    account: AccountRow, library: OpenLibrary, service: MedMijService, asked: Iterable[DataServiceRequest]
) -> None:
    """Adds what a sync asked; what it asked again takes the place of what was asked before."""
    before = collected_of(account, library)
    known = before.asked if before and before.service == service else ()
    kept = {(one.object_type, one.whole): one for one in known}
    for one in asked:
        if one.whole:
            kept.pop((one.object_type, False), None)
        kept[one.object_type, one.whole] = one
    told = {
        "service": asdict(service),
        "asked": [asdict(one) | {"at": one.at.astimezone(UTC).isoformat()} for one in kept.values()],
    }
    account.sealed_collected = library.account(account.id).seal(COLLECTED, account.id, orjson.dumps(told))
