"""The parameters of calls have the names of the official Node.js client, in snake_case, and each is a keyword."""

import inspect

import pytest

from privateshare import AsyncPrivateShare, PrivateShare

PAGE = {"service_id", "sample_data", "locale", "source_type", "include_sample_data_only_sources", "trigger_query"}
NODE = {
    "get_authorize_url": PAGE
    | {"callback", "state", "sources_scope", "storage_id", "session_options", "user_access_token"},
    "get_onboard_service_url": PAGE | {"callback", "state", "sources_scope", "session_options", "user_access_token"},
    "get_reauthorize_url": {"callback", "state", "locale", "session_options", "trigger_query", "user_access_token"},
    "get_reauthorize_account_url": {"callback", "user_access_token", "account_id", "locale"},
    "get_revoke_account_permission_url": {"user_access_token", "account_id", "redirect_uri"},
    "exchange_code_for_token": {"authorization_code", "code_verifier"},
    "refresh_token": {"user_access_token"},
    "read_session": {"user_access_token", "session_options"},
    "read_file_list": {"session_key", "user_access_token"},
    "read_file": {"session_key", "file_name", "user_access_token"},
    "read_file_metadata": {"session_key", "file_name", "user_access_token"},
    "read_all_files": {
        "session_key",
        "user_access_token",
        "on_file_data",
        "on_file_error",
        "on_status_change",
        "on_access_token_change",
    },
    "read_accounts": {"user_access_token"},
    "delete_account": {"user_access_token", "account_id"},
    "delete_user": {"user_access_token"},
    "push_data": {"user_access_token", "file_data", "file_descriptor"},
    "push_data_to_provider": {"user_access_token", "account_id", "standard", "version", "data"},
    "get_portability_report": {"user_access_token", "format", "service_type", "from_", "to"},
    "get_service_sample_data_sets": {"source_id"},
    "list_storage_files": {"storage_id", "path", "recursive"},
    "download_storage_file": {"storage_id", "path"},
    "upload_file_to_storage": {"storage_id", "path", "file_data"},
    "delete_storage_files": {"storage_id", "path"},
    "get_user_storage": {"user_access_token"},
}


@pytest.mark.parametrize("client", [PrivateShare, AsyncPrivateShare])
@pytest.mark.parametrize("call", NODE)
def test_what_the_guide_passes_is_a_keyword(client: type, call: str) -> None:
    """So that a guide for the Node.js client can be followed word by word."""
    parameters = inspect.signature(getattr(client, call)).parameters
    assert NODE[call] <= {
        name for name, found in parameters.items() if found.kind is not inspect.Parameter.POSITIONAL_ONLY
    }
