"""Opens the key store that a URL names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.opening import CLOUD_SCHEMES
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
        return CloudKeys(url)
    raise ConfigurationError(f"PRIVATESHARE_KEY_URL has the unknown scheme {parts.scheme!r}; use file, s3, gs or az")
