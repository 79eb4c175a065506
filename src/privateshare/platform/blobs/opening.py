"""Opens the blob store that a URL names."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.blobs.store_errors import describe_store_error

CLOUD_SCHEMES = {"s3", "gs", "az", "abfs", "memory"}
PROBE_RETRIES = 1
PROBE_TIMEOUT = timedelta(seconds=10)
_ALLOW_HTTP = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")


def open_blobs(url: str, *, to_probe: bool = False, setting: str = "BLOB_URL") -> BlobStore:
    """Open the store of file:///folder, s3://bucket/path, gs://… or az://….

    Args:
        url: The URL.
        to_probe: Give up after seconds, and not after the minutes that a transfer may take.
        setting: What the URL is called in errors.

    Raises:
        ConfigurationError: The URL has another scheme, or cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalBlobs(Path(unquote(parts.path)))
    if parts.scheme not in CLOUD_SCHEMES:
        raise ConfigurationError(f"{setting} has the unknown scheme {parts.scheme!r}; use file, s3, gs or az")
    if parts.scheme != "memory" and not parts.netloc:
        raise ConfigurationError(f"{setting} must name a bucket, such as s3://bucket/path")
    try:
        return CloudBlobs(url, **(_probe_options() if to_probe and parts.scheme != "memory" else {}))
    except (BaseError, ValueError) as error:
        raise ConfigurationError(f"{setting} cannot be used: {describe_store_error(error)}") from error


def _probe_options() -> dict[str, object]:
    # Options of the client replace what the environment says of it, so that is repeated here.
    allow_http = any(os.environ.get(name, "").lower() in ("1", "true") for name in _ALLOW_HTTP)
    client = {"timeout": PROBE_TIMEOUT, "connect_timeout": PROBE_TIMEOUT, "allow_http": allow_http}
    return {"client_options": client, "retry_config": {"max_retries": PROBE_RETRIES, "retry_timeout": PROBE_TIMEOUT}}
