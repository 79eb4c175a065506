"""Several ways to one account: people upload an export, or sign in, and both give objects of one schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from privateshare.sources import oauth
from privateshare.sources.contract import (
    AskingSource,
    Connection,
    GrantingSource,
    Identity,
    JsonObject,
    OwnedPages,
    Page,
    PublishedClientSource,
    ReadOnceSource,
    RevokingSource,
    SignIn,
    SignInSource,
    Skipped,
    Source,
    SourceInfo,
)
from privateshare.sources.local_servers import moved


class AskingSignInSource(SignInSource, AskingSource, Protocol):
    """A source with a sign-in at a server that the person names."""


class _UploadOrLive:
    """A source of exports that is also read live. If the live way ends, an account goes on with uploads."""

    def __init__(self, uploads: Source, live: Source) -> None:
        self._uploads, self._live_way = uploads, live
        self.reads_once = isinstance(uploads, ReadOnceSource) and uploads.reads_once
        types = dict.fromkeys((*uploads.info.object_types, *live.info.object_types))
        self.info: SourceInfo = replace(
            uploads.info,
            object_types=tuple(types),
            signs_in=live.info.signs_in,
            asks=live.info.asks,
            asks_title=live.info.asks_title,
            asks_text=live.info.asks_text,
            resumes=live.info.resumes,
            limits=live.info.limits,
            proves_person=live.info.proves_person,
        )

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account. Raises what the source of this way raises."""
        return self._way(connection).identify(connection)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of these types. Raises what the source of this way raises."""
        yield from self._way(connection).fetch(connection, cursors)
        only_live = {kind: cursor for kind, cursor in cursors.items() if kind not in self._uploads.info.object_types}
        if connection.sample is not None and only_live:
            yield from self._live_way.fetch(connection, only_live)

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the objects of an archive, and return whose it is. Raises Broken."""
        assert isinstance(self._uploads, ReadOnceSource)
        return self._uploads.read_once(connection)

    def _way(self, connection: Connection) -> Source:
        has_file = connection.sample is not None or connection.archive is not None
        return self._uploads if has_file else self._live_way


class UploadOrSignIn(_UploadOrLive):
    """A source of exports that people can also sign in to, such as where the operator has registered the platform."""

    def __init__(self, uploads: Source, live: SignInSource) -> None:
        super().__init__(uploads, live)
        self._live = live

    def at(self, address: str) -> "UploadOrSignIn":
        """Return the same source with one server in place of all of the provider's. Raises ConfigurationError."""
        return UploadOrSignIn(self._uploads, moved(self._live, address))

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        return self._live.sign_in(known)

    def not_granted(self, token: JsonObject) -> Sequence[int]:
        """Return the object types that a sign-in does not allow to read. Raises Broken or TryLater."""
        live = self._live
        return live.not_granted(token) if isinstance(live, GrantingSource) else ()

    def client_document(self, client_id: str, redirect_uri: str) -> JsonObject | None:
        """Return what is published of the platform; None if nothing is."""
        live = self._live
        return live.client_document(client_id, redirect_uri) if isinstance(live, PublishedClientSource) else None

    def revoke(self, token: JsonObject) -> bool:
        """Revoke a token, and return whether that succeeded."""
        live = self._live
        return live.revoke(token) if isinstance(live, RevokingSource) else oauth.revoke(live.sign_in(token), token)


class UploadOrSignInAtServer(UploadOrSignIn):
    """A source of exports that people can also sign in to, at a server that they name."""

    def __init__(self, uploads: Source, live: AskingSignInSource) -> None:
        super().__init__(uploads, live)
        self._server = live

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Check the answers, and return what is stored. Raises Broken or TryLater."""
        return self._server.prepare(answers, redirect_uri)


class UploadOrAnswers(_UploadOrLive):
    """A source of exports that is also read live with what the person types, such as a token or an app password."""

    def __init__(self, uploads: Source, live: AskingSource) -> None:
        super().__init__(uploads, live)
        self._asking = live

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Check the answers, and return what is stored. Raises Broken or TryLater."""
        return self._asking.prepare(answers, redirect_uri)
