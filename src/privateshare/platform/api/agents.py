"""The check for SDKs that the operator has blocked. Protocol 13."""

from collections.abc import Mapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from privateshare.errors import ConfigurationError, SDKInvalid, SDKVersionInvalid


def check_agent(blocked: Sequence[str], agent: Mapping[str, Any] | None) -> None:
    """Check that the settings do not block the client's SDK. Raises SDKInvalid or SDKVersionInvalid.

    Clients send `{"sdk": {"name", "version"}}`, and iOS sends the two fields without `sdk` (protocol 4.1). `blocked`
    has entries such as `js`, which blocks all versions, and `js<16.0`.
    """
    sdk = (agent or {}).get("sdk") or agent or {}
    name, version = (
        (str(sdk.get(field) or "") for field in ("name", "version")) if isinstance(sdk, Mapping) else ("", "")
    )
    for rule in map(_requirement, blocked):
        if rule.name.casefold() != name.casefold():
            continue
        if not rule.specifier:
            raise SDKInvalid(f"The SDK {name} is not allowed here")
        if _version(version) is None or rule.specifier.contains(str(_version(version)), prereleases=True):
            raise SDKVersionInvalid(f"The version {version or 'unknown'} of the SDK {name} is not allowed here")


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise ConfigurationError(
            f"PRIVATESHARE_BLOCKED_SDKS has the invalid entry {text!r}; write entries like js or js<16.0"
        ) from error


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
