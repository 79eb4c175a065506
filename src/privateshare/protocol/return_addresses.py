"""The addresses that people come back to an app by: which are registered, and what is added to them. Protocol 4.1, 8.3.

An app may add a query of its own to a registered address, such as `…/return?user=17`. The rest stays letter for letter:
browsers read addresses in ways that are easily got wrong (userinfo, backslashes, encoded slashes, the case and the port
of a host), so that an address which is only like a registered one may lead elsewhere.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote_plus, urlencode

MAX_OWN_QUERY = 2000  # characters that an app may add
RETURNED = ("success", "code", "state", "accountReference", "postboxId", "publicKey", "errorCode")  # protocol 8.3
RETURNED_BY_REVOKE = ("result", "errorCode", "error_message")  # protocol 7.4

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?((?:[/?].*)?)", re.DOTALL)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")


def is_registered(address: str, registered: str) -> bool:
    """Tell whether an address is a registered one, with or without a query that the app added.

    The port of a loopback address is whatever was free. RFC 8252 7.3.
    """
    return _is_extended(address, registered) or _is_extended(_without_port(address), _without_port(registered))


def with_answer(address: str, answer: Mapping[str, str | None], names: Collection[str]) -> str:
    """Add what an app is told to its address; what is None is left out.

    The query that the address has stays as it is, but for parameters with one of `names`, which are ours: an app that
    looks for them must find what the platform says. Servers read names in different ways, so a name counts as ours in
    any case, encoding and form of list, and after a semicolon too.
    """
    place, _, query = address.partition("#")[0].partition("?")
    ours = {_plain(name) for name in names}
    kept = "&".join(piece for piece in query.split("&") if ours.isdisjoint(_names_of(piece)))
    added = urlencode({name: value for name, value in answer.items() if value is not None}, quote_via=quote)
    joint = "" if not kept or kept.endswith("&") else "&"
    return quote(f"{place}?{kept}{joint}{added}", safe=_ASCII)


def _is_extended(address: str, registered: str) -> bool:
    if address == registered:
        return True
    mark = "" if registered.endswith(("?", "&")) else "&" if "?" in registered else "?"
    added = address.removeprefix(registered + mark)
    return added != address and _is_query(added)


def _is_query(text: str) -> bool:
    return 0 < len(text) <= MAX_OWN_QUERY and text.isprintable() and not re.search(r"[#\\ ]", text)


def _without_port(address: str) -> str:
    """Leave out the port of a loopback address; return any other address, and one with an impossible port, as it is."""
    match = _LOOPBACK.fullmatch(address)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 2**16):
        return address
    return f"http://{match[1]}{match[3]}"


def _names_of(piece: str) -> set[str]:
    return {_plain(unquote_plus(part.partition("=")[0]).partition("[")[0]) for part in piece.split(";")}


def _plain(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name.lower())
