"""`privateshare receipt …`: verifying the receipts that people get, without the platform."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.output import AsJson, show
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privateshare.protocol.receipts import CheckedReceipt

tree = typer.Typer(help="Verify the receipts of people's consents.", no_args_is_help=True)

NOT_CONFIRMED_EXIT_CODE = 4
TIMEOUT_SECONDS = 20
MAX_KEY_SET_BYTES = 1024 * 1024

Keys = Annotated[
    Path | None, typer.Option("--jwks", help="A file with the platform's key set, saved from /v1.7/jwks/oauth.")
]
Origin = Annotated[
    str | None, typer.Option(help="The platform's address, such as https://share.example.org, to fetch its key set.")
]


@tree.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The receipt, as it was downloaded.")],
    jwks: Keys = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Verify that a receipt is as a platform signed it.

    Exits with 1 if it was changed or another platform signed it, and with 4 if only the receipt itself says who
    signed it: use --jwks or --origin then.
    """
    from privateshare.protocol.receipts import ReceiptRefused, check_receipt, has_key

    if jwks is not None and origin is not None:
        raise ConfigurationError("--jwks and --origin cannot be combined")
    try:
        receipt = check_receipt(file.read_bytes())
    except ReceiptRefused as error:
        raise ConfigurationError(f"{file} is not a valid receipt: {error}") from error
    key_set = _read_key_set(jwks) if jwks is not None else _fetch_key_set(origin) if origin is not None else None
    if key_set is not None and not has_key(receipt, key_set):
        raise ConfigurationError(
            f"{file} was not signed by this platform: the key {receipt.kid} is not in its key set",
            hint="Nobody changed the receipt since it was signed, but anybody can sign one with a key of their own",
        )
    show(_facts(receipt, jwks, origin), as_json)
    if key_set is None:
        raise typer.Exit(NOT_CONFIRMED_EXIT_CODE)


def _facts(receipt: "CheckedReceipt", jwks: Path | None, origin: str | None) -> dict[str, Any]:
    record = receipt.document.get("dpv:hasRecordOfActivity", {})
    status, controller = record.get("dpv:hasConsentStatus", {}), record.get("dpv:hasDataController", {})
    verified = ["it was not changed since it was signed", "the digest is that of what was agreed"]
    not_verified = ["whether the consent is valid today", "that the person is who they say"]
    if jwks is not None:
        verified.append(f"its key is in {jwks}")
        not_verified.append(f"that {jwks} has the keys of the platform: that depends on where you got it")
    elif origin is not None:
        verified.append(f"its key is one that {origin} publishes now")
    else:
        not_verified.append("who signed it: the key is only the one in the receipt; use --jwks or --origin")
    return {
        "event": str(status.get("ps:event", "")),
        "at": str(status.get("dpv:isIndicatedAtTime", "")),
        "consent_id": str(record.get("dct:identifier", "")),
        "with": str(controller.get("schema:name", "")),
        "agreed": str(receipt.document.get("ps:agreedDigest", "")),
        "platform": str(receipt.document.get("dct:publisher", {}).get("@id", "")),
        "key": receipt.kid,
        "verified": verified,
        "not_verified": not_verified,
    }


def _read_key_set(path: Path) -> "Mapping[str, Any]":
    return _key_set(path.read_bytes(), str(path))


def _fetch_key_set(origin: str) -> "Mapping[str, Any]":
    import httpx2

    from privateshare.protocol.addresses import API_PATH, is_web_address

    if not is_web_address(origin):
        raise ConfigurationError(f"{origin} is not an address such as https://share.example.org")
    address = f"{origin.rstrip('/')}{API_PATH}jwks/oauth"
    try:
        with httpx2.stream("GET", address, timeout=TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            content = b""
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MAX_KEY_SET_BYTES:
                    raise ConfigurationError(f"the key set at {address} is too large")
    except httpx2.HTTPError as error:
        raise ConfigurationError(f"cannot fetch the key set from {address}: {error}") from error
    return _key_set(content, address)


def _key_set(content: bytes, name: str) -> "Mapping[str, Any]":
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} is not a key set") from error
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise ConfigurationError(f"{name} is not a key set")
    return found
