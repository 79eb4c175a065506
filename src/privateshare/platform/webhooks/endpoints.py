"""The addresses that the apps of a contract are told at, each with a secret of its own."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import ContractRow, WebhookEndpointRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.keys.wrapping import WEBHOOK_SECRET
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import is_web_address
from privateshare.protocol.public_networks import is_public
from privateshare.protocol.webhooks import SECRET_PREFIX

SECRET_BYTES = 32
MAX_URL_CHARACTERS = 2000
MAX_ENDPOINTS = 10


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint, and its secret, which is shown only once."""

    row: WebhookEndpointRow
    secret: str = field(repr=False)


async def add_endpoint(db: AsyncSession, platform: Platform, contract_id: str, url: str) -> NewEndpoint:
    """Add an address that is told what happens under a contract.

    Raises ConfigurationError if there is no such contract, it has too many endpoints, or the address is not allowed.
    """
    if await db.get(ContractRow, contract_id) is None:
        raise ConfigurationError(
            f"there is no contract {contract_id}", hint="List them with: privateshare contract list"
        )
    check_address(url, private=platform.settings.webhook_private_addresses)
    if len(await contract_endpoints(db, contract_id)) >= MAX_ENDPOINTS:
        raise ConfigurationError(f"a contract can have {MAX_ENDPOINTS} webhooks; remove one first")
    secret = f"{SECRET_PREFIX}{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    id_ = f"wh_{new_id()}"
    sealed = platform.master_key.seal(WEBHOOK_SECRET, id_, secret.encode())
    row = WebhookEndpointRow(id=id_, contract_id=contract_id, url=url, sealed_secret=sealed)
    db.add(row)
    await db.flush()
    await db.refresh(row)
    return NewEndpoint(row, secret)


def check_address(url: str, *, private: bool) -> None:
    """Check the form of an endpoint's address. What its name stands for is checked when a message is sent.

    Raises ConfigurationError.
    """
    parts = urlsplit(url) if is_web_address(url) and len(url) <= MAX_URL_CHARACTERS else None
    if parts is None or parts.hostname is None or "#" in url or not url.isascii():
        raise ConfigurationError(f"{url[:200]!r} is not an address such as https://app.example.org/webhooks")
    if private:
        return
    if parts.scheme != "https":
        raise ConfigurationError("the address of a webhook must begin with https://")
    if _is_private_literal(parts.hostname):
        raise ConfigurationError(
            f"{parts.hostname} is not a public address",
            hint="While developing, set PRIVATESHARE_WEBHOOK_PRIVATE_ADDRESSES=true",
        )


def _is_private_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)


async def contract_endpoints(db: AsyncSession, contract_id: str) -> Sequence[WebhookEndpointRow]:
    """List the endpoints of a contract."""
    query = select(WebhookEndpointRow).where(WebhookEndpointRow.contract_id == contract_id)
    return list(await db.scalars(query.order_by(WebhookEndpointRow.created_at)))


def endpoint_secret(platform: Platform, endpoint: WebhookEndpointRow) -> str:
    """Decrypt the secret of an endpoint."""
    return platform.master_key.open(WEBHOOK_SECRET, endpoint.id, endpoint.sealed_secret).decode()
