"""The failures of sources: exceptions if all data is affected, and a report of skipped entries if some is.

SourceFailure
├── TryLater      the source may work later
├── NeedsLogin    the person must sign in to the source again
└── Broken        the data can never be read
    └── ClientForgotten   the server does not know this platform any more
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from pathlib import PurePosixPath
from typing import Any

MAX_ENDING_CHARACTERS = 12
MAX_NAMED_FILES = 20  # Further files are only counted.
MAX_NAMED_KINDS = 30  # Entries of further kinds are only counted.
MAX_KIND_CHARACTERS = 100
MAX_FILE_NAME_CHARACTERS = 100
THE_FILE = "The file"  # Stands for the name if the upload is a single file.
MAX_RETRY_AFTER_SECONDS = 7 * 24 * 3600
MAX_TEXT_CHARACTERS = 1000  # This limits a text for a person before its placeholders are filled.
_PLACEHOLDER = re.compile(r"%\([a-z_0-9]+\)[sd]|%%")


class SourceFailure(Exception):
    """A source cannot provide its data. It is raised as one of three subclasses.

    If only one object type fails, the source yields a `Skipped` and raises nothing.
    """


class TryLater(SourceFailure):
    """The source is unavailable or limits requests, and may work later. `retry_after` is in seconds, at most a week.

    If the source limits requests, no other worker sends it any before that either.
    """

    def __init__(self, message: str, retry_after: int = 60, *, limited: bool = False) -> None:
        # A source could ask for a pause of centuries, which is no date any more.
        self.retry_after, self.limited = min(retry_after, MAX_RETRY_AFTER_SECONDS), limited
        super().__init__(message)


class NeedsLogin(SourceFailure):
    """The person must sign in to the source again."""


class Broken(SourceFailure):
    """The data can never be read: the archive is damaged, or is not an export of this source.

    Attributes:
        text: The message for the person: what is wrong, then what to do. It is translated for consent pages.
        values: The values of its placeholders, such as %(name)s.
        left_out: What could not be read, if that is the reason.
    """

    def __init__(self, text: str, **values: object) -> None:
        self.text, self.values = text, values
        self.left_out: LeftOut | None = None
        super().__init__(text % values if values else text)


class ClientForgotten(Broken):
    """The server does not accept the platform as a client: it has deleted the registration, or never had it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why entries of an upload are skipped.

    Attributes:
        code: The error code for the app (protocol 6.1).
        one: The message for the person about one entry, with the placeholders %(num)s and %(total)s.
        many: The message about several entries.
        refusal: The error if the upload contains nothing else.
    """

    code: str
    one: str
    many: str
    refusal: Broken = field(compare=False)


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A kind of entries that can be read, and of which nothing is taken.

    Attributes:
        name: What people call them, in the plural. It is translated.
        object_type: Their object type, if they have one. Its name is translated already.
        own_name: What the export calls them, such as a file of it or a type; it is shown as it is.
    """

    name: str = ""
    object_type: int | None = None
    own_name: str = ""


