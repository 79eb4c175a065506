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
from privateshare.sdk.arguments import check_seconds, check_text, check_whole, check_word, wrong_argument

# Protocol 2.2 asks for 32 characters.
NONCE_BYTES = 16

GIVEN_ID = "the id that the platform gave you"
READ_KEY = 'Give its content, not its path: open("contract.pem").read()'

_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----(?P<body>[A-Za-z0-9+/=\s]*)-----END (?P=kind)-----")
_VERSION = re.compile(r"v\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One application with one contract, on one platform. Addresses end with a slash."""

    application_id: str
    contract_id: str
    private_key: RSAPrivateKey = field(repr=False)
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
        return {"authorization": f"Bearer {jwt.sign(self.private_key, common)}"}


def make_configuration(
    application_id: str,
    contract_id: str,
    private_key: str,
    addresses: Mapping[str, str | None],
    timeout: float,
    retries: int,
) -> Configuration:
    """Make a configuration. Raise ConfigurationError that names the argument which is wrong."""
    check_word("application_id", application_id, GIVEN_ID)
    if "_" in application_id:
        raise ConfigurationError(f"application_id must be {GIVEN_ID}, which has no underscore")
    check_word("contract_id", contract_id, GIVEN_ID)
    check_seconds("timeout", timeout, zero=False)
    check_whole("retries", retries, 0)
    api, root = _api_and_root(addresses["base_url"] or "")
    key = jwt.load_private_key(pem_of(private_key))
    return Configuration(
        application_id,
        contract_id,
        key,
        api,
        _address("onboard_url", addresses["onboard_url"] or f"{root}{ONBOARD_PATH}"),
        _address("storage_url", addresses["storage_url"] or f"{root}{STORAGE_PATH}"),
        timeout,
        retries,
    )


def pem_of(private_key: object) -> str:
    """Return a private key as PEM text with its line ends.

    Environment variables and JSON files often hold it in quotes, or on one line, with `\\n` or blanks as line ends.

    Raises:
        ConfigurationError: It is not a text with a private key. The message does not repeat it.
    """
    expected = "the text of the contract's private key in PEM form"
    if isinstance(private_key, bytes | bytearray):
        private_key = bytes(private_key).decode("utf-8", "replace")
    if not isinstance(private_key, str) or not private_key.strip():
        raise wrong_argument("private_key", expected, private_key, READ_KEY)
    text = re.sub(r"\\r|\\n|[\r\n\ufeff\"']", " ", private_key)
    if "Proc-Type" in text or "BEGIN ENCRYPTED" in text:
        raise ConfigurationError("private_key is encrypted with a password", hint="Decrypt it: openssl rsa -in FILE")
    found = _PEM.search(text)
    if found is None:
        raise ConfigurationError(f"private_key must be {expected}", hint=READ_KEY)
    if "PRIVATE KEY" not in found["kind"]:
        raise ConfigurationError(
            f"private_key must be {expected}, not a {found['kind'].lower()}",
            hint="The platform's operator gave you the private key, or you have it if you made the key yourself",
        )
    body = "".join(found["body"].split())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {found['kind']}-----", *lines, f"-----END {found['kind']}-----", ""])


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
    check_text(name, text, "an address such as https://share.example.org")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # The port is not a number, or too large.
        usable = False
    if not usable or text != text.strip():
        raise ConfigurationError(f"{name} must be an address such as https://share.example.org/v1.7/")
    if "?" in text or "#" in text or parts.username is not None:  # The text is not repeated: it may hold a password.
        raise ConfigurationError(f"{name} must have no query, no fragment and no user name")
    return f"{text.rstrip('/')}/"
