"""The reasons why records of an export are skipped."""

from privateshare.sources.failures import Broken, Reason

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s records has no date or value that can be read.",
    "%(num)s of %(total)s records have no date or value that can be read.",
    Broken("The records of the export have no dates or values that can be read. Export your health data again."),
)
NO_ROUTE = Reason(
    "DamagedRoute",
    "%(num)s of %(total)s records is a route that cannot be read.",
    "%(num)s of %(total)s records are routes that cannot be read.",
    Broken("The routes of the export cannot be read. Export your health data again."),
)
NO_ELECTROCARDIOGRAM = Reason(
    "DamagedElectrocardiogram",
    "%(num)s of %(total)s records is an electrocardiogram that cannot be read.",
    "%(num)s of %(total)s records are electrocardiograms that cannot be read.",
    Broken("The electrocardiograms of the export cannot be read. Export your health data again."),
)


def damaged_file(name: str) -> Broken:
    """Build the problem of a file that can be read only in part."""
    return Broken("Only a part of %(name)s can be read: it is damaged. Export your health data again.", name=name)
