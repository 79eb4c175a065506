# Generated from `sdk/clients/_async/storage_calls.py` by `make sync-client`. Do not edit.
"""Calls of the blocking client that send data: pushes, and the application's own storage."""

from __future__ import annotations

import os
from typing import Any

from privateshare.sdk.arguments import optional_path
from privateshare.sdk.clients._sync.driven_client import DrivenClient
from privateshare.sdk.clients._sync.lazy_modules import file, file_receiver, messages, push, references, storage
from privateshare.sdk.tokens import Holder
from privateshare.sdk.uploads import Content


class StorageCalls(DrivenClient):
    """Calls that send data: pushes, and the application's own storage. Protocol 10, 11."""

    def push_data(
        self, user_access_token: Holder, file_data: Content, file_descriptor: messages.PushDescriptor
    ) -> None:
        """Push a file into the person's library. It is stored completely or not at all. Needs a write contract.

        Args:
            user_access_token: The user's token, or a user of the token store.
            file_data: Bytes, a path, an open binary file, or an iterator of pieces. It is streamed and may be of any
                size.
            file_descriptor: What the file is.

        Raises:
            InvalidContractDataRequest: The contract is not one to write with.
            RequestTooLarge: The file is larger than the platform takes.
            InvalidRequest: The descriptor is wrong. The message names the field.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            ConfigurationError: The content is not of one of these kinds.
            OSError: The content cannot be read.

        Protocol 10.1.
        """
        self._drive(push.push_data(self._core, user_access_token, file_data, file_descriptor))

    def push_data_to_provider(
        self, user_access_token: Holder, account_id: str, standard: str, version: str, data: Any
    ) -> Any:
        """Send a resource to the source of an account.

        Args:
            user_access_token: The user's token, or a user of the token store.
            account_id: The id of the account, as in `Account.id`.
            standard: The standard of the resource, such as "fhir".
            version: The version of the standard: "stu3", "3.0.2", "r4" or "4.0.1".
            data: The resource, as a dictionary of values that JSON has.

        Returns:
            The response of the source, as values that JSON has.

        Raises:
            NotFound: There is no such account, or this contract cannot see it.
            InvalidRequest: The source refused the resource or does not take this version. The message tells why.
            InvalidContractDataRequest: The source takes no data, or the contract is not one to write with.
            ServiceAuthorizationError: The person has to sign in to the source again.
            Unavailable: The source is not available, or failed and may have kept the resource. The message tells which.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 10.2.
        """
        call = push.push_to_provider(self._core, user_access_token, account_id, standard, version, data)
        return self._drive(call)

    def create_provisional_storage(self) -> messages.Storage:
        """Create a storage that belongs to no person yet.

        Returns:
            The storage. It will belong to the person who consents with its reference in `PageOptions.storage_ref`.

        Protocol 11.1.
        """
        return self._drive(storage.create_provisional(self._core))

    def get_storage_reference(self, storage_id: str) -> str:
        """Exchange the id of a storage for an opaque reference.

        Args:
            storage_id: The id of the storage, as in `Storage.id`.

        Returns:
            The reference, for `PageOptions.storage_ref`. It can be used once, for half an hour. Whether the storage
            exists is checked only then.

        Protocol 4.5.
        """
        return self._drive(references.storage_reference(self._core, storage_id))

    def get_user_storage(self, user_access_token: Holder) -> messages.Storage:
        """Get the storage that this application has for the person.

        Args:
            user_access_token: The user's token, or a user of the token store.

        Returns:
            The storage. If there are several, it is the oldest.

        Raises:
            NotFound: The person has no storage.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 11.1.
        """
        return self._drive(storage.user_storage(self._core, user_access_token))

    def list_storage_files(
        self, storage_id: str, path: str = "/", *, recursive: bool = False
    ) -> list[messages.StorageFile]:
        """List the files of a folder in a storage.

        Args:
            storage_id: The id of the storage, as in `Storage.id`.
            path: The folder. As in all paths of a storage, no segment of it is "." or "..".
            recursive: Whether to list the files of its folders too.

        Returns:
            The files; none if there is no such folder. Sizes are in bytes, and dates in milliseconds since the epoch.

        Raises:
            NotFound: There is no such storage.

        Protocol 11.3.
        """
        return self._drive(storage.list_files(self._core, storage_id, path, recursive=recursive))

    def upload_file_to_storage(self, storage_id: str, path: str, file_data: Content) -> str:
        """Encrypt a file with this contract's key and store it. The platform cannot read it.

        Args:
            storage_id: The id of the storage, as in `Storage.id`.
            path: Where to store the file. A file that is there is replaced.
            file_data: Bytes, a path, an open binary file, or an iterator of pieces. It is streamed and may be of any
                size.

        Returns:
            The id of the stored file.

        Raises:
            NotFound: There is no such storage.
            InvalidRequest: The file did not arrive completely. Nothing was stored.
            RequestTooLarge: The file is larger than the platform takes.
            ConfigurationError: The content is not of one of these kinds.
            OSError: The content cannot be read.

        Protocol 11.3, 11.4.
        """
        return self._drive(storage.upload(self._core, storage_id, path, file_data))

    def download_storage_file(
        self,
        storage_id: str,
        path: str,
        *,
        to: str | os.PathLike[str] | None = None,
        on_progress: file_receiver.OnProgress | None = None,
    ) -> file.File:
        """Read a stored file and decrypt it with this contract's key.

        Stored files have no checksum: a change that keeps the padding intact is not noticed.

        Args:
            storage_id: The id of the storage, as in `Storage.id`.
            path: The path of the file.
            to: Where the file is written. It is complete or not there, and may be larger than the memory. By default
                the file stays in memory, up to 512 MB.
            on_progress: Is called with how many bytes of the encrypted file have arrived, and with its size in bytes if
                that is known. It may run on another thread.

        Returns:
            The file, with its content in `data`, or on disk at `path` if `to` was given.

        Raises:
            NotFound: There is no such file or storage.
            DataUnreadable: What the platform stored is damaged or lost.
            FileDecryptionError: The private key does not decrypt the file. It may be another contract's.
            FileIntegrityError: The file was cut on its way.
            ConfigurationError: The file is too large for the memory.
            OSError: The file cannot be written to `to`.

        Protocol 11.3, 11.4.
        """
        target = optional_path("to", to)
        return self._drive(storage.download(self._core, storage_id, path, target, on_progress))

    def delete_storage_files(self, storage_id: str, path: str) -> None:
        """Delete a file of a storage, or for a path that ends in "/" a folder with everything in it, if there is one.

        Args:
            storage_id: The id of the storage, as in `Storage.id`.
            path: The path of the file or folder.

        Raises:
            NotFound: There is no such file or storage.

        Protocol 11.3.
        """
        self._drive(storage.delete(self._core, storage_id, path))
