"""The private key of a new contract: made here, written once, never shown."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from privateshare.errors import ConfigurationError

KEY_BITS = 2048  # protocol 6.5: the envelope's first part has 256 bytes


@contextmanager
def new_key_file(path: Path) -> Iterator[str]:
    """The PEM of the public key whose private one is now in the file (PKCS#1, 0600); gone again if an error passes.

    Raises ConfigurationError if the file exists or cannot be written.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot write the private key to {path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
            file.flush()
            os.fsync(file.fileno())
        public = key.public_key()
        yield public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    except BaseException:  # Ctrl-C too: a key that no contract has must not stay
        path.unlink(missing_ok=True)
        raise
