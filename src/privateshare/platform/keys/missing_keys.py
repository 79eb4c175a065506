"""Whether this process has met a row that needs a master key which is not in its settings."""


class MissingMasterKeys:
    """A note that a master key was missing, until a look at all rows says that none is missing any more.

    That look reads a whole table, so the readiness check does it only after such a row was met.
    """

    def __init__(self) -> None:
        self.suspected = False

    def note(self) -> None:
        """Note that a row could not be opened with the listed keys."""
        self.suspected = True

    def clear(self) -> None:
        """Forget the note."""
        self.suspected = False
