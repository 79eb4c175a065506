"""The file with the private key of a new contract."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from privateshare.errors import ConfigurationError
from privateshare.sdk.local_files.safe_files import partial_path

KEY_BITS = 2048  # Protocol 6.5: some clients expect 256 bytes as the first part of an envelope.


@contextmanager
def new_key_file(path: Path) -> Iterator[str]:
    """Generate a key pair, write the private key to a new file, and provide the public key as PEM.

    The file (PKCS#1, readable by its owner only) is deleted again if the block raises an error.

    Raises:
        ConfigurationError: The file exists or cannot be written.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    try:
        _write_new(path, pem)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the private key to {path}: {error.strerror}", hint="Name a new file with --key-out"
        ) from error
    try:
        public = key.public_key()
        yield public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    except BaseException:  # Including Ctrl-C. A key that belongs to no contract must not remain.
        path.unlink(missing_ok=True)
        raise


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. It is complete or not there. Raise OSError if a file is there."""
    partial = partial_path(path)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)  # Unlike a rename, a link never replaces a file.
    finally:
        partial.unlink(missing_ok=True)
