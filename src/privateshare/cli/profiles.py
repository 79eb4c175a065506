"""Who the person's commands act as: contracts and tokens by profile, in a file that only its owner can read."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from privateshare.errors import ConfigurationError
from privateshare.sdk.client import PrivateShare
from privateshare.sdk.core import DEFAULT_BASE_URL
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
    found = _read().get(name)
    if found is None:
        raise ConfigurationError(f"there is no profile {name}; run: privateshare login --app … --contract … --key …")
    return Profile(**found)


def save_profile(name: str, profile: Profile) -> None:
    """Keeps a profile; the file is written aside and renamed, readable by its owner alone."""
    path = profiles_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(_read() | {name: asdict(profile)}, file, indent=1)
    aside.replace(path)


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


def _read() -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = json.loads(profiles_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(f"{profiles_file()} is not a file of profiles") from error
    return found
