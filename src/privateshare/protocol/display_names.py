"""The rule for names that are shown to people."""

import unicodedata
from itertools import pairwise

MAX_NAME_CHARACTERS = 200
MAX_MARKS_PER_LETTER = 4  # Vietnamese has two marks, Hebrew with cantillation four.
# Zero-width joiners are invisible, but Persian, Indian scripts and some emoji cannot be spelled without them.
JOINERS = "\u200c\u200d"
EMOJI_STYLES = "\ufe0e\ufe0f"  # Invisible characters that choose the style of the symbol before them.
LAST_LATIN = "\u02ff"  # No letter up to this one needs a joiner.
# Characters that Unicode classifies as printable, but that are displayed as blanks.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\U0001d159")


def is_display_name(text: str) -> bool:
    """Check that a text is a valid name: one line of visible characters.

    People decide by names, so invisible characters are rejected, and those that change how the text around them is
    displayed, such as U+202E (right-to-left override).
    """
    if not 0 < len(text) <= MAX_NAME_CHARACTERS or text != text.strip() or text.strip(JOINERS) == "":
        return False
    marks = 0
    for before, character in pairwise(f" {text}"):
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks > MAX_MARKS_PER_LETTER or (marks and before == " ") or not _is_visible(before, character):
            return False
    return True


def is_display_text(text: str) -> bool:
    """Check that a text of several lines has only characters that are visible, or nothing at all."""
    return all(
        _is_visible(before, character) for before, character in pairwise(f" {text}") if character not in "\r\n\t"
    )


def _is_visible(before: str, character: str) -> bool:
    """Check that a character is visible, or is needed to display the previous one."""
    if character in JOINERS:
        return before > LAST_LATIN and before not in JOINERS
    if character in EMOJI_STYLES:
        return unicodedata.category(before) in ("So", "Sm", "Sk", "Nd", "Po")
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":  # Variation selectors.
        return False
    return character.isprintable() and character not in _BLANK
