"""What a client knows, and what flows and drivers share: configuration, the platform's keys, and newest tokens."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from privateshare.protocol import jwt
from privateshare.protocol.messages import PushDescriptor, Session, SessionOptions
from privateshare.sdk.arguments import check_callback, check_methods
from privateshare.sdk.configuration import Configuration, make_configuration
from privateshare.sdk.token_stores import AsyncTokenStore, TokenStore
from privateshare.sdk.tokens import NewestTokens, UserAccessToken

PlatformKeys = dict[tuple[str, str], RSAPublicKey]
"""The platform's signing keys, by the address of their key set (`jku`) and their id (`kid`). Protocol 3.3."""

MAX_REMEMBERED_SESSIONS = 10_000
"""How many sessions a client remembers the options of. Those that began longest ago are forgotten first."""

MAX_SIGNED_DESCRIPTORS = 100


class BegunSessions:
    """What each session that a client began was asked to read, by the session's key."""

    def __init__(self) -> None:
        self._options: OrderedDict[str, SessionOptions] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, session: Session, options: SessionOptions | None) -> Session:
        """Remember the options that a session began with, and return the session."""
        with self._lock:
            self._options[session.key] = options or SessionOptions()
            if len(self._options) > MAX_REMEMBERED_SESSIONS:
                self._options.popitem(last=False)
        return session

    def options_of(self, key: str) -> SessionOptions | None:
        """Return the options of a session; None if this client did not begin it."""
        with self._lock:
            return self._options.get(key)


class SignedDescriptors:
    """The newest descriptors of pushed files as signed JWTs, by their content.

    Files that are pushed one after the other often have the same descriptor, and signing one takes a good part of the
    time that the SDK needs for a push. The JWT has no time and no nonce (protocol 10.1), so it can be sent again.
    """

    def __init__(self) -> None:
        self._signed: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def sign(self, key: RSAPrivateKey, descriptor: PushDescriptor) -> str:
        """Return a descriptor as a signed JWT."""
        content = descriptor.model_dump_json(by_alias=True)
        with self._lock:
            signed = self._signed.get(content)
        if signed is None:
            signed = jwt.sign(key, {"metadata": descriptor.to_wire()})
            with self._lock:
                self._signed[content] = signed
                if len(self._signed) > MAX_SIGNED_DESCRIPTORS:
                    self._signed.popitem(last=False)
        return signed


@dataclass(frozen=True)
class Core:
    """Configuration, known keys, newest tokens, begun sessions and signed descriptors. Two clients may share one.

    `unsaved` are the keys of users whose newest token could not be written to the store. `has_warned` is set once the
    app was warned that nothing keeps its refreshed tokens.
    """

    configuration: Configuration
    on_access_token_change: Callable[[UserAccessToken], object] | None = None
    token_store: TokenStore | AsyncTokenStore | None = None
    keys: PlatformKeys = field(default_factory=dict)
    tokens: NewestTokens = field(default_factory=NewestTokens)
    unsaved: set[str] = field(default_factory=set)
    has_warned: threading.Event = field(default_factory=threading.Event)
    begun: BegunSessions = field(default_factory=BegunSessions)
    descriptors: SignedDescriptors = field(default_factory=SignedDescriptors)


def make_core(
    application_id: str,
    contract_id: str,
    private_key: str,
    *,
    base_url: str,
    onboard_url: str | None,
    storage_url: str | None,
    timeout: float,
    retries: int,
    on_access_token_change: Callable[[UserAccessToken], object] | None,
    token_store: TokenStore | AsyncTokenStore | None,
) -> Core:
    """Make the core of a client from its arguments. Raise ConfigurationError that names what is wrong."""
    check_callback("on_access_token_change", on_access_token_change)
    if token_store is not None:
        expected = 'a store such as FileTokenStore("tokens.json"): an object with get, put and delete'
        check_methods("token_store", token_store, ("get", "put", "delete"), expected)
    addresses = {"base_url": base_url, "onboard_url": onboard_url, "storage_url": storage_url}
    configuration = make_configuration(application_id, contract_id, private_key, addresses, timeout, retries)
    return Core(configuration, on_access_token_change, token_store)
