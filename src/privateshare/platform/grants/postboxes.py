"""Postboxes, to which clients of version 1.6 push files. Protocol 14 (d)."""

import asyncio

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ConsentRow, ContractRow, PostboxRow
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.protocol import jwt

PURPOSE = "postbox key"
KEY_BITS = 2048


def wants_postbox(contract: ContractRow) -> bool:
    """Return whether a consent to this contract comes with a postbox."""
    return contract.legacy and contract.kind == "write"


async def create_postbox(db: AsyncSession, library: OpenLibrary, consent: ConsentRow) -> PostboxRow:
    """Create a postbox with its own key pair."""
    key = await asyncio.to_thread(generate_private_key, 65537, KEY_BITS)
    id_ = new_id()
    postbox = PostboxRow(
        id=id_,
        library_id=library.id,
        consent_id=consent.id,
        contract_id=consent.contract_id,
        sealed_private_key=library.seal(PURPOSE, id_, jwt.private_pem(key).encode()),
        public_key=jwt.public_pem(key.public_key()),
    )
    db.add(postbox)
    await db.flush()
    return postbox


def postbox_key(postbox: PostboxRow, library: OpenLibrary) -> RSAPrivateKey:
    """Return the private key that decrypts the files in a postbox."""
    return jwt.load_private_key(library.open(PURPOSE, postbox.id, postbox.sealed_private_key), trusted=True)
