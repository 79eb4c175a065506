"""`privateshare.testing`: the platform in memory, as an app's tests use it; and the SDK where a platform fails."""

from collections.abc import Iterator

import pytest

from privateshare import (
    AuthorizationFailed,
    FileNotFound,
    InvalidToken,
    NetworkError,
    PrivateShare,
    TooManyRequests,
    Unavailable,
    UserAccessToken,
)
from privateshare.testing import InMemoryPlatform

REDIRECT_URI = "http://127.0.0.1/return"
OBJECTS = [{"entityid": "1", "createddate": 1_700_000_000_000}, {"entityid": "2", "createddate": 1_700_000_000_001}]


@pytest.fixture
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


def sign_in(platform: InMemoryPlatform, app: PrivateShare) -> UserAccessToken:
    """A person who agrees."""
    asked = app.get_authorize_url(REDIRECT_URI)
    returned = app.read_return(platform.consent(asked.url), state=asked.state)
    return app.exchange_code_for_token(returned.code or "", asked.code_verifier)


def test_an_apps_test_reads_what_it_lent(platform: InMemoryPlatform):
    """The five steps without a database or a browser."""
    name = platform.lend("playhistory", OBJECTS)
    with platform.client() as app:
        token = sign_in(platform, app)
        files = list(app.read_all_files(app.read_session(token), token))
        assert [(file.name, file.json()) for file in files] == [(name, OBJECTS)]
        with pytest.raises(FileNotFound):
            app.read_file(app.read_session(token), "nothing.json", token)


async def test_it_serves_the_asyncio_client(platform: InMemoryPlatform):
    """With the same calls."""
    platform.lend("playhistory", OBJECTS)
    async with platform.async_client() as app:
        asked = await app.get_authorize_url(REDIRECT_URI)
        code = app.read_return(platform.consent(asked.url)).code
        token = await app.exchange_code_for_token(code or "", asked.code_verifier)
        names = [file.name async for file in app.read_all_files(asked.session, token)]
        assert len(names) == 1


def test_people_decline_and_say_stop(platform: InMemoryPlatform):
    """What an app must be ready for."""
    with platform.client() as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        with pytest.raises(AuthorizationFailed, match="USER_CANCEL"):
            app.read_return(platform.decline(asked.url))
        token = sign_in(platform, app)
        platform.stop()
        with pytest.raises(InvalidToken):
            app.read_session(token)


def test_a_code_works_once_with_its_verifier(platform: InMemoryPlatform):
    """As on a real platform."""
    with platform.client() as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        code = app.read_return(platform.consent(asked.url)).code or ""
        with pytest.raises(Exception, match="code_verifier"):
            app.exchange_code_for_token(code, "v" * 43)
        app.exchange_code_for_token(code, asked.code_verifier)
        with pytest.raises(InvalidToken):
            app.exchange_code_for_token(code, asked.code_verifier)


def test_expired_tokens_are_refreshed_by_themselves(platform: InMemoryPlatform):
    """And the app is told the new one."""
    told: list[UserAccessToken] = []
    with platform.client(on_access_token_change=told.append) as app:
        token = sign_in(platform, app)
        platform.expire_access_tokens()
        assert app.read_session(token)
        assert len(told) == 1


@pytest.mark.parametrize("error", [TooManyRequests("wait", retry_after=0), Unavailable("soon")])
def test_passing_failures_are_retried(platform: InMemoryPlatform, error: Exception):
    """Protocol 13: two times by default, POST too, since it happens once by its nonce; then the error arrives."""
    with platform.client() as app:
        token = sign_in(platform, app)
        platform.fail_next(error, error)  # type: ignore[arg-type]
        assert app.read_session(token)
        platform.fail_next(error, error, error)  # type: ignore[arg-type]
        with pytest.raises(type(error)) as refused:
            app.read_session(token)
        assert refused.value.reference  # type: ignore[attr-defined]


def test_a_platform_that_is_not_there_is_told_so(platform: InMemoryPlatform):
    """NetworkError, with its address and no secret."""
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
    gone = PrivateShare(
        "app",
        contract_id="c",
        private_key=platform._settings()["private_key"],
        base_url="http://127.0.0.1:1/v1.7/",
        retries=0,
    )
    with gone, pytest.raises(NetworkError) as refused:
        gone.read_file_list(session, token)
    assert "127.0.0.1:1" in str(refused.value)
    assert session.key not in str(refused.value)
    assert token.access_token.value not in str(refused.value)


def test_a_file_that_grew_newer_is_read_again(platform: InMemoryPlatform):
    """Protocol 6.2: by its updatedDate; and none is delivered twice."""
    name = platform.lend("playhistory", OBJECTS[:1])
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
        first = list(app.read_all_files(session, token))
        platform.lend("playhistory", OBJECTS, name)
        second = list(app.read_all_files(session, token))
    assert [len(file.json()) for file in (*first, *second)] == [1, 2]