@dataclass(slots=True)
class LeftOut:
    """The report of an upload: how many entries were read, and what was skipped.

    Attributes:
        read: The number of entries that were read.
        entries: The number of skipped entries by reason, and by object type if it is known.
        not_taken: The number of entries by kind that can be read, and of which nothing is taken. That is no loss.
        skipped: The number of files by ending that are not read, since nothing of such files is taken.
        damaged: The files that could not be read completely, and why.
        unused: The files with data that the source does not use, which is no loss.
        more_damaged: The number of further damaged files that are not named.
        more_unused: The number of further unused files that are not named.
        unopened_bytes: The size of the damaged files that could not be read at all.
        estimate: The probable number of entries in the unreadable parts of damaged files.
    """

    read: int = 0
    entries: Counter[tuple[Reason, int | None]] = field(default_factory=Counter)
    not_taken: Counter[NotTaken] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, Broken] = field(default_factory=dict)
    unused: dict[str, Broken] = field(default_factory=dict)
    more_damaged: int = 0
    more_unused: int = 0
    unopened_bytes: int = 0
    estimate: int = 0

    @property
    def count(self) -> int:
        """The number of skipped entries."""
        return self.entries.total()

    @property
    def total(self) -> int:
        """The number of all entries."""
        return self.read + self.count

    @property
    def is_partial(self) -> bool:
        """Whether anything could not be read."""
        return bool(self.entries or self.damaged)

    def by_reason(self) -> Mapping[Reason, int]:
        """Count the skipped entries by reason, most frequent first."""
        found: Counter[Reason] = Counter()
        for (reason, _), number in self.entries.items():
            found[reason] += number
        return dict(found.most_common())

    def leave_out(self, reason: Reason, object_type: int | None = None, number: int = 1) -> None:
        """Count skipped entries."""
        if number:
            self.entries[reason, object_type] += number

    def pass_over(self, kind: NotTaken, number: int = 1) -> None:
        """Count entries that can be read, and of which nothing is taken."""
        if number:
            is_counted = kind in self.not_taken or len(self.not_taken) < MAX_NAMED_KINDS
            self.not_taken[kind if is_counted else OTHERS] += number

    def pass_over_in(self, path: str, number: int = 1) -> None:
        """Count entries of a kind that is not taken. The kind has no name but that of its file."""
        self.pass_over(NotTaken(own_name=shown_name(path)) if path else OTHERS, number)

    def skip_file(self, path: str) -> None:
        """Count a file that is not read, unless a report names it."""
        if shown_name(path) in self.unused:
            return
        ending = PurePosixPath(path).suffix.lower()[:MAX_ENDING_CHARACTERS]
        is_counted = ending in self.skipped or len(self.skipped) < MAX_NAMED_FILES
        self.skipped[ending if is_counted and ending.isprintable() else ""] += 1

    def name_damaged(self, name: str, problem: Broken, unopened_bytes: int = 0) -> None:
        """Record a file that cannot be read completely."""
        self.unopened_bytes += unopened_bytes
        if name in self.damaged or len(self.damaged) < MAX_NAMED_FILES:
            self.damaged[name] = problem
        else:
            self.more_damaged += 1

    def name_unused(self, name: str, problem: Broken) -> None:
        """Record a file with data that the source does not use."""
        if name in self.unused or len(self.unused) < MAX_NAMED_FILES:
            self.unused[name] = problem
        else:
            self.more_unused += 1

    def name_damaged_file(self, path: str, unopened_bytes: int = 0) -> None:
        """Record a file that is damaged, or that lacks its end."""
        name = shown_name(path)
        problem = Broken("%(name)s is damaged, or was not downloaded to its end. Download it again.", name=name)
        self.name_damaged(name, problem, unopened_bytes)

    def name_other_file(self, path: str) -> None:
        """Record a file of something else."""
        name = shown_name(path)
        self.name_unused(name, Broken("%(name)s holds other data. It was not needed.", name=name))

    def add(self, other: "LeftOut") -> None:
        """Add the report of another upload."""
        self.read += other.read
        self.entries += other.entries
        for kind, number in other.not_taken.items():
            self.pass_over(kind, number)
        self.skipped += other.skipped
        for name, problem in other.damaged.items():
            self.name_damaged(name, problem, 0)
        for name, problem in other.unused.items():
            self.name_unused(name, problem)
        self.more_damaged += other.more_damaged
        self.more_unused += other.more_unused
        self.unopened_bytes += other.unopened_bytes
        self.estimate += other.estimate

    def check(self, nothing: Broken) -> None:
        """Check that at least half of the upload could be read.

        Args:
            nothing: The error to raise if nothing was read and no other problem explains it.

        Raises:
            Broken: Nothing was read, or less than half.
        """
        if self.read and self.read >= self.count + self.estimate:
            return
        problem = self._explanation() or nothing
        if self.read:
            problem = Broken("Less than half of what the file holds can be read. Download the export again.")
        problem.left_out = self
        raise problem

    def _explanation(self) -> Broken | None:
        """Return the most frequent problem, if there is any."""
        for reason in self.by_reason():
            return reason.refusal
        return next(iter(self.damaged.values()), None)


def shown_name(path: str) -> str:
    """Return the name of a file in an archive for people: without folders and unprintable characters, shortened.

    An upload that is a single file has no path, and is called "The file".
    """
    if not path:
        return THE_FILE
    name = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    printable = "".join(letter for letter in name if letter.isprintable()) or "?"
    return printable if len(printable) <= MAX_FILE_NAME_CHARACTERS else printable[: MAX_FILE_NAME_CHARACTERS - 1] + "…"


DAMAGED = Reason(
    "Damaged",
    "%(num)s of %(total)s entries is damaged.",
    "%(num)s of %(total)s entries are damaged.",
    Broken("The file is not JSON, or was cut off. Download the export again."),
)
NOT_UTF_8 = Reason(
    "NotUtf8",
    "%(num)s of %(total)s entries is not encoded in UTF-8.",
    "%(num)s of %(total)s entries are not encoded in UTF-8.",
    Broken("The file is not encoded in UTF-8. Export it again, and choose UTF-8 if you can."),
)
TOO_LARGE = Reason(
    "TooLarge",
    "%(num)s of %(total)s entries is larger than any export has.",
    "%(num)s of %(total)s entries are larger than any export has.",
    Broken("The file holds an entry that is larger than any export has. Download the export again."),
)
TOO_DEEP = Reason(
    "TooDeep",
    "%(num)s of %(total)s entries is nested more deeply than in any export.",
    "%(num)s of %(total)s entries are nested more deeply than in any export.",
    Broken("The file is damaged: it is nested more deeply than any export. Download the export again."),
)
LONG_NUMBER = Reason(
    "LongNumber",
    "%(num)s of %(total)s entries has a number with too many digits.",
    "%(num)s of %(total)s entries have a number with too many digits.",
    Broken("The file holds a number with too many digits. Download the export again."),
)
UNKNOWN = Reason(
    "UnknownForm",
    "%(num)s of %(total)s entries is in a form that is not known here.",
    "%(num)s of %(total)s entries are in a form that is not known here.",
    Broken("The file does not hold what an export holds. Download the export again."),
)


