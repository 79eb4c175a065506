"""Tests of the OAuth tokens of sources."""

from privateshare.platform.library.credentials import without_refresh_token


def test_a_source_gets_no_refresh_token() -> None:
    """Fetching uses the access token and its companions. Only the platform itself uses the refresh token."""
    token = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "patient": "p1", "expires_at": 7}
    assert without_refresh_token(token) == {
        "access_token": "a",
        "token_type": "bearer",
        "patient": "p1",
        "expires_at": 7,
    }
