"""The settings of the apps, from environment variables. README.md lists them."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from privateshare import FileTokenStore

REQUIRED = ("PRIVATESHARE_APPLICATION_ID", "PRIVATESHARE_CONTRACT_ID", "PRIVATESHARE_PRIVATE_KEY", "APP_SECRET")


@dataclass(frozen=True, slots=True)
class Settings:
    """An app's contract, its own address and secret, and where it keeps people's tokens."""

    application_id: str
    contract_id: str
    private_key: str = field(repr=False)
    base_url: str
    secret: str = field(repr=False)
    address: str
    tokens: FileTokenStore

    @property
    def redirect_uri(self) -> str:
        """The redirect URI of the app."""
        return f"{self.address}/consent/return"

    @property
    def secure(self) -> bool:
        """Whether cookies may only be sent over TLS."""
        return self.address.startswith("https:")


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. If one is missing, exit with a message that names it."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        sys.exit(f"missing in the environment: {', '.join(missing)}; examples/README.md explains them")
    key = Path(environment["PRIVATESHARE_PRIVATE_KEY"])
    if not key.is_file():
        sys.exit(f"PRIVATESHARE_PRIVATE_KEY must be the path of the contract's key; there is no file {key}")
    return Settings(
        environment["PRIVATESHARE_APPLICATION_ID"],
        environment["PRIVATESHARE_CONTRACT_ID"],
        key.read_text("utf-8"),
        environment.get("PRIVATESHARE_BASE_URL", "http://127.0.0.1:8790/v1.7/"),
        environment["APP_SECRET"],
        environment.get("APP_ADDRESS", "http://127.0.0.1:8000").rstrip("/"),
        FileTokenStore(environment.get("APP_TOKENS", "tokens.json")),
    )