OTHERS = NotTaken()  # Nothing is known of them.
# Kinds that several sources have.
DELETED = NotTaken("Deleted entries")
EMPTY = NotTaken("Empty entries")
NOTES_OF_APP = NotTaken("Notes of the app, such as who joined")
OF_OTHERS = NotTaken("Entries by or about others")
OTHER_ACTIVITIES = NotTaken("Other activities")
REPEATED = NotTaken("Repetitions of the same entry")
OLDER = NotTaken("Older versions of entries")


def encode_left_out(left_out: LeftOut) -> dict[str, Any]:
    """Convert a report to a JSON object."""
    return {
        "read": left_out.read,
        "entries": [
            [reason.code, reason.one, reason.many, object_type, number]
            for (reason, object_type), number in left_out.entries.items()
        ],
        "not_taken": [[*astuple(kind), number] for kind, number in left_out.not_taken.items()],
        "skipped": list(left_out.skipped.items()),
        "damaged": [[name, problem.text, problem.values] for name, problem in left_out.damaged.items()],
        "unused": [[name, problem.text, problem.values] for name, problem in left_out.unused.items()],
        "more": [left_out.more_damaged, left_out.more_unused, left_out.estimate],
    }


def decode_left_out(told: Mapping[str, Any]) -> LeftOut:
    """Convert the result of `encode_left_out` back. Raises KeyError, TypeError or ValueError if it is invalid."""
    entries: Counter[tuple[Reason, int | None]] = Counter()
    for code, one, many, object_type, number in told["entries"]:
        entries[_decoded_reason(code, one, many), object_type] = _checked_number(number)
    not_taken: Counter[NotTaken] = Counter()
    for *kind, number in told["not_taken"][: MAX_NAMED_KINDS + 1]:
        not_taken[_decoded_kind(*kind)] = _checked_number(number)
    damaged, unused = (
        {name: decode_problem(text, values) for name, text, values in told[part]} for part in ("damaged", "unused")
    )
    more_damaged, more_unused, estimate = map(_checked_number, told["more"])
    return LeftOut(
        read=_checked_number(told["read"]),
        entries=entries,
        not_taken=not_taken,
        skipped=Counter({ending: _checked_number(number) for ending, number in told["skipped"]}),
        damaged=damaged,
        unused=unused,
        more_damaged=more_damaged,
        more_unused=more_unused,
        estimate=estimate,
    )


def decode_problem(text: Any, values: Mapping[str, Any]) -> Broken:
    """Build the problem that another process described. Raises KeyError, TypeError or ValueError if it is invalid."""
    return Broken(_checked_template(text) if values else _checked_text(text), **values)


def _decoded_reason(code: Any, one: Any, many: Any) -> Reason:
    return Reason(_checked_text(code), _checked_template(one), _checked_template(many), UNKNOWN.refusal)


def _decoded_kind(name: Any, object_type: Any, own_name: Any) -> NotTaken:
    if not all(isinstance(text, str) and len(text) <= MAX_KIND_CHARACTERS for text in (name, own_name)):
        raise ValueError("this is no name of a kind")
    return NotTaken(name, None if object_type is None else _checked_number(object_type), own_name)


def _checked_text(text: Any) -> str:
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARACTERS:
        raise ValueError("this is no text for a person")
    return text


def _checked_template(text: Any) -> str:
    """Check a text with placeholders. One with a width, such as %(num)999999999s, could fill the memory."""
    if "%" in _PLACEHOLDER.sub("", _checked_text(text)):
        raise ValueError("a text has a placeholder of an unknown form")
    return str(text)


def _checked_number(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("this is no number of entries")
    return number


def takes_too_much() -> Broken:
    """Build the error for a file that exceeds the limits of time or memory."""
    return Broken(
        "The file takes more time or memory to read than any export. Download the export again and upload that."
    )


def our_fault() -> Broken:
    """Build the error for a file that cannot be read because of a bug in a source."""
    return Broken(
        "The file cannot be read because of a fault in this service. Try again later, or upload another export."
    )
