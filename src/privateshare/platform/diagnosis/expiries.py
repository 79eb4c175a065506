"""Certificates and keys that end: the certificate of the platform's address, and the old keys of contracts."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ContractRow
from privateshare.platform.diagnosis.findings import Finding, State
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform

CERTIFICATE, CONTRACT_KEYS = "certificate", "contract keys"
CONNECT_SECONDS = 10
HTTPS_PORT = 443
SOON, VERY_SOON = timedelta(days=14), timedelta(days=3)
OLD_KEY_SOON = timedelta(days=2)


async def site_certificate(settings: Settings) -> Finding:
    """Look at the certificate that people's browsers get at the platform's address."""
    parts = urlsplit(settings.origin or "")
    if parts.scheme != "https" or parts.hostname is None:
        return Finding(State.OK, CERTIFICATE, "the address is not https, so it has none")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            ends = await _end_of_certificate(parts.hostname, parts.port or HTTPS_PORT)
    except ssl.SSLCertVerificationError as error:
        return Finding(State.PROBLEM, CERTIFICATE, f"is not valid: {error.verify_message}", "Renew it at the proxy")
    except (OSError, TimeoutError) as error:
        found = f"{parts.hostname} cannot be reached from here: {type(error).__name__}"
        return Finding(State.WARNING, CERTIFICATE, found, "Look at it from another machine")
    return judge_end(ends, datetime.now(UTC))


def judge_end(ends: datetime, now: datetime) -> Finding:
    """Judge a certificate by its end."""
    left, shown = ends - now, f"ends on {ends:%Y-%m-%d}"
    if left < SOON:
        state = State.PROBLEM if left < VERY_SOON else State.WARNING
        return Finding(state, CERTIFICATE, shown, "Look at why the proxy does not renew it", tell=True)
    return Finding(State.OK, CERTIFICATE, shown)


async def _end_of_certificate(host: str, port: int) -> datetime:
    _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    try:
        encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(encoded).not_valid_after_utc
    finally:
        writer.close()


async def contract_keys(db: AsyncSession, _platform: Platform) -> Finding:
    """Look for old keys of contracts that end soon."""
    now = datetime.now(UTC)
    query = select(ContractRow.id).where(ContractRow.previous_key_until.between(now, now + OLD_KEY_SOON))
    ending = list(await db.scalars(query.order_by(ContractRow.previous_key_until)))
    if ending:
        found = f"the old keys of {len(ending)} contracts end within {OLD_KEY_SOON.days} days: {', '.join(ending[:5])}"
        return Finding(State.WARNING, CONTRACT_KEYS, found, "Ask these apps whether they use the new key", tell=True)
    return Finding(State.OK, CONTRACT_KEYS, f"no old key ends within {OLD_KEY_SOON.days} days")
