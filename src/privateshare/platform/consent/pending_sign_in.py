"""A pending sign-in at a source: which browser of which journey started it, and what is needed to complete it.

The `state` that the source receives and returns is `{journey tag}.{secret}`. The rest is stored with the journey,
encrypted with a key that is derived from the browser's secret, and is deleted when the browser returns. So no other
browser can complete the sign-in, and it completes only once.
"""

import hmac
from dataclasses import asdict, dataclass, field
from uuid import UUID

import orjson

from privateshare.platform.consent.connections import identify_signed_in
from privateshare.platform.consent.visit import Visit
from privateshare.platform.keys.secrets import new_secret
from privateshare.platform.keys.wrapping import open_value, seal_value
from privateshare.platform.library.credentials import NOT_GRANTED, revoke_token
from privateshare.platform.library.server_clients import forget_client, with_client
from privateshare.platform.library.source_calls import call_source
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import (
    AskingSource,
    Broken,
    ClientForgotten,
    GrantingSource,
    Identity,
    JsonObject,
    RegisteringSource,
    SignInSource,
    SourceFailure,
)
from privateshare.sources.sign_in import SignIn

PURPOSE = "sign-in under way"
OWN_PAGES = "me-"  # The tag of a sign-in on the pages of a person begins with this, and ends with the browser.
CALLBACK_PATH = f"{ONBOARD_PATH}connected"
# Servers that people name get a redirect URI of their own. Such a server could send the browser to another source with
# the state of this sign-in, and would be sent the code of that source: a mix-up attack (RFC 9207). It must not begin
# with CALLBACK_PATH, since some providers accept longer addresses than those that are registered.
NAMED_SERVER_CALLBACK_PATH = f"{ONBOARD_PATH}signed-in"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that a browser started at `address`; the source redirects it to `redirect_uri`, with a code.

    `known` is what an `AskingSource` made of what the person typed.
    """

    source_id: int
    redirect_uri: str
    address: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    known: JsonObject = field(default_factory=dict, repr=False)
    code_parameter: str = "code"


def prepare_sign_in(source: SignInSource, tag: str, redirect_uri: str, known: JsonObject) -> PendingSignIn:
    """Make a sign-in that the browser of the journey `tag` can start. Blocks. Raises TryLater or Broken."""
    state, verifier = f"{tag}.{new_secret()}", new_verifier()
    sign_in = source.sign_in(known)
    address = oauth.authorization_address(sign_in, redirect_uri, state, verifier)
    return PendingSignIn(source.info.id, redirect_uri, address, state, verifier, known, sign_in.code_parameter)


async def make_sign_in(
    platform: Platform, source: SignInSource, tag: str, origin: str, known: JsonObject, begun: PendingSignIn | None
) -> PendingSignIn:
    """Make a sign-in that a browser can start. The platform registers itself at the server first if that is needed.

    Args:
        platform: The platform.
        source: The source.
        tag: What leads back to the journey, or to the person's own pages.
        origin: The platform's address as the browser has it.
        known: What the source made of what the person typed.
        begun: A sign-in that this browser began before, and did not come back from.

    Raises:
        Broken: The server does not allow it.
        TryLater: The server does not respond.
    """
    if not isinstance(source, RegisteringSource) or source.registers_at(known) is None:
        # Where the operator has registered the platform, the server knows the redirect URI of all other sources.
        is_named = isinstance(source, AskingSource) and not isinstance(source, RegisteringSource)
        redirect_uri = origin + (NAMED_SERVER_CALLBACK_PATH if is_named else CALLBACK_PATH)
        return await call_source(prepare_sign_in, source, tag, redirect_uri, known)
    redirect_uri = origin + NAMED_SERVER_CALLBACK_PATH
    abandoned = begun.known.get("client_id") if begun is not None and begun.source_id == source.info.id else None

    async def prepared() -> PendingSignIn:
        registered = await with_client(platform, source, known, redirect_uri, abandoned)
        try:
            return await call_source(prepare_sign_in, source, tag, redirect_uri, registered)
        except ClientForgotten:
            async with platform.database.transaction() as db:
                await forget_client(db, source, registered)
            raise

    try:
        return await prepared()
    except ClientForgotten:  # Now with a new registration.
        return await prepared()


def begin_sign_in(visit: Visit, pending: PendingSignIn) -> None:
    """Record that this browser starts a sign-in, in place of one that it started before."""
    content = orjson.dumps(asdict(pending))
    visit.journey.sealed_sign_in = seal_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, content)


def find_pending(visit: Visit) -> PendingSignIn | None:
    """Return the sign-in that this browser started, or None."""
    if visit.journey.sealed_sign_in is None:
        return None
    content = open_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, visit.journey.sealed_sign_in)
    return PendingSignIn(**orjson.loads(content))


def take_pending(visit: Visit, state: str) -> PendingSignIn | None:
    """Return and delete the pending sign-in; None if the state is not that of the pending one."""
    pending = find_pending(visit)
    if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
        return None
    visit.journey.sealed_sign_in = None
    return pending


async def exchange_for_account(
    platform: Platform, source: SignInSource, pending: PendingSignIn, code: str, issuer: str | None
) -> tuple[JsonObject, Identity]:
    """Fetch the source's token, and identify its account. Raises TryLater, NeedsLogin or Broken."""
    sign_in = await call_source(source.sign_in, pending.known)
    _check_issuer(sign_in, issuer)
    try:
        issued = await call_source(oauth.exchange_code, sign_in, pending.redirect_uri, code, pending.verifier)
    except ClientForgotten:
        async with platform.database.transaction() as db:
            await forget_client(db, source, pending.known)
        raise
    token = oauth.merged(pending.known, issued)
    try:
        if isinstance(source, GrantingSource):
            token[NOT_GRANTED] = [int(kind) for kind in await call_source(source.not_granted, token)]
        return token, await identify_signed_in(source, token)
    except SourceFailure:
        await revoke_token(platform.sources, source.info.id, token)
        raise


def _check_issuer(sign_in: SignIn, issuer: str | None) -> None:
    """Raise Broken if another authorization server sent the browser here. RFC 9207."""
    is_missing = issuer is None and sign_in.names_issuer
    if is_missing or (issuer is not None and sign_in.issuer is not None and issuer != sign_in.issuer):
        raise Broken("The source could not complete the sign-in. Try again later, or choose another source.")


def browser_of(state: str) -> UUID | None:
    """Return the browser in which a sign-in on a person's own pages was begun; None if it belongs to a journey."""
    tag = tag_of(state)
    try:
        return UUID(tag.removeprefix(OWN_PAGES)) if tag.startswith(OWN_PAGES) else None
    except ValueError:
        return None


def tag_of(state: str) -> str:
    """Return the tag of the journey that a state belongs to."""
    return state.partition(".")[0]
