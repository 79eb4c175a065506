"""The reasons why entries of an export are skipped."""

from privateshare.sources.failures import Broken, Reason

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s entries has no date or content that can be read.",
    "%(num)s of %(total)s entries have no date or content that can be read.",
    Broken("The entries of the export have no dates that can be read. Request the export again."),
)
