"""The configuration of a client: who it is, where the platform is, and its timeouts and retries."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from privateshare.errors import ConfigurationError
from privateshare.protocol import jwt
from privateshare.protocol.addresses import API_PATH, ONBOARD_PATH, STORAGE_PATH

# Protocol 2.2 asks for 32 characters.
NONCE_BYTES = 16

_VERSION = re.compile(r"v\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One application with one contract, on one platform. Addresses end with a slash."""

    application_id: str
    contract_id: str
    private_key: RSAPrivateKey = field(repr=False)
    signing_key: jwt.SigningKey = field(repr=False)
    api: str
    onboard: str
    storage: str
    timeout: float
    retries: int

    @property
    def client_id(self) -> str:
        """The name under which the client signs. Protocol 1."""
        return f"{self.application_id}_{self.contract_id}"

    def bearer(self, access_token: str | None = None, **claims: object) -> dict[str, str]:
        """Sign the header that authenticates one call. Protocol 2."""
        nonce, now = secrets.token_hex(NONCE_BYTES), int(time.time() * 1000)
        common = jwt.request_claims(self.client_id, nonce=nonce, timestamp=now, access_token=access_token, **claims)
        return {"authorization": f"Bearer {jwt.sign(self.signing_key, common)}"}


def make_configuration(
    application_id: str,
    contract_id: str,
    private_key: str,
    addresses: Mapping[str, str | None],
    timeout: float,
    retries: int,
) -> Configuration:
    """Make a configuration. Raise ConfigurationError that names the argument which is wrong."""
    if not application_id or "_" in application_id:
        raise ConfigurationError("The application_id must be the id that the platform gave you")
    if not contract_id:
        raise ConfigurationError("The contract_id must be the id that the platform gave you")
    api, root = _api_and_root(addresses["base_url"] or "")
    key = jwt.load_private_key(private_key)
    return Configuration(
        application_id,
        contract_id,
        key,
        jwt.signing_key(key),
        api,
        _address("onboard_url", addresses["onboard_url"] or f"{root}{ONBOARD_PATH}"),
        _address("storage_url", addresses["storage_url"] or f"{root}{STORAGE_PATH}"),
        timeout,
        retries,
    )


def _api_and_root(base_url: str) -> tuple[str, str]:
    """Split `base_url` into the API's address and the address of the platform, which may be below a path.

    An address that ends in a version, such as `https://host/share/v1.7/`, is the API's own. Any other is the
    platform's, and its API of the version that the SDK speaks is used. Protocol 1.
    """
    address = _address("base_url", base_url).rstrip("/")
    root, _, last = address.rpartition("/")
    if _VERSION.fullmatch(last):
        return f"{address}/", root
    return f"{address}{API_PATH}", address


def _address(name: str, text: str) -> str:
    """Return an address with one slash at its end. Raise ConfigurationError if it is not a usable address."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # The port is not a number, or too large.
        usable = False
    if not usable or text != text.strip():
        raise ConfigurationError(f"{name} must be an address such as https://share.example.org/v1.7/, not {text!r}")
    if "?" in text or "#" in text or parts.username is not None:  # The text is not repeated: it may hold a password.
        raise ConfigurationError(f"{name} must have no query, no fragment and no user name")
    return f"{text.rstrip('/')}/"
