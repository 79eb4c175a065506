"""The kinds of files that the audit log names, as a person reads them."""

from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.library.session_view import ACCOUNTS, PUSHED
from privateshare.protocol.catalogue import object_type_of


def file_kind_name(words: Translator, kind: str) -> str:
    """Return the name of a kind of files: of an object type, or of one of the two kinds beside those."""
    if kind == ACCOUNTS:
        return words.say(N_("List of your sources"))
    if kind == PUSHED:
        return words.say(N_("Files of apps"))
    object_type = object_type_of(kind, "")
    return words.object_type(object_type) if object_type is not None else words.say(N_("Other"))
