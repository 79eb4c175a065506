"""Who the person's commands act as: contracts and tokens by profile, in a file that only its owner can read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from privateshare.errors import ConfigurationError
from privateshare.sdk.client import PrivateShare
from privateshare.sdk.core import DEFAULT_BASE_URL
from privateshare.sdk.private_file import PrivateFile
from privateshare.sdk.tokens import UserAccessToken

FILE_NAME = "profiles.json"
DEFAULT = "default"


@dataclass(frozen=True)
class Profile:
    """A contract on a platform, and a person's token for it once they consented."""

    application_id: str
    contract_id: str
    key_file: str
    base_url: str = DEFAULT_BASE_URL
    token: str | None = field(default=None, repr=False)

    def user_token(self) -> UserAccessToken:
        """The person's token. Raises ConfigurationError if there is none yet."""
        if self.token is None:
            raise ConfigurationError("nobody is signed in", hint="Run: privateshare login")
        return UserAccessToken.from_json(self.token)

    def with_token(self, token: UserAccessToken | None) -> "Profile":
        """The same contract, with this person's token."""
        return replace(self, token=token.to_json() if token else None)


def profiles_file() -> Path:
    """Where profiles are kept."""
    from platformdirs import user_config_path

    return Path(os.environ.get("PRIVATESHARE_CONFIG") or user_config_path("privateshare")) / FILE_NAME


def load_profile(name: str) -> Profile:
    """A profile by name. Raises ConfigurationError if there is none."""
    profiles = _file().read()
    if name not in profiles:
        there = f"; there are: {', '.join(sorted(profiles))}" if profiles else ""
        login = "privateshare login" + ("" if name == DEFAULT else f" --profile {name}")
        raise ConfigurationError(
            f"there is no profile {name}{there}", hint=f"Make one: {login} --app … --contract … --key …"
        )
    try:
        return Profile(**profiles[name])
    except TypeError as error:
        raise ConfigurationError(f"the profile {name} in {profiles_file()} is not one that login wrote") from error


def save_profile(name: str, profile: Profile) -> None:
    """Keeps a profile, in place of one of that name. Raises ConfigurationError if it cannot be written."""
    _file().change(lambda profiles: profiles | {name: asdict(profile)})


def open_client(name: str, profile: Profile) -> PrivateShare:
    """The SDK as this profile; a token that is refreshed is kept."""
    try:
        key = Path(profile.key_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise ConfigurationError(f"cannot read the key {profile.key_file}: {reason}") from error
    return PrivateShare(
        profile.application_id,
        contract_id=profile.contract_id,
        private_key=key,
        base_url=profile.base_url,
        on_access_token_change=lambda token: save_profile(name, profile.with_token(token)),
    )


@contextmanager
def signed_in(name: str) -> Iterator[tuple[PrivateShare, UserAccessToken]]:
    """The SDK as a profile, and the person's token. Raises ConfigurationError if nobody is signed in."""
    profile = load_profile(name)
    token = profile.user_token()
    with open_client(name, profile) as client:
        yield client, token


def _file() -> PrivateFile:
    return PrivateFile(profiles_file(), "profiles")
