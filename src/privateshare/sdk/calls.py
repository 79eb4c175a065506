"""The blocking client's calls beside the five steps: pages, accounts, discovery, pushing, storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from privateshare.sdk import flows

if TYPE_CHECKING:
    import os

    from privateshare.protocol.discovery import (
        CatalogueRecord,
        CategoryRecord,
        CountryRecord,
        SourceQuery,
        SourcesPage,
    )
    from privateshare.protocol.messages import ContractDetails, PushDescriptor, SessionOptions, Storage, StorageFile
    from privateshare.sdk.consent import AuthorizeUrl, PageOptions, PageUrl
    from privateshare.sdk.core import Core
    from privateshare.sdk.flow import Flow
    from privateshare.sdk.sinks import File, OnProgress
    from privateshare.sdk.tokens import Holder
    from privateshare.sdk.uploads import Content

T = TypeVar("T")


class Calls:
    """Each drives one flow. See `PrivateShare`."""

    _core: Core

    def _drive(self, flow: Flow[T]) -> T:
        raise NotImplementedError

    def get_onboard_service_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: SessionOptions | None = None,
    ) -> PageUrl:
        """Where to send a person to connect one more source, and the session that then reads it.

        They come back to `redirect_uri` without a code. Raises InvalidToken, InvalidRedirectUri. Protocol 4.4, 8.1.
        """
        return self._drive(
            flows.pages.onboard(
                self._core.configuration,
                self._core.keys,
                user_access_token,
                redirect_uri,
                state,
                options,
                session_options,
            )
        )

    def get_reauthorize_account_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        account_id: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
    ) -> PageUrl:
        """Where to send a person to sign in to one source again: when its status says `reauth`.

        Raises InvalidToken, InvalidRedirectUri. Protocol 6.1, 7.3.
        """
        return self._drive(
            flows.pages.reauthorize_account(
                self._core.configuration,
                self._core.keys,
                user_access_token,
                redirect_uri,
                state,
                account_id,
                options,
            )
        )

    def get_reauthorize_url(
        self,
        user_access_token: Holder,
        redirect_uri: str,
        *,
        state: str | None = None,
        options: PageOptions | None = None,
        session_options: SessionOptions | None = None,
    ) -> AuthorizeUrl:
        """Where to send a person to renew a grant whose tokens have expired; they come back with a code.

        The token may be expired, and must be one that was valid. Raises InvalidToken. Protocol 4.4, 8.1.
        """
        return self._drive(
            flows.pages.reauthorize(
                self._core.configuration,
                self._core.keys,
                user_access_token,
                redirect_uri,
                state,
                options,
                session_options,
            )
        )

    def get_revoke_account_permission_url(self, user_access_token: Holder, account_id: str, redirect_uri: str) -> str:
        """Where to send a person to withdraw what they granted at a source.

        Raises NotFound for an account that this contract cannot see. Protocol 7.4.
        """
        return self._drive(
            flows.pages.revoke_account_permission(self._core.configuration, user_access_token, account_id, redirect_uri)
        )

    def delete_account(self, user_access_token: Holder, account_id: str) -> None:
        """Removes one of the person's accounts, its credentials and every file that came from it.

        Raises NotFound for an account that this contract cannot see. Protocol 7.2.
        """
        self._drive(flows.accounts.delete_account(self._core.configuration, user_access_token, account_id))

    def delete_user(self, user_access_token: Holder) -> None:
        """Deletes the person as far as your organisation is concerned; the token stops working at once.

        Protocol 7.5.
        """
        self._drive(flows.accounts.delete_user(self._core.configuration, user_access_token))

    def query_sources(
        self,
        query: SourceQuery | None = None,
        *,
        limit: int = 20,
        offset: int = 0,
        sort: Literal["asc", "desc"] | None = None,
    ) -> SourcesPage:
        """A page of the catalogue's sources, sorted by name if asked to.

        Raises InvalidRequest naming a field. Protocol 9.2.
        """
        return self._drive(flows.discovery.query_sources(self._core.configuration, query, limit, offset, sort))

    def query_categories(self, query: SourceQuery | None = None) -> list[CategoryRecord]:
        """The catalogue's categories; `filter` by id, `include` fields. Protocol 9.3."""
        return self._drive(flows.discovery.query_categories(self._core.configuration, query))

    def query_countries(self, query: SourceQuery | None = None) -> list[CountryRecord]:
        """The catalogue's countries; `filter` by id, `include` fields. Protocol 9.3."""
        return self._drive(flows.discovery.query_countries(self._core.configuration, query))

    def query_platforms(self, query: SourceQuery | None = None) -> list[CatalogueRecord]:
        """The catalogue's platforms; `filter` by id, `include` fields. Protocol 9.3."""
        return self._drive(flows.discovery.query_platforms(self._core.configuration, query))

    def query_source_types(self, query: SourceQuery | None = None) -> list[CatalogueRecord]:
        """The catalogue's source types; `filter` by id, `include` fields. Protocol 9.3."""
        return self._drive(flows.discovery.query_source_types(self._core.configuration, query))

    def get_contract_details(self) -> ContractDetails:
        """This contract as the platform knows it, with its certificate. Protocol 12.1."""
        return self._drive(flows.discovery.contract_details(self._core.configuration))

    def get_portability_report(
        self,
        user_access_token: Holder,
        service_type: str,
        *,
        format: Literal["xml", "json", "fhir"] = "xml",
        from_: int | None = None,
        to: int | None = None,
    ) -> str:
        """What the library holds of a service type (such as "spotify"), for this contract, as one text.

        `from_` and `to` in seconds since the epoch. Protocol 12.3.
        """
        return self._drive(
            flows.discovery.portability_report(
                self._core.configuration, user_access_token, service_type, format, from_, to
            )
        )

    def push_data(self, user_access_token: Holder, content: Content, descriptor: PushDescriptor) -> None:
        """Keeps a file in the person's library; whole, or not at all. Needs a write contract.

        `content`: bytes, a path, an open binary file, or an iterator of pieces; it is streamed, whatever its size.
        Raises InvalidContractDataRequest, RequestTooLarge. Protocol 10.1.
        """
        self._drive(flows.push.push_data(self._core.configuration, user_access_token, content, descriptor))

    def push_data_to_provider(
        self, user_access_token: Holder, account_id: str, standard: str, version: str, data: Any
    ) -> Any:
        """Hands a resource (JSON) to the source of an account, and gives what the source answered. Protocol 10.2."""
        return self._drive(
            flows.push.push_to_provider(
                self._core.configuration, user_access_token, account_id, standard, version, data
            )
        )

    def create_provisional_storage(self) -> Storage:
        """A new storage, tied to no person yet: to the one who consents with it in `PageOptions.storage_ref`.

        Protocol 11.1.
        """
        return self._drive(flows.storage.create_provisional(self._core.configuration))

    def get_storage_reference(self, storage_id: str) -> str:
        """An opaque handle of a storage for `PageOptions.storage_ref`. Protocol 4.5."""
        return self._drive(flows.pages.reference(self._core.configuration, "cloudId", storage_id))

    def get_user_storage(self, user_access_token: Holder) -> Storage:
        """The storage that this application has for the person. Raises NotFound if there is none. Protocol 11.1."""
        return self._drive(flows.storage.user_storage(self._core.configuration, user_access_token))

    def list_storage_files(self, storage_id: str, path: str = "/", *, recursive: bool = False) -> list[StorageFile]:
        """The files of a folder; with `recursive`, those in its folders too. Protocol 11.3."""
        return self._drive(flows.storage.list_files(self._core.configuration, storage_id, path, recursive=recursive))

    def upload_file_to_storage(self, storage_id: str, path: str, content: Content) -> str:
        """The id of a file that was encrypted under this contract's key and stored: the platform cannot read it.

        `content`: bytes, a path, an open binary file, or an iterator of pieces; it is streamed, whatever its size.
        Raises RequestTooLarge, NotFound. Protocol 11.3, 11.4.
        """
        return self._drive(flows.storage.upload(self._core.configuration, storage_id, path, content))

    def download_storage_file(
        self,
        storage_id: str,
        path: str,
        *,
        to: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> File:
        """A stored file, opened; in memory, or written to `to` in constant memory, `on_progress` being told how far.

        It carries no checksum: a change that leaves its padding whole is not noticed. Raises NotFound,
        FileDecryptionError, FileIntegrityError. Protocol 11.3, 11.4.
        """
        return self._drive(
            flows.storage.download(
                self._core.configuration, storage_id, path, Path(to) if to is not None else None, on_progress
            )
        )

    def delete_storage_files(self, storage_id: str, path: str) -> None:
        """Removes a file, or for a path ending in "/" a folder with all that is in it.

        Raises NotFound. Protocol 11.3.
        """
        self._drive(flows.storage.delete(self._core.configuration, storage_id, path))
