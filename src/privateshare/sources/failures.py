"""How a source fails: as a whole, by an exception, or in part, which is counted.

SourceFailure
├── TryLater      it may work later
├── NeedsLogin    the person must sign in to the source again
└── Broken        it will never work
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_FILES = 20  # named; of more it is told how many they are
MAX_NAME = 100  # characters of a file's name
THE_FILE = "The file"  # in the place of a name, where the upload is all there is


class SourceFailure(Exception):
    """A source cannot give its data now. Three kinds are raised; a single object type that fails is a `Skipped`."""


class TryLater(SourceFailure):
    """It may work later: the source is down or asks for patience. `retry_after` in seconds."""

    def __init__(self, message: str, retry_after: int = 60) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class NeedsLogin(SourceFailure):
    """The person must sign in to the source again."""


class Broken(SourceFailure):
    """It will never work: an archive that is damaged, or that is something else.

    Attributes:
        text: For the person, in the words of a page: what is wrong, then what to do.
        values: What fills its gaps, such as %(name)s, so that it can be translated before they do.
        left_out: What could not be read, if that is why.
    """

    def __init__(self, text: str, **values: object) -> None:
        self.text, self.values = text, values
        self.left_out: LeftOut | None = None
        super().__init__(text % values if values else text)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why entries of an upload are left out.

    Attributes:
        code: What the app is told (protocol 6.1).
        one: What the person is told of one entry, in a sentence with the gaps %(num)s and %(total)s.
        many: The same of several entries.
        refusal: What the person is told where nothing else is in the upload.
    """

    code: str
    one: str
    many: str
    refusal: Broken = field(compare=False)


@dataclass(slots=True)
class LeftOut:
    """What was read of an upload, and what was not.

    Attributes:
        read: How many entries were read.
        entries: How many were left out, by reason, and by object type where that is known.
        damaged: The files of which something is missing, or in which nothing could be read, and why.
        unused: Files that hold something else than the source is about, which is no loss.
        more_damaged: How many damaged files there are beside those named.
        more_unused: How many unused files there are beside those named.
        unopened_bytes: How many bytes the damaged files have of which nothing could be read.
        estimate: How many entries were probably in what could not be read of the damaged files.
    """

    read: int = 0
    entries: Counter[tuple[Reason, int | None]] = field(default_factory=Counter)
    damaged: dict[str, Broken] = field(default_factory=dict)
    unused: dict[str, Broken] = field(default_factory=dict)
    more_damaged: int = 0
    more_unused: int = 0
    unopened_bytes: int = 0
    estimate: int = 0

    @property
    def count(self) -> int:
        """How many entries were left out."""
        return self.entries.total()

    @property
    def total(self) -> int:
        """How many entries there were."""
        return self.read + self.count

    @property
    def is_partial(self) -> bool:
        """Whether anything is lost."""
        return bool(self.entries or self.damaged)

    def by_reason(self) -> Mapping[Reason, int]:
        """How many entries were left out for each reason, most first."""
        found: Counter[Reason] = Counter()
        for (reason, _), number in self.entries.items():
            found[reason] += number
        return dict(found.most_common())

    def leave_out(self, reason: Reason, object_type: int | None = None, number: int = 1) -> None:
        """Counts entries that are left out."""
        if number:
            self.entries[reason, object_type] += number

    def name_damaged(self, name: str, problem: Broken, unopened_bytes: int = 0) -> None:
        """Notes a file that cannot be read, or not to its end."""
        self.unopened_bytes += unopened_bytes
        if name in self.damaged or len(self.damaged) < MAX_FILES:
            self.damaged[name] = problem
        else:
            self.more_damaged += 1

    def name_unused(self, name: str, problem: Broken) -> None:
        """Notes a file that holds something else."""
        if name in self.unused or len(self.unused) < MAX_FILES:
            self.unused[name] = problem
        else:
            self.more_unused += 1

    def add(self, other: "LeftOut") -> None:
        """Adds what was read and left out of another upload."""
        self.read += other.read
        self.entries += other.entries
        for name, problem in other.damaged.items():
            self.name_damaged(name, problem, 0)
        for name, problem in other.unused.items():
            self.name_unused(name, problem)
        self.more_damaged += other.more_damaged
        self.more_unused += other.more_unused
        self.unopened_bytes += other.unopened_bytes
        self.estimate += other.estimate

    def check(self, nothing: Broken) -> None:
        """Raises Broken if nothing was read, or less than half. `nothing` is raised where nothing else explains it."""
        if self.read and self.read >= self.count + self.estimate:
            return
        problem = self._explanation() or nothing
        if self.read:
            problem = Broken("Less than half of what the file holds can be read. Download the export again.")
        problem.left_out = self
        raise problem

    def _explanation(self) -> Broken | None:
        """The most important problem, where nothing could be read."""
        for reason in self.by_reason():
            return reason.refusal
        return next(iter(self.damaged.values()), None)


def shown_name(path: str) -> str:
    """The name of a file in an archive as a person is shown it: without folders, and without what is no letter."""
    name = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    printable = "".join(letter for letter in name if letter.isprintable()) or "?"
    return printable if len(printable) <= MAX_NAME else printable[: MAX_NAME - 1] + "…"


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


def encode_left_out(left_out: LeftOut) -> dict[str, Any]:
    """What can be written as JSON, from which `decode_left_out` makes the same again."""
    return {
        "read": left_out.read,
        "entries": [
            [reason.code, reason.one, reason.many, object_type, number]
            for (reason, object_type), number in left_out.entries.items()
        ],
        "damaged": [[name, problem.text, problem.values] for name, problem in left_out.damaged.items()],
        "unused": [[name, problem.text, problem.values] for name, problem in left_out.unused.items()],
        "more": [left_out.more_damaged, left_out.more_unused, left_out.estimate],
    }


def decode_left_out(told: Mapping[str, Any]) -> LeftOut:
    """What `encode_left_out` made this of. Raises KeyError, TypeError or ValueError if that is not so."""
    entries: Counter[tuple[Reason, int | None]] = Counter()
    for code, one, many, object_type, number in told["entries"]:
        entries[Reason(code, one, many, UNKNOWN.refusal), object_type] = number
    damaged, unused = (
        {name: Broken(text, **values) for name, text, values in told[part]} for part in ("damaged", "unused")
    )
    more_damaged, more_unused, estimate = told["more"]
    return LeftOut(told["read"], entries, damaged, unused, more_damaged, more_unused, estimate)


def takes_too_much() -> Broken:
    """What is told of a file that was not read to its end within the limits of time and memory."""
    return Broken(
        "The file takes more time or memory to read than any export. Download the export again and upload that."
    )


def our_fault() -> Broken:
    """What is told of a file that a fault of ours keeps from being read."""
    return Broken(
        "The file cannot be read because of a fault in this service. Try again later, or upload another export."
    )
