"""A sign-in at a source that is under way: which browser of which journey began it, and what it needs to come back.

The state that travels through the source is `{journey}.{secret}`. The rest stays here, sealed with a key that only the
browser of the journey can have made, and goes when the browser comes back: another browser cannot come back in its
place, and nobody twice.
"""

import hmac
from dataclasses import asdict, dataclass, field

import orjson

from privateshare.platform import upstream
from privateshare.platform.consent.walk import Walk
from privateshare.platform.grants.secrets import new_secret
from privateshare.platform.library.keys import open_value, seal_value
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.protocol.pkce import new_verifier
from privateshare.sources.contract import SignIn

PURPOSE = "sign-in under way"
CALLBACK_PATH = f"{ONBOARD_PATH}connected"


@dataclass(frozen=True, slots=True)
class Leave:
    """A person's leave to sign in at a source. `address` is where; the source sends them back to `redirect_uri`."""

    source_id: int
    redirect_uri: str
    address: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def begin(walk: Walk, source_id: int, sign_in: SignIn, platform_address: str) -> None:
    """Record that this browser goes to sign in; a sign-in that was begun before is given up."""
    state, verifier, redirect_uri = (
        f"{walk.visit.tag}.{new_secret()}",
        new_verifier(),
        platform_address + CALLBACK_PATH,
    )
    address = upstream.authorization_address(sign_in, redirect_uri, state, verifier)
    leave = Leave(source_id, redirect_uri, address, state, verifier)
    content = orjson.dumps(asdict(leave))
    walk.journey.sealed_sign_in = seal_value(walk.key(PURPOSE), PURPOSE, walk.journey.id, content)


def under_way(walk: Walk) -> Leave | None:
    """The sign-in that this browser began, None if there is none."""
    if walk.journey.sealed_sign_in is None:
        return None
    content = open_value(walk.key(PURPOSE), PURPOSE, walk.journey.id, walk.journey.sealed_sign_in)
    return Leave(**orjson.loads(content))


def take(walk: Walk, state: str) -> Leave | None:
    """The sign-in that the browser comes back from, once; None if the state is not that of the one under way."""
    leave = under_way(walk)
    if leave is None or not hmac.compare_digest(leave.state.encode(), state.encode()):
        return None
    walk.journey.sealed_sign_in = None
    return leave


def tag_of(state: str) -> str:
    """Which journey a state is of."""
    return state.partition(".")[0]
