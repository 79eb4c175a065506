"""Profiles: contracts and tokens for the commands, in a file that only its owner can read."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from privateshare import PrivateShare, User
from privateshare.errors import ConfigurationError
from privateshare.sdk.defaults import DEFAULT_BASE_URL
from privateshare.sdk.local_files.private_file import PrivateFile
from privateshare.sdk.tokens import UserAccessToken

FILE_NAME = "profiles.json"
DEFAULT = "default"


@dataclass(frozen=True)
class AppProfile:
    """A contract on a platform, and the token of the person who consented to it, if anyone has.

    `folders` are the folders that the person's data was read into.
    """

    application_id: str
    contract_id: str
    key_file: str
    base_url: str = DEFAULT_BASE_URL
    token: str | None = field(default=None, repr=False)
    folders: tuple[str, ...] = ()

    def user_token(self) -> UserAccessToken:
        """Return the person's token. Raises ConfigurationError if nobody is signed in."""
        if self.token is None:
            raise ConfigurationError("nobody is signed in", hint="Run: privateshare login")
        return UserAccessToken.from_json(self.token)

    def with_token(self, token: UserAccessToken | None) -> "AppProfile":
        """Return a copy of the profile with another token."""
        return replace(self, token=token.to_json() if token else None)

    def with_folders(self, folders: "tuple[str, ...]") -> "AppProfile":
        """Return a copy of the profile with other folders."""
        return replace(self, folders=folders)


def profiles_file() -> Path:
    """Return the path of the file with all profiles."""
    from platformdirs import user_config_path

    return Path(os.environ.get("PRIVATESHARE_CONFIG") or user_config_path("privateshare")) / FILE_NAME


def find_profile(name: str) -> AppProfile | None:
    """Load a profile by name; None if it does not exist."""
    return load_profile(name) if name in _file().read() else None


def load_profile(name: str) -> AppProfile:
    """Load a profile by name. Raises ConfigurationError if it does not exist."""
    profiles = _file().read()
    if name not in profiles:
        existing = f"; there are: {', '.join(sorted(profiles))}" if profiles else ""
        login = "privateshare login" + ("" if name == DEFAULT else f" --profile {name}")
        raise ConfigurationError(
            f"there is no profile {name}{existing}", hint=f"Create it with: {login} --app … --contract … --key …"
        )
    try:
        return AppProfile(**profiles[name])
    except TypeError as error:
        raise ConfigurationError(
            f"the profile {name} in {profiles_file()} is invalid", hint="Delete the file, and run: privateshare login"
        ) from error


def save_profile(name: str, profile: AppProfile) -> None:
    """Store a profile, replacing one of the same name. Raises ConfigurationError if it cannot be written."""
    _file().change(lambda profiles: profiles | {name: asdict(profile)})


def remember_folder(name: str, folder: Path) -> None:
    """Note in a profile that data was read into a folder, so that `revoke` can say what is still there."""
    path = str(folder.absolute())

    def change(profiles: dict[str, Any]) -> dict[str, Any]:
        profile = profiles.get(name, {})
        folders = [known for known in profile.get("folders", ()) if known != path]
        return profiles | {name: profile | {"folders": [*folders, path]}}

    if path not in load_profile(name).folders:
        _file().change(change)


class ProfileTokens:
    """A token store for clients. Its keys are the names of profiles."""

    def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a profile; None if nobody is signed in."""
        profile = load_profile(key)
        return profile.user_token() if profile.token is not None else None

    def put(self, key: str, token: UserAccessToken) -> None:
        """Store the token of a profile, replacing the previous one."""
        self._change(key, token)

    def delete(self, key: str) -> None:
        """Delete the token of a profile, but not the profile."""
        self._change(key, None)

    def locked(self, key: str) -> AbstractContextManager[None]:
        """Lock a profile, so that only one process at a time refreshes its token."""
        return _file().locked(key)

    def _change(self, key: str, token: UserAccessToken | None) -> None:
        text = token.to_json() if token else None
        _file().change(lambda profiles: profiles | {key: profiles.get(key, {}) | {"token": text}})


def open_client(profile: AppProfile) -> PrivateShare:
    """Open an SDK client for a profile. Refreshed tokens are stored in the profile."""
    try:
        key = Path(profile.key_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise ConfigurationError(f"cannot read the key {profile.key_file}: {reason}") from error
    return PrivateShare(
        profile.application_id,
        contract_id=profile.contract_id,
        private_key=key,
        base_url=profile.base_url,
        token_store=ProfileTokens(),
    )


@contextmanager
def signed_in(name: str) -> Iterator[tuple[PrivateShare, User]]:
    """Open an SDK client for a profile and its person. Raises ConfigurationError if nobody is signed in."""
    profile = load_profile(name)
    profile.user_token()
    with open_client(profile) as client:
        yield client, client.user(name)


def _file() -> PrivateFile:
    return PrivateFile(profiles_file(), "profiles")
