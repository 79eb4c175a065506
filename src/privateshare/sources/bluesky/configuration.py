"""The settings of Bluesky. It works without any."""

from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import Field, SecretStr, model_validator

from privateshare.sources.configuration import SourceSettings

CURVE = "P-256"
MAX_KEY_BYTES = 64 * 1024


class Settings(SourceSettings):
    """The settings `[sources.bluesky]`."""

    private_addresses: bool = Field(
        default=False,
        description="Whether people may name servers of this machine and of private networks, and without TLS: "
        "only for development.",
    )
    private_key: SecretStr | None = Field(
        default=None,
        description="A private key of the curve P-256, as PEM. With it, people sign in at their server in place of "
        "making an app password. The platform must be reached by https from the internet.",
    )
    private_key_file: Path | None = Field(
        default=None, description="A file with the private key, in place of `private_key`."
    )

    @model_validator(mode="after")
    def _check_key(self) -> "Settings":
        if self.private_key is not None and self.private_key_file is not None:
            raise ValueError("has private_key and private_key_file: set one of them")
        _ = self.key
        return self

    @property
    def key(self) -> str | None:
        """The private key as PEM, if there is one. Raises ValueError if it cannot be used."""
        if self.private_key_file is not None:
            try:
                with self.private_key_file.expanduser().open("rb") as file:
                    text = file.read(MAX_KEY_BYTES).decode("ascii", "replace")
            except OSError as error:
                raise ValueError(f"cannot read the file {self.private_key_file}: {error.strerror}") from None
        elif self.private_key is not None:
            text = self.private_key.get_secret_value()
        else:
            return None
        try:
            key = ECKey.import_key(text)
            is_usable = key.is_private and key.curve_name == CURVE
        except (JoseError, ValueError, TypeError):
            is_usable = False
        if not is_usable:
            raise ValueError("private_key must be a private key of the curve P-256, as PEM")
        return text
