"""Every call of the protocol as a flow, by chapter. A chapter is imported when one of its calls is made."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privateshare.sdk.flows import accounts as accounts
    from privateshare.sdk.flows import discovery as discovery
    from privateshare.sdk.flows import oauth as oauth
    from privateshare.sdk.flows import pages as pages
    from privateshare.sdk.flows import push as push
    from privateshare.sdk.flows import reading as reading
    from privateshare.sdk.flows import storage as storage
else:
    CHAPTERS = frozenset({"accounts", "discovery", "oauth", "pages", "push", "reading", "storage"})

    def __getattr__(name: str) -> object:
        if name not in CHAPTERS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"{__name__}.{name}")
