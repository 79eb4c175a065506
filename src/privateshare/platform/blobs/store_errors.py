"""Errors of blob and key stores in words for an operator: short, and without credentials or names of people's files."""

import re

from obstore.exceptions import BaseError

from privateshare.errors import PrivateShareError

MAX_CHARACTERS = 200
STORE_ERRORS = (BaseError, OSError)

_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3}[\w ]{0,40})")
_QUERY = re.compile(r"\?\S*")  # A query may hold a signature or a token.
_METADATA_SERVICE = "169.254.169.254"
_MEANINGS = {
    "NoSuchBucket": "the bucket does not exist",
    "AccessDenied": "access is denied: check the credentials and what they allow",
    "InvalidAccessKeyId": "the access key is unknown: check the credentials",
    "SignatureDoesNotMatch": "the secret key is wrong: check the credentials",
    "AuthorizationHeaderMalformed": "the region is wrong",
}


class BlobStoreUnavailable(PrivateShareError):
    """The blob store is not available, or it is not the one that holds the files of this database."""

    code = "BlobStoreUnavailable"
    hint = "Check BLOB_URL, and the credentials, the endpoint and the region of the store"


def describe_store_error(error: BaseException) -> str:
    """Say in a few words what is wrong with a store."""
    if isinstance(error, PrivateShareError):
        return error.message
    text = str(error)
    if _METADATA_SERVICE in text:
        return "there are no credentials for the store"
    code, status = _CODE.search(text), _STATUS.search(text)
    if code is not None:
        return _MEANINGS.get(code[1], f"the store answered with the error {code[1]}")
    if status is not None:
        return _of_status(status[1].strip())
    if "LOCATION" in text:
        return "the store redirects to another region: check the region"
    if "error sending request" in text:
        return "the store cannot be reached, or does not respond: check the endpoint"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first = _QUERY.sub("", text.strip().partition("\n")[0])[:MAX_CHARACTERS]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _of_status(status: str) -> str:
    number = status[:3]
    if number in ("401", "403"):
        return f"access is denied ({status}): check the credentials and what they allow"
    if number == "404":
        return f"the bucket or container does not exist ({status})"
    return f"the store answered {status}"
