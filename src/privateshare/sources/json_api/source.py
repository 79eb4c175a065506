"""What all sources with a JSON API have in common. Each declares its lists and says where its API is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from privateshare.sources.contract import (
    PAGE_OBJECTS,
    Broken,
    Connection,
    Identity,
    JsonObject,
    NeedsLogin,
    Page,
    Skipped,
    SourceInfo,
    TryLater,
)
from privateshare.sources.json_api.listing import Listing, TypeReader, Wanted
from privateshare.sources.json_api.requests import ApiClient, ApiRefused, ApiRules
from privateshare.sources.object_building import account_of
from privateshare.sources.web import ServerReach


class JsonApiSource(ABC):
    """A source with a JSON API.

    Attributes:
        info: Its declaration.
        rules: How its API deviates from what is usual.
        listings: Its lists.
    """

    info: SourceInfo
    rules: ApiRules = ApiRules()
    listings: Sequence[Listing]

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account. Raises TryLater, NeedsLogin or Broken."""
        if connection.sample is not None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        with self._client(connection) as client:
            try:
                return self.owner(client, connection.token or {})
            except (ApiRefused, KeyError, ValueError, TypeError) as error:
                raise Broken(
                    "The service does not say whose account this is. Try again later, or choose another source."
                ) from error

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of these types that are new since their cursors. Raises TryLater or NeedsLogin."""
        if connection.sample is not None:
            yield from self._sample(connection, cursors)
            return
        known = connection.token or {}
        account = account_of(self.info.service_type, connection.provider_account_id)
        with self._client(connection) as client:
            known = self._details(client, known)
            for object_type in self.info.object_types:
                of_type = [listing for listing in self.listings if listing.object_type == object_type]
                if object_type not in cursors or not of_type:
                    continue
                wanted = Wanted(self.own_id(connection), known)
                reader = TypeReader(client, of_type, account, wanted, connection.left_out)
                yield from reader.read(cursors[object_type])

    @abstractmethod
    def api(self, known: JsonObject) -> str:
        """Return the base address of the API of an account."""

    @abstractmethod
    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask the API whose account it is.

        Raises the errors of the client, and KeyError, ValueError or TypeError if the response does not say it.
        """

    def sample_items(self, listing: str, now: datetime) -> Sequence[Any]:
        """Make the items of a list for the sample, as the API would provide them. None if exports have the sample."""
        del listing, now
        return ()

    def own_id(self, connection: Connection) -> str:
        """Return what the API calls the account."""
        return connection.provider_account_id

    def details(self, client: ApiClient, known: JsonObject) -> JsonObject:
        """Return what requests need to know of the account, which may need a request.

        Raises the errors of the client, and KeyError, ValueError or TypeError if the response does not say it.
        """
        del client
        return known

    def reach(self) -> ServerReach:
        """Return which servers may be reached."""
        return ServerReach.ANY

    def _client(self, connection: Connection) -> ApiClient:
        if connection.token is None:
            raise NeedsLogin("nobody is signed in")
        return ApiClient(self.rules, self.api(connection.token), connection, self.reach())

    def _details(self, client: ApiClient, known: JsonObject) -> JsonObject:
        try:
            return self.details(client, known)
        except (ApiRefused, KeyError, ValueError, TypeError) as error:
            raise TryLater("the API does not say what is needed of the account") from error

    def _sample(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        account, now = account_of(self.info.service_type, connection.provider_account_id), datetime.now(UTC)
        for listing in self.listings:
            if listing.object_type in cursors:
                mapped = (listing.map(item, account) for item in self.sample_items(listing.name, now))
                found = [thing for thing in mapped if thing is not None]
                for start in range(0, len(found), PAGE_OBJECTS):
                    yield Page(listing.object_type, found[start : start + PAGE_OBJECTS])
