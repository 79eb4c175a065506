"""What a person has chosen so far: read from the form of the consent page, and stored with the journey.

It is stored whenever the form is sent, so that it survives an error, another source, another language, and going back.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.consent.visit import Visit
from privateshare.platform.keys.wrapping import open_value, seal_value

PURPOSE = "choice draft"
MAX_TYPED = 40


class AccountDraft(BaseModel):
    """What is chosen of one account.

    Attributes:
        ticked: Whether the account is shared at all.
        offered: The kinds that the form had boxes for.
        kinds: The kinds whose boxes are ticked.
        offered_groups: The groups of kinds that the form had boxes for.
        groups: The groups whose boxes are ticked.
        later: Whether kinds that come later are shared too.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    ticked: bool = False
    offered: tuple[int, ...] = ()
    kinds: tuple[int, ...] = ()
    offered_groups: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    later: bool = False


class Draft(BaseModel):
    """What is chosen: of each account, from which date on, and for how long. `since` is as the person typed it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)

    accounts: Mapping[UUID, AccountDraft] = {}
    since: str = ""
    duration: str = ""
    recovery: bool = False

    @property
    def since_date(self) -> datetime | None:
        """The date from which on the person shares; None for all dates, or if it is not a date."""
        try:
            return datetime.strptime(self.since, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return None

    def without(self, account_id: UUID) -> "Draft":
        """Return this draft without an account, whose choice then begins anew."""
        kept = {id_: draft for id_, draft in self.accounts.items() if id_ != account_id}
        return self.model_copy(update={"accounts": kept})


def read_draft(fields: Mapping[str, Sequence[str]]) -> Draft:
    """Read the form. Values that no form of ours has are ignored."""
    accounts: dict[UUID, AccountDraft] = {}
    ticked, later = set(_ids(fields.get("account", ()))), set(_ids(fields.get("later", ())))
    offered, kinds = _numbers(fields.get("offered", ())), _numbers(fields.get("kind", ()))
    offered_groups, groups = _named(fields.get("offered-group", ())), _named(fields.get("group", ()))
    for id_ in dict.fromkeys((*ticked, *offered)):
        accounts[id_] = AccountDraft(
            ticked=id_ in ticked,
            offered=tuple(offered.get(id_, ())),
            kinds=tuple(kind for kind in kinds.get(id_, ()) if kind in offered.get(id_, ())),
            offered_groups=tuple(offered_groups.get(id_, ())),
            groups=tuple(groups.get(id_, ())),
            later=id_ in later,
        )
    return Draft(
        accounts=accounts,
        since=_first(fields, "since"),
        duration=_first(fields, "duration"),
        recovery=bool(_first(fields, "recovery")),
    )


def date_problem(draft: Draft, words: Translator, now: datetime) -> str:
    """Say what is wrong with the date from which on the person shares; empty if nothing is."""
    if draft.since and draft.since_date is None:
        return words.say(N_("Write the date as a year, a month and a day, such as 2025-03-31, or leave it empty."))
    if draft.since_date is not None and draft.since_date > now:
        return words.say(N_("Choose a date that is not in the future, or leave it empty."))
    return ""


def load_draft(visit: Visit) -> Draft:
    """Load the draft of a journey; an empty one if the person has not sent the form yet."""
    if visit.journey.sealed_draft is None:
        return Draft()
    opened = open_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, visit.journey.sealed_draft)
    try:
        return Draft.model_validate_json(opened)
    except ValidationError:  # An earlier version of the platform wrote it.
        return Draft()


def save_draft(visit: Visit, draft: Draft) -> None:
    """Store the draft with the journey. Only the person's browser has the key."""
    content = draft.model_dump_json().encode()
    visit.journey.sealed_draft = seal_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, content)


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()[:MAX_TYPED]


def _ids(values: Sequence[str]) -> list[UUID]:
    return [id_ for value in values if (id_ := _id(value)) is not None]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _named(values: Sequence[str]) -> dict[UUID, list[str]]:
    """Read values such as `<account id>:<name>`, by account."""
    found: dict[UUID, list[str]] = {}
    for value in values:
        id_text, _, name = value.partition(":")
        if (id_ := _id(id_text)) is not None and name:
            found.setdefault(id_, []).append(name[:MAX_TYPED])
    return found


def _numbers(values: Sequence[str]) -> dict[UUID, list[int]]:
    """Read values such as `<account id>:<object type>`, by account."""
    return {
        id_: [int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10]
        for id_, names in _named(values).items()
    }
