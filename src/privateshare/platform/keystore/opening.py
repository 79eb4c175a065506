"""Opens the key store that a URL names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.opening import CLOUD_SCHEMES
from privateshare.platform.blobs.store_errors import describe_store_error
from privateshare.platform.keystore.cloud import CloudKeys
from privateshare.platform.keystore.local import LocalKeys
from privateshare.platform.keystore.store import KeyStore


def open_keys(url: str) -> KeyStore:
    """Open the store of file:///folder, s3://bucket/path, gs://… or az://….

    Raises ConfigurationError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalKeys(Path(unquote(parts.path)))
    if parts.scheme in CLOUD_SCHEMES:
        try:
            return CloudKeys(url)
        except (BaseError, ValueError) as error:
            raise ConfigurationError(f"PRIVATESHARE_KEY_URL cannot be used: {describe_store_error(error)}") from error
    raise ConfigurationError(f"PRIVATESHARE_KEY_URL has the unknown scheme {parts.scheme!r}; use file, s3, gs or az")
