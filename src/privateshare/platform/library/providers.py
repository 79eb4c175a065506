"""The directory of health providers, which the operator imports from published lists, and in which people search."""

import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
from sqlalchemy import cast, delete, func, insert, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import ProviderListRow, ProviderRow
from privateshare.protocol.addresses import is_web_address
from privateshare.sources.contract import Broken
from privateshare.sources.health_provider.brands import BrandList, NotBrands, Provider, read_brands
from privateshare.sources.web import open_client

MAX_LIST_BYTES = 512 * 1024 * 1024
MAX_LIST_SECONDS = 600
MAX_WORDS = 40
MAX_WORD_CHARACTERS = 60
MIN_SEARCH_CHARACTERS = 2
ROWS_PER_STATEMENT = 2000
LIST_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

# Letters that are not composed of a letter and an accent, as people without them on their keyboards type them.
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ImportedList:
    """The result of an import: how many providers the list has, and how many entries were left out, by reason."""

    providers: int
    left_out: Counter[str]


@dataclass(frozen=True, slots=True)
class FoundProviders:
    """Providers that match a search. `has_more` tells whether others do too."""

    rows: Sequence[ProviderRow]
    has_more: bool


async def import_list(db: AsyncSession, name: str, origin: str, brands: BrandList) -> ImportedList:
    """Store a list in place of what was imported under this name before.

    Raises ConfigurationError if the name is not valid, or nothing can be read of the list: then the old one stays.
    """
    check_list_name(name)
    if not brands.providers:
        reasons = ", ".join(f"{reason}: {number}" for reason, number in brands.left_out.items()) or "it is empty"
        raise ConfigurationError(f"the list has no provider that can be used ({reasons})")
    await db.execute(delete(ProviderListRow).where(ProviderListRow.name == name))
    await db.execute(insert(ProviderListRow).values(name=name, origin=origin))
    rows = [_row(name, provider) for provider in brands.providers]
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        await db.execute(insert(ProviderRow), rows[start : start + ROWS_PER_STATEMENT])
    return ImportedList(len(brands.providers), brands.left_out)


def check_list_name(name: str) -> None:
    """Raise ConfigurationError if a text cannot be the name of a list."""
    if LIST_NAME.fullmatch(name) is None:
        raise ConfigurationError("the name of a list has up to 40 lower-case letters, digits, - and _, such as epic")


def open_list(place: str) -> BrandList:
    """Read a list from a file, or from an https address.

    Raises ConfigurationError: It cannot be read, or is not such a list.
    """
    try:
        if "://" not in place:
            with Path(place).open("rb") as file:
                return read_brands(file)
        with tempfile.TemporaryFile() as file:
            _download(place, file)
            return read_brands(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read {place}: {error.strerror or error}") from error
    except (Broken, NotBrands) as error:
        raise ConfigurationError(f"cannot use the list {place}: {error}") from error


def _download(address: str, file: BinaryIO) -> None:
    if not is_web_address(address) or not address.startswith("https://"):
        raise ConfigurationError("the address of a list must begin with https://")
    try:
        headers = {"accept": "application/fhir+json, application/json"}
        with (
            open_client(headers, MAX_LIST_BYTES, MAX_LIST_SECONDS) as client,
            client.stream("GET", address) as response,
        ):
            if response.has_redirect_location:
                raise ConfigurationError(
                    f"the address redirects to {response.headers['location'][:200]}", hint="Import that address."
                )
            if not response.is_success:
                raise ConfigurationError(f"the server answered with HTTP status {response.status_code}")
            for piece in response.iter_bytes():
                file.write(piece)
    except httpx2.TransportError as error:
        raise ConfigurationError(f"the list cannot be downloaded: {error}") from error
    file.seek(0)


async def remove_list(db: AsyncSession, name: str) -> None:
    """Remove a list. Accounts of its providers stay. Raises ConfigurationError if there is none of this name."""
    removal = delete(ProviderListRow).where(ProviderListRow.name == name).returning(ProviderListRow.name)
    if (await db.execute(removal)).first() is None:
        raise ConfigurationError(f"there is no list {name}", hint="List them with: privateshare source brands list")


async def imported_lists(db: AsyncSession) -> Sequence[dict[str, Any]]:
    """List what was imported."""
    count = select(func.count()).where(ProviderRow.list_name == ProviderListRow.name).scalar_subquery()
    rows = await db.execute(select(ProviderListRow, count).order_by(ProviderListRow.name))
    return [
        {
            "name": row.name,
            "providers": number,
            "from": row.origin,
            "imported_at": row.imported_at.isoformat(timespec="seconds"),
        }
        for row, number in rows
    ]


async def has_providers(db: AsyncSession) -> bool:
    """Return whether there is anything to search in."""
    return await db.scalar(select(ProviderListRow.name).limit(1)) is not None


async def search_providers(db: AsyncSession, text: str, limit: int) -> FoundProviders:
    """Find providers by the beginnings of words of their name, place or server. Short names are first."""
    words = list(dict.fromkeys(_words(text)))[:MAX_WORDS]
    if sum(map(len, words)) < MIN_SEARCH_CHARACTERS:
        return FoundProviders((), has_more=False)
    # Words have only letters and digits, so they need no quoting within the quotes.
    wanted = " & ".join(f"'{word}':*" for word in words)
    query = (
        select(ProviderRow)
        .where(ProviderRow.searched.op("@@")(cast(wanted, TSQUERY)))
        .order_by(func.length(ProviderRow.name), ProviderRow.name, ProviderRow.id)
        .limit(limit + 1)
    )
    rows = (await db.scalars(query)).all()
    return FoundProviders(rows[:limit], len(rows) > limit)


async def find_provider(db: AsyncSession, id_: str) -> ProviderRow | None:
    """Return a provider; None if it is not in the directory, or not any more."""
    return await db.get(ProviderRow, id_)


def _row(list_name: str, provider: Provider) -> dict[str, Any]:
    host = provider.server.split("/")[2]
    words = _words(" ".join((provider.name, provider.place, *provider.aliases, host)))
    identity = "\n".join((list_name, provider.name, provider.place, provider.server))
    return {
        "id": sha256(identity.encode()).hexdigest()[:24],
        "list_name": list_name,
        "name": provider.name,
        "place": provider.place,
        "server": provider.server,
        "words": list(dict.fromkeys(words))[:MAX_WORDS],
    }


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text as they are compared: without accents, and in one case."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    yield from (word[:MAX_WORD_CHARACTERS] for word in _WORD.findall(plain))
