"""The apps' pages, Jinja templates that all three frameworks render, and what they tell people."""

from pathlib import Path

from privateshare import InvalidToken, PrivateShareError

TEMPLATES = Path(__file__).with_name("templates")
STOPPED = "You stopped lending, and we keep nothing of yours."


def notice(error: PrivateShareError) -> str:
    """What a person is told of a failure."""
    if error.code == "USER_CANCEL":
        return "You declined, and nothing was shared."
    if error.code == "INVALID_STATE":
        return "That link was not meant for this browser, or is too old. Please start again."
    if isinstance(error, InvalidToken):
        return "You lend us nothing now. Connect again whenever you like."
    return f"That did not work ({error.code}). Please try again."
