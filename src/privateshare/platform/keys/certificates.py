"""Contracts as X.509 certificates, signed by the platform's own certificate authority. Protocol 12.1."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import CertificateAuthorityRow, ContractRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.keys.wrapping import MasterKey
from privateshare.protocol import jwt

DOCUMENT_EXTENSION = x509.ObjectIdentifier("1.2.826.0.1.6861219.1")
AUTHORITY_NAME = "PrivateShare contracts"
AUTHORITY_LIFETIME = timedelta(days=20 * 365)
LIFETIME_WITHOUT_END_DATE = timedelta(days=10 * 365)
MAX_CLOCK_SKEW = timedelta(minutes=5)
KEY_BITS = 3072
PURPOSE = "certificate authority"
_ADVISORY_LOCK = 0x707363


@dataclass(frozen=True, slots=True)
class Authority:
    """The platform's certificate authority: its certificate and private key."""

    certificate: x509.Certificate
    key: RSAPrivateKey = field(repr=False)

    def certify(self, contract: ContractRow) -> str:
        """Make a contract's certificate: base64 of DER, with the contract document as a UTF8String in an extension."""
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, contract.id),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, contract.application.name[:64]),
            ]
        )
        document = der_utf8_string(json.dumps(contract.document.raw, ensure_ascii=False))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.certificate.subject)
            .public_key(jwt.load_public_key(contract.public_key))
            .serial_number(x509.random_serial_number())
            .not_valid_before(contract.created_at - MAX_CLOCK_SKEW)
            .not_valid_after(expiration(contract))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.UnrecognizedExtension(DOCUMENT_EXTENSION, document), critical=False)
            .sign(self.key, SHA256())
        )
        return b64encode(certificate.public_bytes(Encoding.DER)).decode()


def expiration(contract: ContractRow) -> datetime:
    """Return when a contract ends. The protocol requires a date, so a contract without an end gets a distant one."""
    return contract.expires_at or contract.created_at + LIFETIME_WITHOUT_END_DATE


def der_utf8_string(value: str) -> bytes:
    """Encode a string in DER: tag, length, bytes."""
    data = value.encode()
    if len(data) < 0x80:
        return bytes([0x0C, len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([0x0C, 0x80 | len(length)]) + length + data


async def load_authority(db: AsyncSession, master_key: MasterKey, now: datetime) -> Authority:
    """Load the platform's certificate authority, or create it when it is first needed."""
    newest = select(CertificateAuthorityRow).order_by(CertificateAuthorityRow.created_at.desc()).limit(1)
    row = await db.scalar(newest)
    if row is None:
        await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        row = await db.scalar(newest) or await _new_authority(db, master_key, now)
    pem = master_key.open(PURPOSE, row.id, row.sealed_private_key)
    return Authority(x509.load_pem_x509_certificate(row.certificate.encode()), jwt.load_private_key(pem, trusted=True))


async def _new_authority(db: AsyncSession, master_key: MasterKey, now: datetime) -> CertificateAuthorityRow:
    key = await asyncio.to_thread(generate_private_key, 65537, KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - MAX_CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    id_ = new_id()
    row = CertificateAuthorityRow(
        id=id_,
        sealed_private_key=master_key.seal(PURPOSE, id_, jwt.private_pem(key).encode()),
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
    )
    db.add(row)
    await db.flush()
    return row
