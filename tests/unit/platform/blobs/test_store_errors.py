"""Tests of how errors of stores are told: in a few words, without keys."""

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from privateshare.platform.blobs.store_errors import MAX_CHARACTERS, BlobStoreUnavailable, describe_store_error

DENIED = (
    "The operation lacked the necessary privileges for path x/a: Error performing GET http://h/b?sig=s3cret "
    "- Server returned non-2xx status code: 403 Forbidden: <?xml version='1.0'?>\n<Error><Code>{code}</Code>"
    "<AWSAccessKeyId>AKIASECRET</AWSAccessKeyId><StringToSign>s3cret</StringToSign></Error>"
)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionDeniedError(DENIED.format(code="AccessDenied")), "access is denied"),
        (PermissionDeniedError(DENIED.format(code="SignatureDoesNotMatch")), "the secret key is wrong"),
        (PermissionDeniedError(DENIED.format(code="SlowDown")), "the store answered with the error SlowDown"),
        (FileNotFoundError("... status code: 404 Not Found: <Error><Code>NoSuchBucket</Code>"), "the bucket does not"),
        (GenericError("status code: 503 Service Unavailable: "), "the store answered 503 Service Unavailable"),
        (GenericError("PUT http://169.254.169.254/latest/api/token"), "there are no credentials"),
        (GenericError("HTTP error: error sending request\n\nDebug source"), "cannot be reached"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (BlobStoreUnavailable("it is away"), "it is away"),
        (GenericError("Odd http://h/b?sig=s3cret\nAKIASECRET"), "GenericError: Odd http://h/b"),
        (GenericError(""), "GenericError"),
    ],
)
def test_an_error_is_described_in_one_line(error: BaseException, told: str) -> None:
    """It says what to check."""
    text = describe_store_error(error)
    assert told in text
    assert "s3cret" not in text
    assert "AKIA" not in text
    assert "\n" not in text
    assert len(text) <= MAX_CHARACTERS + len("GenericError: ")
