"""Opens the blob store that a URL names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.blobs.store import BlobStore

CLOUD_SCHEMES = {"s3", "gs", "az", "abfs", "memory"}


def open_blobs(url: str) -> BlobStore:
    """Open the store of file:///folder, s3://bucket/path, gs://… or az://….

    Raises ConfigurationError for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalBlobs(Path(unquote(parts.path)))
    if parts.scheme in CLOUD_SCHEMES:
        return CloudBlobs(url)
    raise ConfigurationError(f"BLOB_URL has the unknown scheme {parts.scheme!r}; use file, s3, gs or az")
