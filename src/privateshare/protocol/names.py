"""Names that are shown to people: what they may hold."""

MAX_NAME = 200  # characters
JOINERS = "\u200c\u200d"  # without which words of Persian and of Indian scripts, and some signs, are spelled wrong


def is_name(text: str) -> bool:
    """Tell whether a text can be a name: one line that shows all that is in it.

    What does not show, or changes how other words around it are read, such as U+202E, has no place in a name that
    people go by when they decide.
    """
    shows = all(character.isprintable() or character in JOINERS for character in text)
    return shows and text == text.strip() and 0 < len(text) <= MAX_NAME and text.strip(JOINERS) != ""
