"""SMART Health Cards: signed FHIR Bundles, as `.smart-health-card` files and as the numeric text of their QR codes.

A card is a JSON Web Signature. Its signature is not verified: a platform has no list of the issuers that a person
trusts, and a key that came with the card proves nothing. What it says is shared, with a tag that says so.
"""

import io
import re
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import nullcontext, suppress

import orjson

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import Broken, LeftOut, shown_name
from privateshare.sources.fhir_file.digits import parse_exactly, write_exactly

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_CARD_BYTES = 16 * 1024 * 1024  # Decompressed.
FIRST_CHARACTER = 45  # Each pair of digits is a character code, less the smallest one that base64url has.
NOT_VERIFIED = {
    "system": "https://docs.privateshare.example/smart-health-card",
    "code": "signature-not-verified",
    "display": "From a SMART Health Card whose signature was not verified",
}

_NUMERIC = re.compile(rb"shc:/(?:(\d{1,3})/(\d{1,3})/)?(\d{20,})")
_CARD = re.compile(rb"^[\w-]{10,}\.[\w-]{10,}\.[\w-]*$")


class NotACard(Exception):
    """A text that cannot be read as a card."""


_CARD_ERRORS = (NotACard, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def is_health_card(start: bytes) -> bool:
    """Return whether a file holds health cards, by its first bytes."""
    plain = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.startswith((b"shc:/", b"eyJ")):
        return True
    return plain.startswith(b"{") and b'"verifiableCredential"' in plain and b'"resourceType"' not in plain


def card_files(file: UploadedFile, left_out: LeftOut) -> Iterator[UploadedFile]:
    """Yield the FHIR Bundle of each card as a file. Cards that cannot be read are reported."""
    name = shown_name(file.path)
    with file.open() as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    try:
        cards = [] if len(data) > MAX_FILE_BYTES else _cards_in(data)
    except _CARD_ERRORS:
        cards = []
    bundles = []
    for card in cards:
        with suppress(*_CARD_ERRORS):
            bundles.append(_bundle_in(card))
    if len(bundles) < max(1, len(cards)):
        left_out.name_damaged_file(file.path)
    if not bundles:
        return
    for bundle in bundles:
        yield UploadedFile(file.path, lambda content=bundle: nullcontext(io.BytesIO(content)), len(bundle))  # type: ignore[misc]
    unverified = Broken(
        "The signature of %(name)s was not verified. What the card says is shared with that note.", name=name
    )
    left_out.name_unused(name, unverified)


def _cards_in(data: bytes) -> list[bytes]:
    """Return the cards of a file: listed in JSON, alone, or as numbers, perhaps in several parts."""
    plain = data.removeprefix(b"\xef\xbb\xbf").strip()
    if plain.startswith(b"{"):
        listed = orjson.loads(plain)["verifiableCredential"]
        return [str(card).encode() for card in listed]
    if plain.startswith(b"shc:/"):
        parts = [(int(number or 1), int(total or 1), digits) for number, total, digits in _NUMERIC.findall(plain)]
        whole = [digits for _, total, digits in parts if total == 1]
        chunks = sorted((number, digits) for number, total, digits in parts if total > 1)
        joined = b"".join(digits for _, digits in dict(chunks).items())
        return [_from_digits(digits) for digits in [*whole, *([joined] if joined else [])]]
    return plain.split()


def _from_digits(digits: bytes) -> bytes:
    if len(digits) % 2:
        raise NotACard
    return bytes(int(digits[at : at + 2]) + FIRST_CHARACTER for at in range(0, len(digits), 2))


def _bundle_in(card: bytes) -> bytes:
    """Return the Bundle of a card, in which each resource says where it is from. Raises NotACard."""
    if not _CARD.match(card):
        raise NotACard
    header, payload, _ = card.split(b".")
    content = _decoded(payload)
    if orjson.loads(_decoded(header)).get("zip") == "DEF":
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(content, MAX_CARD_BYTES)
        except zlib.error as error:
            raise NotACard from error
        if inflater.unconsumed_tail:
            raise NotACard
    claims = parse_exactly(content)
    bundle: JsonObject = claims["vc"]["credentialSubject"]["fhirBundle"]
    issuer = claims.get("iss")
    for entry in bundle["entry"]:
        resource = entry["resource"]
        meta = resource.setdefault("meta", {})
        meta["tag"] = [*meta.get("tag", []), NOT_VERIFIED]
        if isinstance(issuer, str):
            meta.setdefault("source", issuer)
    return write_exactly(bundle)


def _decoded(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
