"""The rule for names that are shown to people."""

MAX_NAME_CHARACTERS = 200
# Zero-width joiners are invisible, but Persian, Indian scripts and some emoji cannot be spelled without them.
JOINERS = "\u200c\u200d"


def is_display_name(text: str) -> bool:
    """Check that a text is a valid name: one line of visible characters.

    People decide by names, so invisible characters are rejected, and those that change how the text around them is
    displayed, such as U+202E (right-to-left override).
    """
    is_visible = all(character.isprintable() or character in JOINERS for character in text)
    return is_visible and text == text.strip() and 0 < len(text) <= MAX_NAME_CHARACTERS and text.strip(JOINERS) != ""
