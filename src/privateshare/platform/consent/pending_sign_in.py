"""A sign-in at a source that is under way: which browser of which journey began it, and what it needs to come back.

The state that travels through the source is `{journey}.{secret}`. The rest stays here, sealed with a key that only the
browser of the journey can have made, and goes when the browser comes back: another browser cannot come back in its
place, and nobody twice.
"""

import hmac
from dataclasses import asdict, dataclass, field

import orjson

from privateshare.platform.consent.visit import Visit
from privateshare.platform.keys.secrets import new_secret
from privateshare.platform.keys.wrapping import open_value, seal_value
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import SignIn

PURPOSE = "sign-in under way"
CALLBACK_PATH = f"{ONBOARD_PATH}connected"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A person's leave to sign in at a source. `address` is where; the source sends them back to `redirect_uri`."""

    source_id: int
    redirect_uri: str
    address: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def begin(visit: Visit, source_id: int, sign_in: SignIn, platform_address: str) -> None:
    """Record that this browser goes to sign in; a sign-in that was begun before is given up."""
    state, verifier, redirect_uri = (
        f"{visit.cookie.tag}.{new_secret()}",
        new_verifier(),
        platform_address + CALLBACK_PATH,
    )
    address = oauth.authorization_address(sign_in, redirect_uri, state, verifier)
    leave = PendingSignIn(source_id, redirect_uri, address, state, verifier)
    content = orjson.dumps(asdict(leave))
    visit.journey.sealed_sign_in = seal_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, content)


def under_way(visit: Visit) -> PendingSignIn | None:
    """The sign-in that this browser began, None if there is none."""
    if visit.journey.sealed_sign_in is None:
        return None
    content = open_value(visit.key(PURPOSE), PURPOSE, visit.journey.id, visit.journey.sealed_sign_in)
    return PendingSignIn(**orjson.loads(content))


def take(visit: Visit, state: str) -> PendingSignIn | None:
    """The sign-in that the browser comes back from, once; None if the state is not that of the one under way."""
    leave = under_way(visit)
    if leave is None or not hmac.compare_digest(leave.state.encode(), state.encode()):
        return None
    visit.journey.sealed_sign_in = None
    return leave


def tag_of(state: str) -> str:
    """Which journey a state is of."""
    return state.partition(".")[0]
