"""`privateshare.testing`: the platform in memory, as an app's tests use it; and the SDK where a platform fails."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from privateshare import (
    AccountRef,
    AuthorizationFailed,
    ConfigurationError,
    FileNotFound,
    InvalidRequest,
    InvalidToken,
    NetworkError,
    NotFound,
    PageOptions,
    PrivateShare,
    PushDescriptor,
    ServiceGroup,
    ServiceType,
    SessionState,
    SourceQuery,
    TooManyRequests,
    Unavailable,
    UserAccessToken,
    tables,
)
from privateshare.objects import PlayHistory
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
    return app.exchange_code_for_token(returned.code, asked.code_verifier)


def test_a_test_can_share_and_read_data(platform: InMemoryPlatform) -> None:
    """The five steps without a database or a browser."""
    name = platform.lend("playhistory", OBJECTS)
    with platform.client() as app:
        token = sign_in(platform, app)
        files = list(app.read_all_files(app.read_session(token), token))
        assert [(file.name, file.json()) for file in files] == [(name, OBJECTS)]
        with pytest.raises(FileNotFound):
            app.read_file(app.read_session(token), "nothing.json", token)


def test_a_mistyped_object_type_is_an_error(platform: InMemoryPlatform) -> None:
    """Otherwise a test would share a file that no app asks for, and wonder what it reads."""
    with pytest.raises(ConfigurationError, match="playhistry"):
        platform.lend("playhistry", OBJECTS)


async def test_it_serves_the_asyncio_client(platform: InMemoryPlatform) -> None:
    """With the same calls."""
    platform.lend("playhistory", OBJECTS)
    async with platform.async_client() as app:
        asked = await app.get_authorize_url(REDIRECT_URI)
        code = app.read_return(platform.consent(asked.url)).code
        token = await app.exchange_code_for_token(code, asked.code_verifier)
        names = [file.name async for file in app.read_all_files(asked.session, token)]
        assert len(names) == 1


def test_people_can_decline_and_withdraw(platform: InMemoryPlatform) -> None:
    """An app must handle both."""
    with platform.client() as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        with pytest.raises(AuthorizationFailed, match="USER_CANCEL"):
            app.read_return(platform.decline(asked.url))
        token = sign_in(platform, app)
        platform.stop()
        with pytest.raises(InvalidToken):
            app.read_session(token)


def test_a_code_works_once_with_its_verifier(platform: InMemoryPlatform) -> None:
    """As on a real platform."""
    with platform.client() as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        code = app.read_return(platform.consent(asked.url)).code
        with pytest.raises(Exception, match="code_verifier"):
            app.exchange_code_for_token(code, "v" * 43)
        app.exchange_code_for_token(code, asked.code_verifier)
        with pytest.raises(InvalidToken):
            app.exchange_code_for_token(code, asked.code_verifier)


def test_expired_tokens_are_refreshed_automatically(platform: InMemoryPlatform) -> None:
    """The app receives the new pair."""
    told: list[UserAccessToken] = []
    with platform.client(on_access_token_change=told.append) as app:
        token = sign_in(platform, app)
        platform.expire_access_tokens()
        assert app.read_session(token)
        assert len(told) == 1


@pytest.mark.protocol("13")
@pytest.mark.parametrize("error", [TooManyRequests("wait", retry_after=0), Unavailable("soon")])
def test_temporary_failures_are_retried(platform: InMemoryPlatform, error: Exception) -> None:
    """Twice by default, POST too, because its nonce makes it happen once. Then the error is raised."""
    with platform.client() as app:
        token = sign_in(platform, app)
        platform.fail_next(error, error)  # type: ignore[arg-type]
        assert app.read_session(token)
        platform.fail_next(error, error, error)  # type: ignore[arg-type]
        with pytest.raises(type(error)) as refused:
            app.read_session(token)
        assert refused.value.reference  # type: ignore[attr-defined]


def test_an_unreachable_platform_is_a_network_error(platform: InMemoryPlatform) -> None:
    """It names the address, and contains no secret."""
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
    gone = PrivateShare(
        "app",
        contract_id="c",
        private_key=platform.settings()["private_key"],
        base_url="http://127.0.0.1:1/v1.7/",
        retries=0,
    )
    with gone, pytest.raises(NetworkError) as refused:
        gone.read_file_list(session, token)
    assert "127.0.0.1:1" in str(refused.value)
    assert session.key not in str(refused.value)
    assert token.access_token.value not in str(refused.value)


@pytest.mark.protocol("6.2")
def test_an_updated_file_is_read_again(platform: InMemoryPlatform) -> None:
    """By its updatedDate. No version is delivered twice."""
    name = platform.lend("playhistory", OBJECTS[:1])
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
        first = list(app.read_all_files(session, token))
        platform.lend("playhistory", OBJECTS, name)
        second = list(app.read_all_files(session, token))
    assert [len(file.json()) for file in (*first, *second)] == [1, 2]


def test_accounts_can_be_added_and_removed(platform: InMemoryPlatform) -> None:
    """One more source, signing in again, removing one: an app with several sources must handle them."""
    with platform.client() as app:
        token = sign_in(platform, app)
        assert app.read_accounts(token) == []
        spotify = platform.connect(ServiceType.SPOTIFY)
        page = app.get_onboard_service_url(token, REDIRECT_URI + "?kept=1", options=PageOptions(service_id=16))
        returned = app.read_return(platform.consent(page.url))
        assert returned.code == ""
        accounts = app.read_accounts(token)
        assert accounts[1].reference == returned.account_reference
        assert {account.service_type_id for account in accounts} == {ServiceType.SPOTIFY}
        platform.require_sign_in(spotify)
        status = app.read_file_list(app.read_session(token), token).status
        assert status.state is SessionState.PARTIAL
        assert status.details is not None
        error = status.details[spotify].error
        assert error is not None
        assert (error.code, error.status_code, error.reauth) == ("ServiceAuthorizationError", 511, True)
        again = app.get_reauthorize_account_url(token, REDIRECT_URI, spotify)
        assert app.read_return(platform.consent(again.url)).account_reference == accounts[0].reference
        assert app.read_file_list(app.read_session(token), token).status.state is SessionState.COMPLETED
        assert "revoke?code=" in app.get_revoke_account_permission_url(token, spotify, REDIRECT_URI)
        app.delete_account(token, spotify)
        assert [account.id for account in app.read_accounts(token)] == [accounts[1].id]
        with pytest.raises(NotFound):
            app.delete_account(token, spotify)


def test_an_expired_grant_can_be_renewed(platform: InMemoryPlatform) -> None:
    """With a code, as the first time."""
    with platform.client() as app:
        token = sign_in(platform, app)
        platform.expire_access_tokens()
        asked = app.get_reauthorize_url(token, REDIRECT_URI)
        returned = app.read_return(platform.consent(asked.url), state=asked.state)
        renewed = app.exchange_code_for_token(returned.code, asked.code_verifier)
        assert app.read_accounts(renewed) == []


def test_pushed_data_can_be_inspected(platform: InMemoryPlatform) -> None:
    """Bytes and a stream with their description, and a resource for a source."""
    with platform.client() as app:
        token = sign_in(platform, app)
        descriptor = PushDescriptor(mime_type="text/plain", accounts=[AccountRef(account_id="a")], tags=["t"])
        app.push_data(token, b"receipt", descriptor)
        app.push_data(token, iter([b"a", b"stream"]), descriptor)
        account = platform.connect(ServiceType.MEDMIJ)
        app.push_data_to_provider(token, account, "fhir", "stu3", {"resourceType": "Patient"})
        assert [pushed.data for pushed in platform.pushed[:2]] == [b"receipt", b"astream"]
        assert platform.pushed[0].descriptor == descriptor
        assert platform.pushed[2].account_id == account
        assert json.loads(platform.pushed[2].data) == {"resourceType": "Patient"}
        platform.stop()
        with pytest.raises(InvalidToken):
            app.push_data(token, b"late", descriptor)


def test_the_newer_of_two_versions_in_a_folder_counts(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """Whatever the names of the files are."""
    with platform.client() as app:
        token = sign_in(platform, app)
        for name, title in (("18_5_19_1_403_2.json", "old"), ("18_5_19_1_403_1.json", "new")):
            platform.lend("playlist", [{"entityid": "1", "name": title}], name)
            time.sleep(0.002)  # until the next millisecond
        app.read_all_files(app.read_session(token), token, into=tmp_path).result()
    assert [record["name"] for record in tables(tmp_path)["playlist"].to_records()] == ["new"]


async def test_the_catalogue_can_be_searched(platform: InMemoryPlatform) -> None:
    """By both clients: filters, projections, pages. An unknown field is rejected."""
    query = SourceQuery(filter={"service": {"id": [ServiceType.SPOTIFY]}}, include=["id", "name"])
    with platform.client() as app:
        found = app.query_sources(query)
        assert ([source.raw for source in found.data], found.total) == ([{"id": 16, "name": "Spotify"}], 1)
        page = app.query_sources(limit=2, offset=1, sort="desc")
        assert (len(page.data), page.offset, page.total > 20) == (2, 1, True)
        assert {category.id for category in app.query_categories()} == set(ServiceGroup)
        assert len(app.query_source_types(SourceQuery(filter={"id": [1]}))) == 1
        with pytest.raises(InvalidRequest, match="colour"):
            app.query_countries(SourceQuery(filter={"colour": ["red"]}))
        assert app.get_contract_details().id == platform.settings()["contract_id"]
    async with platform.async_client() as client:
        assert await client.query_sources(query) == found
        assert {country.code for country in await client.query_countries()} >= {"nl", "uk"}
        assert all(entry.name for entry in await client.query_platforms())


async def test_the_asyncio_client_sends_async_iterators(platform: InMemoryPlatform) -> None:
    """In pieces, including empty ones. An error of the app ends the call, and nothing is stored."""

    async def pieces(*given: bytes) -> AsyncIterator[bytes]:
        for piece in given:
            await asyncio.sleep(0)
            yield piece

    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise LookupError("the rest is gone")

    descriptor = PushDescriptor(mime_type="text/plain", accounts=[AccountRef(account_id="a")])
    with platform.client() as app:
        token, storage = sign_in(platform, app), app.create_provisional_storage()
        with pytest.raises(ConfigurationError, match="AsyncPrivateShare"):
            app.push_data(token, pieces(b"x"), descriptor)  # type: ignore[arg-type]
    async with platform.async_client() as client:
        await client.push_data(token, pieces(b"a", b"", b"stream"), descriptor)
        await client.upload_file_to_storage(storage.id, "/one", pieces(b"so", b"", b"me"))
        assert (await client.download_storage_file(storage.id, "/one")).data == b"some"
        for send in (
            client.push_data(token, failing(), descriptor),
            client.upload_file_to_storage(storage.id, "/two", failing()),
        ):
            with pytest.raises(LookupError, match="gone"):
                await send
        with pytest.raises(ConfigurationError, match="must be bytes"):
            await client.push_data(token, pieces("text"), descriptor)  # type: ignore[arg-type]
        assert [file.name for file in await client.list_storage_files(storage.id)] == ["one"]
    assert [pushed.data for pushed in platform.pushed] == [b"astream"]


async def test_storage_stores_an_apps_files(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """Uploaded, listed, downloaded and deleted by both clients; assigned to the person who consents with it."""
    with platform.client() as app:
        storage = app.create_provisional_storage()
        asked = app.get_authorize_url(
            REDIRECT_URI, options=PageOptions(storage_ref=app.get_storage_reference(storage.id))
        )
        code = app.read_return(platform.consent(asked.url)).code
        token = app.exchange_code_for_token(code, asked.code_verifier)
        assert app.get_user_storage(token) == storage
        app.upload_file_to_storage(storage.id, "/Docs/One.txt", iter([b"so", b"me"]))
        app.upload_file_to_storage(storage.id, "/two.txt", b"two")
        assert [file.path + file.name for file in app.list_storage_files(storage.id)] == ["/two.txt"]
        assert len(app.list_storage_files(storage.id, recursive=True)) == 2
        told: list[tuple[int, int | None]] = []
        got = app.download_storage_file(
            storage.id, "/docs/one.txt", to=tmp_path / "one", on_progress=lambda *far: told.append(far)
        )
        assert (got.read_bytes(), told[-1]) == (b"some", (288, 288))
        app.delete_storage_files(storage.id, "/Docs/")
        for missing in ("/Docs/One.txt", "/nothing"):
            with pytest.raises(NotFound, match="no such file"):
                app.download_storage_file(storage.id, missing, to=tmp_path / "two")
        with pytest.raises(NotFound, match="no such storage"):
            app.list_storage_files("another")
    async with platform.async_client() as client:
        seen: list[int] = []
        assert (
            await client.download_storage_file(storage.id, "/two.txt", on_progress=lambda done, _: seen.append(done))
        ).data == b"two"
        assert seen[-1] == 288


def test_objects_of_both_schemas_are_typed(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """The data of a test is named and described as on a platform."""
    platform.lend("playhistory", [{"entityid": "1", "createddate": 0, "track": {"name": "Song"}}])
    platform.lend("observation", [{"resourceType": "Observation", "id": "1", "status": "final"}])
    with platform.client() as app:
        token = sign_in(platform, app)
        files = list(app.read_all_files(app.read_session(token), token))
        plays = [play.track.name for file in files for play in file.objects(PlayHistory) if play.track]
        assert plays == ["Song"]
        assert {thing.raw.get("status") for file in files for thing in file.objects()} == {None, "final"}
        app.read_all_files(app.read_session(token), token, into=tmp_path).result()
        assert set(tables(tmp_path)) == {"playhistory", "observation"}
        assert {service.service_id for service in app.get_available_services().services} >= {ServiceType.SPOTIFY}
        assert app.get_service_sample_data_sets(16)
