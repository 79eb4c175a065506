"""Which device or app a record is from, and which one counts where several measured the same."""

import re
from dataclasses import dataclass
from enum import IntEnum

_HARDWARE = re.compile(r"hardware:([^,>]+(?:,\d+)?)")
_MODEL = re.compile(r"(?:name|model):([^,>]*)")


class Rank(IntEnum):
    """Whose measurement counts, best first: the order that the Health app has unless a person changed it.

    The order that a person chose is not in the export.
    """

    ENTERED = 0  # Entered by the person.
    WATCH = 1
    PHONE = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class Device:
    """The source of a record. `hardware` is Apple's name of it, such as "Watch6,2"."""

    name: str
    hardware: str
    rank: Rank


def device_of(source_name: str, described: str | None) -> Device:
    """Tell the source of a record by its name and by the description of its device."""
    hardware = _HARDWARE.search(described or "")
    model = " ".join(_MODEL.findall(described or ""))
    rank = Rank.OTHER
    if hardware is not None:
        rank = _rank(hardware[1])
    elif described:
        rank = _rank(model)
    if rank is Rank.OTHER and not described:
        # Forwarded records of a watch or phone have no device, but the name that the person gave it.
        rank = _rank(source_name)
    return Device(source_name, hardware[1] if hardware is not None else model.strip(), rank)


def _rank(text: str) -> Rank:
    if "Watch" in text:
        return Rank.WATCH
    return Rank.PHONE if "iPhone" in text or "iPod" in text else Rank.OTHER
