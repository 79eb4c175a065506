"""What differs between two versions of a contract document: what a person must agree to, and what became less.

A consent is for the version that the person saw. Whatever a later version has beyond that is not covered by it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.contract_document import ContractDocument, DataRequest
from privateshare.protocol.scope import ObjectKind, Reach, reach_of_contract


class ContractSubject(StrEnum):
    """What a difference is about."""

    DATA = "data"
    DATES = "dates"
    PURPOSE = "purpose"
    NEEDED = "needed data"
    KEEPING = "keeping"
    PASSING_ON = "passing on"
    TRANSPORT = "where the data is"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference. `grows` tells whether the later version takes or does more than the person agreed to."""

    subject: ContractSubject
    grows: bool
    text: str


def differences(before: ContractDocument, after: ContractDocument, now: datetime) -> list[Difference]:
    """Compare two versions of a contract document.

    Args:
        before: The version that the person saw.
        after: The later version.
        now: The time from which periods such as the last 12 months are counted back.
    """
    found = [*_data(before, after, now), *_dates(before, after, now), *_texts(before, after)]
    found += [*_needed(before.reading, after.reading), *_statements(before.reading, after.reading)]
    return found


def grown_subjects(before: ContractDocument, after: ContractDocument, now: datetime) -> Sequence[ContractSubject]:
    """List what the later version has more of, each subject once."""
    return list(dict.fromkeys(one.subject for one in differences(before, after, now) if one.grows))


def _data(before: ContractDocument, after: ContractDocument, now: datetime) -> Iterator[Difference]:
    earlier, later = reach_of_contract(before, now), reach_of_contract(after, now)
    for kind in _beyond(later, earlier):
        yield Difference(ContractSubject.DATA, True, f"also {describe_kind(kind)}")
    for kind in _beyond(earlier, later):
        yield Difference(ContractSubject.DATA, False, f"no longer all of {describe_kind(kind)}")
    if before.reading.criteria != after.reading.criteria:
        yield Difference(ContractSubject.DATA, True, "other criteria for pushed files")


def _beyond(wide: Reach, narrow: Reach) -> list[ObjectKind]:
    return [kind for kind in wide.kinds or () if not narrow.allows_kind(kind)]


def describe_kind(kind: ObjectKind) -> str:
    """Name a set of objects with the names of the catalogue, such as Entertainment, Spotify, Playlist."""
    known = catalogue()
    ids = (
        (known.service_groups, kind.group),
        (known.service_types, kind.service_type),
        (known.object_types, kind.object_type),
    )
    return ", ".join(entries[id_].name if id_ in entries else str(id_) for entries, id_ in ids if id_ is not None)


def _dates(before: ContractDocument, after: ContractDocument, now: datetime) -> Iterator[Difference]:
    earlier, later = reach_of_contract(before, now), reach_of_contract(after, now)
    if _exceeds(later, earlier):
        yield Difference(ContractSubject.DATES, True, "other dates, some of which were not asked for")
    elif _exceeds(earlier, later):
        yield Difference(ContractSubject.DATES, False, "fewer dates")


def _exceeds(wide: Reach, narrow: Reach) -> bool:
    """Tell whether a reach has times that another one lacks."""
    if narrow.windows is None:
        return False
    return wide.windows is None or not all(narrow.covers(window) for window in wide.windows)


def _texts(before: ContractDocument, after: ContractDocument) -> Iterator[Difference]:
    for one, other in ((before.reading, after.reading), (before.writing, after.writing)):
        earlier = (one.purpose, one.disclaimer, one.consent_policy.description)
        if (one.purpose or other.purpose) and earlier != (
            other.purpose,
            other.disclaimer,
            other.consent_policy.description,
        ):
            yield Difference(ContractSubject.PURPOSE, True, "another purpose, or other words for it")


def _needed(before: DataRequest, after: DataRequest) -> Iterator[Difference]:
    earlier, later = _required_kinds(before), _required_kinds(after)
    for kind in sorted(later - earlier):
        yield Difference(
            ContractSubject.NEEDED, True, f"{describe_kind(ObjectKind(*kind))} cannot be left out any more"
        )
    for kind in sorted(earlier - later):
        yield Difference(ContractSubject.NEEDED, False, f"{describe_kind(ObjectKind(*kind))} can be left out")


def _required_kinds(request: DataRequest) -> set[tuple[int, int, int]]:
    return {
        (group.id, service.id, kind.id)
        for group in request.requested
        for service in group.service_types
        for kind in service.service_object_types
        if kind.required
    }


Statement = Callable[[DataRequest], bool | None]
# What an app says that it does, with the answer that is worst for the person.
_STATEMENTS: Sequence[tuple[ContractSubject, str, Statement, bool]] = (
    (ContractSubject.KEEPING, "keeps a copy of the data", lambda asked: asked.data_retention.data_retained, True),
    (
        ContractSubject.PASSING_ON,
        "passes the data on to others",
        lambda asked: asked.external_share_policy.shared_externally,
        True,
    ),
    (
        ContractSubject.TRANSPORT,
        "takes the data off the device",
        lambda asked: asked.data_transport_policy.leaves_device,
        True,
    ),
    (
        ContractSubject.DELETION,
        "deletes the data on request",
        lambda asked: asked.gdpr.can_request_right_to_be_forgotten,
        False,
    ),
)


def _statements(before: DataRequest, after: DataRequest) -> Iterator[Difference]:
    """Compare what the app says that it does. What it does not say is between the good and the bad answer."""
    for subject, what, statement, worst in _STATEMENTS:
        earlier, later = statement(before), statement(after)
        if earlier != later:
            grows = later is worst or (later is None and earlier is not worst)
            said = {
                True: "the app now says that it",
                False: "the app now says that it never",
                None: "the app no longer says whether it",
            }
            yield Difference(subject, grows, f"{said[later]} {what}")
