"""The note on an uploaded file: how much of it was read, what was not, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from privateshare.platform.consent.translation import N_, Translator, isolated_text
from privateshare.sources.failures import OTHERS, REPEATED, LeftOut

MAX_KINDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class UploadNote:
    """An upload in words.

    Attributes:
        id: Of the archive.
        read: How many entries were read.
        left_out: What was not read and why, a sentence or two each; nothing if all was read.
        unused: The files that hold something else.
        name: The name of the file on the person's device, and from when to when its entries are; empty if unknown.
    """

    id: UUID
    read: str
    left_out: Sequence[str]
    unused: Sequence[str]
    name: str = ""


def upload_note(words: Translator, archive_id: UUID, left_out: LeftOut) -> UploadNote:
    """Write the note on an upload."""
    number = left_out.read
    read = words.count("%(num)s entry was read.", "%(num)s entries were read.", number, num=words.number(number))
    unused = [words.problem(problem) for problem in left_out.unused.values()]
    others = [*unused, *_more(words, left_out.more_unused), *_skipped(words, left_out)]
    return UploadNote(archive_id, read, left_out_words(words, left_out), others)


def left_out_words(words: Translator, left_out: LeftOut) -> list[str]:
    """Say what was not read of an upload: a sentence for each reason, and for each damaged file."""
    reasons = [words.left_out(reason, number, left_out.total) for reason, number in left_out.by_reason().items()]
    reasons += _not_taken(words, left_out)
    damaged = [words.problem(problem) for problem in left_out.damaged.values()]
    return [*reasons, *damaged, *_more(words, left_out.more_damaged)]


def _not_taken(words: Translator, left_out: LeftOut) -> list[str]:
    """Say of which kinds nothing is taken, and how many entries they have, the most frequent first."""
    named: Counter[str] = Counter()
    for kind, number in left_out.not_taken.items():
        if kind != REPEATED:
            named[words.not_taken(kind)] += number
    shown = Counter(dict(named.most_common(MAX_KINDS_SHOWN)))
    if len(named) > len(shown):
        shown[words.not_taken(OTHERS)] += named.total() - shown.total()
    text = N_("%(kind)s (%(num)s): nothing of this is taken.")
    told = [words.say(text, kind=kind, num=words.number(number)) for kind, number in shown.items()]
    if repeated := left_out.not_taken[REPEATED]:
        text = N_("%(kind)s (%(num)s): each entry is kept once.")
        told.append(words.say(text, kind=words.not_taken(REPEATED), num=words.number(repeated)))
    return told


def _skipped(words: Translator, left_out: LeftOut) -> list[str]:
    number = left_out.skipped.total()
    if not number:
        return []
    endings = [f"{ending or '–'} ({words.number(files)})" for ending, files in left_out.skipped.most_common()]
    return [
        words.count(
            "%(num)s file of a kind of which nothing is taken: %(endings)s",
            "%(num)s files of kinds of which nothing is taken: %(endings)s",
            number,
            endings=words.comma.join(isolated_text(ending) for ending in endings),
        )
    ]


def _more(words: Translator, number: int) -> list[str]:
    if not number:
        return []
    return [words.count("And %(num)s more file.", "And %(num)s more files.", number, num=words.number(number))]
