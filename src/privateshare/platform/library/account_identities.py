"""Whose account at a source an account is: sealed with its key, compared, and hashed to be recognised again."""

import hmac
from hashlib import sha256
from uuid import UUID

import orjson

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.accounts import ShownAccount
from privateshare.platform.library.libraries import KeyLost, OpenLibrary
from privateshare.sources.contract import Identity

DETAILS = "account details"  # The purpose under which an account's identity is encrypted.


def seal_identity(library: OpenLibrary, account_id: UUID, identity: Identity) -> bytes:
    """Encrypt the identity of an account's owner, to be stored with the account."""
    details = {
        "provider_account_id": identity.provider_account_id,
        "display_name": identity.display_name,
        "named": identity.named,
        "id_in_objects": identity.id_in_objects,
    }
    return library.account(account_id).seal(DETAILS, account_id, orjson.dumps(details))


def account_identity(account: AccountRow | ShownAccount, library: OpenLibrary) -> Identity:
    """Decrypt the identity of an account's owner. Raises KeyLost."""
    details = orjson.loads(library.account(account.id).open(DETAILS, account.id, account.sealed_details))
    named = details.get("named", True)
    return Identity(
        details["provider_account_id"],
        details["display_name"],
        account.type,
        named=named,
        id_in_objects=details.get("id_in_objects"),
    )


def is_same_owner(one: Identity, other: Identity) -> bool:
    """Return whether two identities are certainly the same account: both name their owner, and the owners are equal."""
    return one.named and other.named and one.provider_account_id == other.provider_account_id


def could_belong_to(account: AccountRow, library: OpenLibrary, identity: Identity) -> bool:
    """Return whether an account could have this identity: they are equal, or one of the two names no owner."""
    connected_hash = account_hash(library, account.source_id, identity)
    known = account_identity(account, library)
    return account.identity_hash == connected_hash or not identity.named or not known.named


def account_display_name(account: AccountRow | ShownAccount, library: OpenLibrary) -> str | None:
    """Return the person's name at the source; None if it cannot be decrypted, so that other accounts still show."""
    try:
        return account_identity(account, library).display_name
    except (KeyLost, SealBroken):
        return None


def account_owner_name(account: AccountRow | ShownAccount, library: OpenLibrary) -> str:
    """Return the owner's name at the source; empty if the source names nobody, or if it cannot be decrypted."""
    try:
        return account_identity(account, library).owner_name
    except (KeyLost, SealBroken):
        return ""


def account_hash(library: OpenLibrary, source_id: int, identity: Identity, only_on: UUID | None = None) -> bytes:
    """Compute a hash that recognises an account again. It is keyed, so that the database does not reveal the owner.

    Args:
        library: The library of the account.
        source_id: The source.
        identity: Whose account it is.
        only_on: The journey on which alone it is to be recognised, if it was connected without proof of the person.
            Or any other id, for an account that is to be recognised nowhere.
    """
    account = f"{source_id} {identity.provider_account_id}"
    if only_on is not None:
        account = f"{only_on} {account}"
    return hmac.digest(library.key.value, f"account identity {account}".encode(), sha256)
