"""The few operations that differ between asyncio and threads.

`on_asyncio` and `on_threads` have the same names. The generator of the blocking client replaces one by the other.
"""


class Abandoned(Exception):
    """Nobody waits for the outcome of the current work any more."""
