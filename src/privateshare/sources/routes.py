"""Several ways to one account: people upload an export, or sign in, and both give objects of one schema."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from privateshare.sources import oauth
from privateshare.sources.contract import (
    Connection,
    Identity,
    JsonObject,
    Page,
    RevokingSource,
    SignIn,
    SignInSource,
    Skipped,
    Source,
    SourceInfo,
)


class UploadOrSignIn:
    """A source of exports that people can also sign in to, where the operator has registered the platform.

    If the provider ends its API, an account goes on with uploads.
    """

    def __init__(self, uploads: Source, live: SignInSource) -> None:
        self._uploads, self._live = uploads, live
        types = dict.fromkeys((*uploads.info.object_types, *live.info.object_types))
        self.info: SourceInfo = replace(
            uploads.info,
            object_types=tuple(types),
            signs_in=True,
            resumes=live.info.resumes,
            limits=live.info.limits,
        )

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account. Raises what the source of this way raises."""
        return self._way(connection).identify(connection)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of these types. Raises what the source of this way raises."""
        return self._way(connection).fetch(connection, cursors)

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        return self._live.sign_in(known)

    def revoke(self, token: JsonObject) -> bool:
        """Revoke a token, and return whether that succeeded."""
        live = self._live
        return live.revoke(token) if isinstance(live, RevokingSource) else oauth.revoke(live.sign_in(token), token)

    def _way(self, connection: Connection) -> Source:
        has_file = connection.sample is not None or connection.archive is not None
        return self._uploads if has_file else self._live
