"""Who the person's commands act as: contracts and tokens by profile, in a file that only its owner can read."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from privateshare.errors import ConfigurationError
from privateshare.sdk.client import PrivateShare
from privateshare.sdk.core import DEFAULT_BASE_URL
from privateshare.sdk.private_file import PrivateFile
from privateshare.sdk.tokens import UserAccessToken

FILE_NAME = "profiles.json"


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
            raise ConfigurationError("nobody is signed in; run: privateshare login")
        return UserAccessToken.from_json(self.token)


def profiles_file() -> Path:
    """Where profiles are kept."""
    from platformdirs import user_config_path

    return Path(os.environ.get("PRIVATESHARE_CONFIG") or user_config_path("privateshare")) / FILE_NAME


def load_profile(name: str) -> Profile:
    """A profile by name. Raises ConfigurationError if there is none."""
    found = _file().read().get(name)
    if found is None:
        raise ConfigurationError(f"there is no profile {name}; run: privateshare login --app … --contract … --key …")
    return Profile(**found)


def save_profile(name: str, profile: Profile) -> None:
    """Keeps a profile, in place of one of that name. Raises ConfigurationError if it cannot be written."""
    _file().change(lambda profiles: profiles | {name: asdict(profile)})


def open_client(name: str, profile: Profile) -> PrivateShare:
    """The SDK as this profile; a token that is refreshed is kept."""

    def keep(token: UserAccessToken) -> None:
        save_profile(name, Profile(**(asdict(profile) | {"token": token.to_json()})))

    try:
        key = Path(profile.key_file).read_text()
    except OSError as error:
        raise ConfigurationError(f"cannot read the key {profile.key_file}: {error.strerror}") from error
    return PrivateShare(
        profile.application_id,
        contract_id=profile.contract_id,
        private_key=key,
        base_url=profile.base_url,
        on_access_token_change=keep,
    )


def _file() -> PrivateFile:
    return PrivateFile(profiles_file(), "profiles")
