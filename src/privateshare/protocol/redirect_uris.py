"""Redirect URIs of apps: the check that one is registered, and the parameters that are added to it. Protocol 4.1, 8.3.

An app may add its own query to a registered URI, such as `…/return?user=17`. Everything else must match exactly:
browsers parse addresses in surprising ways (userinfo, backslashes, encoded slashes, the case and the port of a host),
so an address that only resembles a registered one may lead to another server.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote_plus, urlencode

MAX_QUERY_CHARACTERS = 2000  # Applies to the query that an app adds.
# Protocol 8.3.
RETURN_PARAMETERS = ("success", "code", "state", "accountReference", "postboxId", "publicKey", "errorCode")
REVOKE_PARAMETERS = ("result", "errorCode", "error_message")  # Protocol 7.4.

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?((?:[/?].*)?)", re.DOTALL)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")


def is_registered(address: str, registered: str) -> bool:
    """Check that an address is a registered one, with or without a query that the app added.

    A loopback address may have any port, because apps listen on one that is free (RFC 8252 7.3).
    """
    return _is_extended(address, registered) or _is_extended(_without_port(address), _without_port(registered))


def add_parameters(address: str, parameters: Mapping[str, str | None], reserved: Collection[str]) -> str:
    """Add parameters to an app's redirect URI, except those that are None.

    The existing query stays as it is, except for parameters with one of the `reserved` names, which are removed: an app
    must find only what the platform says under these names. Servers parse names in different ways, so the names are
    compared without regard to case, encoding and list syntax, and are found after a semicolon too.
    """
    place, _, query = address.partition("#")[0].partition("?")
    removed = {_plain(name) for name in reserved}
    kept = "&".join(piece for piece in query.split("&") if removed.isdisjoint(_names_of(piece)))
    added = urlencode({name: value for name, value in parameters.items() if value is not None}, quote_via=quote)
    joint = "" if not kept or kept.endswith("&") else "&"
    return quote(f"{place}?{kept}{joint}{added}", safe=_ASCII)


def _is_extended(address: str, registered: str) -> bool:
    if address == registered:
        return True
    mark = "" if registered.endswith(("?", "&")) else "&" if "?" in registered else "?"
    added = address.removeprefix(registered + mark)
    return added != address and _is_query(added)


def _is_query(text: str) -> bool:
    return 0 < len(text) <= MAX_QUERY_CHARACTERS and text.isprintable() and not re.search(r"[#\\ ]", text)


def _without_port(address: str) -> str:
    """Remove the port of a loopback address. Any other address, or one with an invalid port, stays as it is."""
    match = _LOOPBACK.fullmatch(address)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 2**16):
        return address
    return f"http://{match[1]}{match[3]}"


def _names_of(piece: str) -> set[str]:
    return {_plain(unquote_plus(part.partition("=")[0]).partition("[")[0]) for part in piece.split(";")}


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name.lower())
