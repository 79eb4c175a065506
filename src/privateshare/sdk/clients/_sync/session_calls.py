# Generated from `sdk/clients/_async/session_calls.py` by `make sync-client`. Do not edit.
"""Calls of the blocking client about sessions and files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from privateshare.sdk.arguments import check_callback, optional_path
from privateshare.sdk.clients._sync.driven_client import DrivenClient
from privateshare.sdk.clients._sync.lazy_modules import (
    file,
    file_reader,
    file_receiver,
    messages,
    on_threads,
    reading_handle,
    sessions,
)
from privateshare.sdk.defaults import PARALLEL_DOWNLOADS
from privateshare.sdk.tokens import Holder, UserAccessToken


class SessionCalls(DrivenClient):
    """Calls about sessions and files. Protocol 5, 6."""

    def read_session(
        self, user_access_token: Holder, session_options: messages.SessionOptions | None = None
    ) -> messages.Session:
        """Start a session. The platform begins to fetch what is new at the person's sources.

        Args:
            user_access_token: The user's token, or a user of the token store.
            session_options: What to read. By default it is all that the contract and the person allow.

        Returns:
            The session. It ends after 24 hours; `expiry` is in milliseconds since the epoch.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InsufficientScope: The contract allows one reading for each consent, and that was used.
            InvalidContractDataRequest: The contract is not for reading.
            ScopeOutOfBounds: The options ask for more than the contract allows.
            InvalidRequest: An option is wrong. The message names it.

        Protocol 5.1.
        """
        return self._drive(sessions.read_session(self._core, user_access_token, session_options))

    def read_file_list(self, session_key: messages.Session | str, user_access_token: Holder) -> messages.FileList:
        """Read the status of a session, and the files that it has so far.

        Args:
            session_key: The key of the session, or the session itself.
            user_access_token: The user's token, or a user of the token store.

        Returns:
            The status and the files. While the session is `running`, more files may come.

        Raises:
            InvalidSession: The session is unknown, has expired, or belongs to another contract.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            InvalidAnswer: An entry of the list cannot be parsed.

        Protocol 6.1.
        """
        return self._drive(sessions.read_file_list(self._core, user_access_token, sessions.key_of(session_key)))

    def read_file(
        self,
        session_key: messages.Session | str,
        file_name: str,
        user_access_token: Holder,
        *,
        to: str | os.PathLike[str] | None = None,
        on_progress: file_receiver.OnProgress | None = None,
    ) -> file.File:
        """Read one file, decrypt and check it.

        Args:
            session_key: The key of the session, or the session itself.
            file_name: The name of the file, as in `FileEntry.name`.
            user_access_token: The user's token, or a user of the token store.
            to: Where the file is written. It is complete or not there, and may be larger than the memory. By default
                the file stays in memory, up to 512 MB.
            on_progress: Is called with how many bytes of the encrypted file have arrived, and with its size in bytes if
                that is known. It may run on another thread.

        Returns:
            The file, with its content in `data`, or on disk at `path` if `to` was given.

        Raises:
            FileNotFound: The session has no such file.
            InvalidSession: The session is unknown, has expired, or belongs to another contract.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            DataUnreadable: What the platform stored is damaged or lost.
            FileDecryptionError: The private key does not decrypt the file. It may be another contract's.
            FileIntegrityError: The file was cut or changed on its way.
            ConfigurationError: The file is too large for the memory.
            OSError: The file cannot be written to `to`.

        Protocol 6.3, 6.5.
        """
        path = optional_path("to", to)
        key = sessions.key_of(session_key)
        return self._drive(sessions.read_file(self._core, user_access_token, key, file_name, path, on_progress))

    def read_file_metadata(
        self, session_key: messages.Session | str, file_name: str, user_access_token: Holder
    ) -> messages.FileHeader:
        """Read what the platform tells about a file, without its content.

        Args:
            session_key: The key of the session, or the session itself.
            file_name: The name of the file, as in `FileEntry.name`.
            user_access_token: The user's token, or a user of the token store.

        Returns:
            The metadata. `size`, in bytes, and `sha256` are of the decrypted content.

        Raises:
            FileNotFound: The session has no such file.
            InvalidSession: The session is unknown, has expired, or belongs to another contract.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.
            DataUnreadable: What the platform stored is damaged or lost.

        Protocol 6.4.
        """
        key = sessions.key_of(session_key)
        return self._drive(sessions.read_file_metadata(self._core, user_access_token, key, file_name))

    def read_all_files(
        self,
        session_key: messages.Session | str,
        user_access_token: Holder,
        *,
        into: str | os.PathLike[str] | None = None,
        on_file_data: file_reader.OnFile | None = None,
        on_file_error: file_reader.OnError | None = None,
        on_status_change: file_reader.OnStatus | None = None,
        on_access_token_change: Callable[[UserAccessToken], object] | None = None,
        parallel: int = PARALLEL_DOWNLOADS,
        timeout: float | None = None,
    ) -> reading_handle.Reading:
        """Start to read all files of a session, each as soon as it is ready, several at a time.

        Iterate over the handle to get the files, or give `on_file_data` and call `result()` to wait for the end. Use
        the handle in a `with` block, or call its `close`, if you may leave the loop early.

        Args:
            session_key: The session, or its key: the one that the consent started, or one from `read_session`.
            user_access_token: The user's token, or a user of the token store.
            into: A folder where the files are written. A later reading into it fetches only files that are missing
                there or newer on the platform. It belongs to one person and contract: for others, the loop and
                `result()` raise ConfigurationError. In its path, `{user}` stands for the user's key in the token
                store, or else the user id of the token.
            on_file_data: Is called with each file.
            on_file_error: Is called with each file that cannot be read. All others are read nevertheless. Without this
                callback the loop over the handle raises FilesNotRead at its end; `result()` has the errors in any case.
            on_status_change: Is called with the status of the session when it changes.
            on_access_token_change: Is called with a token that is refreshed meanwhile, instead of the client's own
                callback.
            parallel: How many files are read at once.
            timeout: How many seconds the whole reading may take. Then the loop and `result()` raise ReadTimeout.

        Callbacks run on other threads, one at a time. An exception in a
        callback ends the reading, and the loop and `result()` raise it.

        Returns:
            The handle. It yields the files, and `result()` has what was read and what could not be.

        Raises:
            ConfigurationError: An argument is wrong, or the proxy or certificates of the environment cannot be used.

        Protocol 5, 6.
        """
        self._driver.check_open()
        given = {
            "on_file_data": on_file_data,
            "on_file_error": on_file_error,
            "on_status_change": on_status_change,
            "on_access_token_change": on_access_token_change,
        }
        for name, callback in given.items():
            check_callback(name, callback)
        tell = on_threads.callback_for_threads(on_access_token_change or self._core.on_access_token_change)
        store = on_threads.store_for_threads(self._core.token_store)
        callbacks = file_reader.Callbacks(
            on_threads.callback_for_threads(on_file_data),
            on_threads.callback_for_threads(on_file_error),
            on_threads.callback_for_threads(on_status_change),
        )
        begin = partial(
            file_reader.FileReader,
            replace(self._core, on_access_token_change=tell, token_store=store),
            session_key,
            user_access_token,
            callbacks,
            optional_path("into", into),
            parallel,
            timeout,
        )
        return reading_handle.Reading(begin)
