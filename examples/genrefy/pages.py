"""The pages of the apps, as Jinja templates that all three frameworks render, and their messages."""

from pathlib import Path

from privateshare import (
    ConsentDeclined,
    ConsentLinkInvalid,
    InvalidToken,
    PrivateShareError,
    SourceNotConnected,
    UnexpectedReturn,
)

TEMPLATES = Path(__file__).with_name("templates")
STOPPED = "You stopped lending, and we keep nothing of yours."


def notice(error: PrivateShareError) -> str:
    """Tell a person in plain words what failed."""
    if isinstance(error, ConsentDeclined):
        return "You declined, and nothing was shared."
    if isinstance(error, UnexpectedReturn):
        return "That link was not meant for this browser, or is too old. Please start again."
    if isinstance(error, ConsentLinkInvalid):
        return "That link was used before, or is too old. Please start again."
    if isinstance(error, SourceNotConnected):
        return "The source could not be connected. Please try again, or choose another."
    if isinstance(error, InvalidToken):
        return "You lend us nothing now. Connect again whenever you like."
    return f"That did not work ({error.code}). Please try again."
