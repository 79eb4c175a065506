"""Tests of the SDK with a running platform: the five steps, blocking and with asyncio."""

import asyncio
import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from privateshare import (
    AccountRef,
    ApiError,
    AsyncPrivateShare,
    AuthorizationFailed,
    ConfigurationError,
    FileDecryptionError,
    FileNotFound,
    InvalidSession,
    InvalidToken,
    NotFound,
    PageOptions,
    PrivateShare,
    PushDescriptor,
    ScopeOutOfBounds,
    ServiceGroup,
    ServiceType,
    Session,
    SessionOptions,
    SessionState,
    SourceQuery,
    UserAccessToken,
)
from privateshare.protocol import jwt
from privateshare.protocol.messages import Scope, TimeRange
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sdk_client import client_of
from tests.flow.wire import REDIRECT_URI, Wire, query_of
from tests.keys import OTHER, rsa_key


def async_client_of(wire: Wire) -> AsyncPrivateShare:
    """Return the asyncio SDK as this contract."""
    return AsyncPrivateShare(
        wire.application_id,
        contract_id=wire.contract_id,
        private_key=jwt.private_pem(wire.key),
        base_url=wire.url(""),
    )


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.fixture(scope="module")
async def consented(wire: Wire, people: People) -> tuple[Session, UserAccessToken]:
    """Provide the session and the token of a person who shares both samples with the app."""
    with client_of(wire) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        code = await people.consent(query_of(asked.url)["code"], sources=(SPOTIFY, FHIR_FILE))
        return asked.session, app.exchange_code_for_token(code, asked.code_verifier)


def test_services_and_samples_are_listed(wire: Wire) -> None:
    """Step one lists what can be connected."""
    with client_of(wire) as app:
        services = app.get_available_services()
        assert {service.name for service in services.services} >= {"Spotify"}
        assert set(app.get_service_sample_data_sets(SPOTIFY)) == {"default", "large", "small"}


@pytest.mark.protocol("8.2")
def test_an_authorize_url_has_the_options_of_the_page(wire: Wire) -> None:
    """Step two returns the address with the options of protocol 8.2, and the values to keep."""
    with client_of(wire) as app:
        options = PageOptions(locale="en", sources_scope={"dataType": ["vaccinations"]})
        asked = app.get_authorize_url(
            callback=REDIRECT_URI, state="mine", service_id=16, sample_data="default", locale="de", options=options
        )
    query = query_of(asked.url)
    assert asked.url.startswith(wire.origin + "/apps/saas/authorize?")
    assert query["service"] == "16"
    assert query["lng"] == "de"
    assert query["sampleDataSet"] == "default"
    assert "sampleDataAutoOnboard" not in query
    assert "vaccinations" in query["sourcesScope"]
    assert asked.state == "mine"
    assert len(asked.code_verifier) == 43
    assert query["code"] not in repr(asked)
    assert asked.session.key not in repr(asked)


def test_a_return_is_parsed_and_a_foreign_state_rejected(wire: Wire) -> None:
    """Step three reads the parameters with which the person came back."""
    with client_of(wire) as app:
        back = app.read_return(
            "https://app.example/return?kept=1&success=true&code=c&state=s&accountReference=r", state="s"
        )
        assert (back.code, back.state, back.account_reference) == ("c", "s", "r")
        with pytest.raises(AuthorizationFailed, match="USER_CANCEL") as declined:
            app.read_return("https://app.example/return?success=false&errorCode=USER_CANCEL&state=s", state="s")
        assert declined.value.code == "USER_CANCEL"
        with pytest.raises(AuthorizationFailed, match="state"):
            app.read_return("https://app.example/return?success=true&code=c&state=other", state="s")


def test_all_files_are_read_by_iterating(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """Step five yields every file once, decrypted and verified, with its objects."""
    session, token = consented
    with client_of(wire) as app, app.read_all_files(session, token) as reading:
        files = list(reading)
        result = reading.result()
    assert result.status.state is SessionState.COMPLETED
    assert {file.name for file in files} == {entry.name for entry in result.file_list}
    assert max(Counter(file.name for file in files).values()) == 1
    assert result.files == len(files)
    assert not result.errors
    for file in files:
        assert len(file.json()) == file.metadata.object_count
        assert file.updated_date


def test_all_files_are_read_by_callbacks(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """Callbacks receive the files, the status and the result."""
    _, token = consented
    files: list[Any] = []
    states: list[Any] = []
    with client_of(wire) as app:
        session = app.read_session(token)
        reading = app.read_all_files(
            session, token, on_file_data=files.append, on_status_change=lambda status: states.append(status.state)
        )
        result = reading.result()
    assert len(files) == result.files > 10
    assert states[-1] is SessionState.COMPLETED


async def test_all_files_are_read_on_asyncio(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """The asyncio client drives the same flows."""
    _, token = consented
    async with async_client_of(wire) as app:
        session = await app.read_session(token)
        names = []

        async def note(file: object) -> None:
            names.append(file)

        async with app.read_all_files(session, token) as reading:
            async for file in reading:
                await note(file)
            result = await reading.result()
        listed = await app.read_file_list(session, token)
        accounts = await app.read_accounts(token)
    assert len(names) == result.files == len(listed.file_list or [])
    assert {account.service_type_name for account in accounts} == {"Spotify", "Health record file"}


async def test_stop_polling_ends_a_run(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """A run whose session gets no consent waits until it is stopped."""
    _, token = consented
    with client_of(wire) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        reading = app.read_all_files(asked.session, token)
        threading.Timer(0.3, reading.stop_polling).start()
        result = reading.result()
    assert result.stopped
    assert result.files == 0
    assert result.status.state is SessionState.PENDING


async def test_leaving_a_loop_early_stops_the_run(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """Leaving the iteration early leaves nothing running."""
    session, token = consented
    before = set(asyncio.all_tasks())
    async with async_client_of(wire) as app, app.read_all_files(session, token) as reading:
        async for _ in reading:
            break
    assert {task for task in asyncio.all_tasks() if not task.done()} <= before


def test_a_folder_is_filled_and_a_second_run_fetches_nothing(
    wire: Wire, consented: tuple[Session, UserAccessToken], tmp_path: Path
) -> None:
    """With `into`, files are stored under their names, and only missing or newer ones are read again."""
    session, token = consented
    with client_of(wire) as app:
        first = app.read_all_files(session, token, into=tmp_path).result()
        assert {path.name for path in tmp_path.glob("*.json")} == {entry.name for entry in first.file_list}
        assert all(json.loads(path.read_bytes()) for path in tmp_path.glob("*.json"))
        second = app.read_all_files(session, token, into=tmp_path).result()
        assert (second.files, second.skipped) == (0, first.files)
        lost = next(iter(tmp_path.glob("*.json")))
        lost.unlink()
        third = app.read_all_files(session, token, into=tmp_path).result()
        assert (third.files, third.skipped) == (1, first.files - 1)
    assert not list(tmp_path.glob("*.part"))


def test_one_file_is_read_to_memory_or_to_disk(
    wire: Wire, consented: tuple[Session, UserAccessToken], tmp_path: Path
) -> None:
    """Its metadata can be read without the file."""
    session, token = consented
    with client_of(wire) as app:
        listed = app.read_file_list(session, token).file_list
        assert listed
        in_memory = app.read_file(session, listed[0].name, token)
        on_disk = app.read_file(session, listed[0].name, token, to=tmp_path / "one.json")
        assert on_disk.path == tmp_path / "one.json"
        assert on_disk.path.read_bytes() == in_memory.data
        header = app.read_file_metadata(session, listed[0].name, token)
        assert header.size == in_memory.size
        with pytest.raises(FileNotFound):
            app.read_file(session, "nothing.json", token, to=tmp_path / "two.json")
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


@pytest.mark.protocol("13")
def test_a_rejected_token_is_refreshed_once_for_many_threads(
    wire: Wire, consented: tuple[Session, UserAccessToken]
) -> None:
    """After InvalidToken the call is repeated with the new token, and the app receives it."""
    _, token = consented
    told: list[UserAccessToken] = []
    broken = token.with_access_token("refused")
    with client_of(wire, on_access_token_change=told.append) as app:
        threads = [threading.Thread(target=app.read_accounts, args=(broken,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(told) == 1
        assert app.read_accounts(broken)
        assert len(told) == 1
    assert UserAccessToken.from_json(told[0].to_json()) == told[0]


def test_an_expired_token_is_refreshed_before_it_is_used(
    wire: Wire, consented: tuple[Session, UserAccessToken]
) -> None:
    """The expiry is known, so no call is wasted."""
    _, token = consented
    told: list[UserAccessToken] = []
    expired = replace(token, access_token=replace(token.access_token, expires_on=1))
    with client_of(wire, on_access_token_change=told.append) as app:
        assert app.read_accounts(expired)
    assert len(told) == 1


def test_a_token_that_is_refreshed_while_reading_is_passed_on(
    wire: Wire, consented: tuple[Session, UserAccessToken]
) -> None:
    """The run's callback receives it instead of the client's."""
    session, token = consented
    own: list[UserAccessToken] = []
    told: list[UserAccessToken] = []
    with client_of(wire, on_access_token_change=own.append) as app:
        refused = token.with_access_token("refused")
        reading = app.read_all_files(session, refused, on_access_token_change=told.append)
        assert not reading.result().errors
    assert (len(told), own) == (1, [])


def test_an_invalid_refresh_token_is_reported(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """The error says that the person must consent again."""
    _, token = consented
    dead = replace(token, refresh_token=replace(token.refresh_token, value="dead")).with_access_token("dead")
    with client_of(wire) as app, pytest.raises(InvalidToken, match="consent") as refused:
        app.read_accounts(dead)
    assert refused.value.reference


def test_another_private_key_is_rejected(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """The platform rejects its signature, and it could not decrypt a file."""
    session, token = consented
    with client_of(wire) as app:
        name = (app.read_file_list(session, token).file_list or [])[0].name
    other = rsa_key(OTHER)
    with client_of(replace(wire, key=other)) as stranger, pytest.raises(ApiError, match="InvalidJWT"):
        stranger.read_accounts(token)
    from privateshare.sdk.files.file_receiver import FileReceiver

    receiver = FileReceiver(name, other)
    answer = wire.get(f"permission-access/query/{session.key}/{name}", access_token=token.access_token.value)
    receiver.begin(dict(answer.headers))
    with pytest.raises(FileDecryptionError):
        receiver.write(answer.content)


def test_scopes_and_sessions_are_checked_by_the_platform(
    wire: Wire, consented: tuple[Session, UserAccessToken]
) -> None:
    """Each error has its own type, with message, hint and reference."""
    _, token = consented
    with client_of(wire) as app:
        app.read_session(token, SessionOptions(scope=Scope(time_ranges=[TimeRange(last="1m")])))
        from privateshare import ServiceGroup, ServiceGroupScope

        scope = Scope(service_groups=[ServiceGroupScope(id=ServiceGroup.SOCIAL)])
        with pytest.raises(ScopeOutOfBounds) as refused:
            app.read_session(token, SessionOptions(scope=scope))
        assert refused.value.status == 400
        assert refused.value.reference
        with pytest.raises(InvalidSession):
            app.read_file_list("x" * 43, token)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base_url", "share.example.org"), ("private_key", "nothing"), ("onboard_url", "ftp://x"), ("contract_id", "")],
)
def test_wrong_settings_are_explained(wire: Wire, setting: str, value: str) -> None:
    """ConfigurationError names the setting and its format, and shows no key."""
    settings = {"contract_id": "c", "private_key": jwt.private_pem(wire.key), "base_url": wire.url("")}
    with pytest.raises(ConfigurationError, match=setting.replace("private_key", "private key")) as refused:
        PrivateShare("app", **(settings | {setting: value}))  # type: ignore[arg-type]
    assert "BEGIN" not in str(refused.value)


def test_secrets_stay_out_of_repr(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """This holds for clients, tokens and sessions."""
    session, token = consented
    with client_of(wire) as app:
        shown = repr((app, token, session, app._core.configuration))
    for secret in (token.access_token.value, token.refresh_token.value, session.key, "PRIVATE KEY"):
        assert secret not in shown


async def test_storage_and_pushing_accept_every_kind_of_content(people: People, tmp_path: Path) -> None:
    """Bytes, paths, open files and iterators are streamed, and stored files are listed and read back."""
    app_wire = await people.contract(kind="write")
    tokens, _ = await people.user(app_wire, sources=())
    token = UserAccessToken.from_claims(tokens.claims)
    content = b"some bytes" * 100_000
    (tmp_path / "in.bin").write_bytes(content)
    with client_of(app_wire) as app:
        storage = app.create_provisional_storage()
        path = tmp_path / "in.bin"
        kinds: list[Any] = [content, path, path.open("rb"), iter([content[:7], content[7:]])]
        for number, kind in enumerate(kinds):
            app.upload_file_to_storage(storage.id, f"/Docs/{number}.bin", kind)
            assert app.download_storage_file(storage.id, f"/docs/{number}.bin").data == content
        listed = app.list_storage_files(storage.id, "/", recursive=True)
        assert [file.original_path + file.original_name for file in listed] == [
            f"/Docs/{number}.bin" for number in range(4)
        ]
        on_disk = app.download_storage_file(storage.id, "/Docs/0.bin", to=tmp_path / "out.bin")
        assert on_disk.read_bytes() == content
        app.delete_storage_files(storage.id, "/Docs/")
        assert app.list_storage_files(storage.id, recursive=True) == []
        with pytest.raises(NotFound):
            app.get_user_storage(token)
        descriptor = PushDescriptor(mime_type="text/plain", accounts=[AccountRef(account_id="a")], tags=["t"])
        for kind in (content, tmp_path / "in.bin", iter([content])):
            app.push_data(token, kind, descriptor)


def test_discovery_contract_and_report_are_typed(wire: Wire, consented: tuple[Session, UserAccessToken]) -> None:
    """The catalogue's records, the contract and the report have types."""
    _, token = consented
    with client_of(wire) as app:
        page = app.query_sources(SourceQuery(filter={"service.id": [19]}, include=["id", "name"]), sort="asc")
        assert page.data[0].raw == {"id": 16, "name": "Spotify"}
        assert (page.data[0].name, page.data[0].service, page.total) == ("Spotify", None, 1)
        whole = app.query_sources(SourceQuery(filter={"id": [16]})).data[0]
        assert whole.service is not None
        assert whole.service.id == ServiceType.SPOTIFY
        assert [category.id for category in whole.category] == [ServiceGroup.ENTERTAINMENT]
        assert whole.resource is not None
        assert whole.resource.mimetype == "image/png"
        assert {country.code for country in app.query_countries()} >= {"nl", "uk"}
        assert {category.id for category in app.query_categories()} == set(ServiceGroup)
        assert all(platform.name and platform.reference for platform in app.query_platforms())
        assert len(app.query_source_types()) == 2
        assert app.get_contract_details().id == wire.contract_id
        assert app.get_portability_report(token, "fhirfile", format="fhir").startswith('{"resourceType": "Bundle"')


@pytest.mark.protocol("4.4", "7.3", "7.4")
async def test_known_people_add_renew_and_withdraw_on_pages(wire: Wire, people: People) -> None:
    """There are pages to add a source, to sign in again, to renew and to withdraw."""
    tokens, _ = await people.user(wire)
    token = UserAccessToken.from_claims(tokens.claims)
    async with async_client_of(wire) as app:
        account = (await app.read_accounts(token))[0]
        onboard = await app.get_onboard_service_url(token, REDIRECT_URI, options=PageOptions(service_id=9001))
        again = await app.get_reauthorize_account_url(token, REDIRECT_URI, account.id)
        renew = await app.get_reauthorize_url(token, REDIRECT_URI)
        revoke = await app.get_revoke_account_permission_url(token, account.id, REDIRECT_URI)
        pages = [url.rsplit("?", 1)[0].rsplit("/", 1)[1] for url in (onboard.url, again.url, renew.url, revoke)]
        assert pages == ["onboard", "reauthorize", "user-reauth", "revoke"]
        assert account.id not in again.url
        await app.delete_account(token, account.id)
        assert await app.read_accounts(token) == []
        await app.delete_user(token)
        with pytest.raises(InvalidToken):
            await app.read_accounts(token)


@pytest.mark.protocol("11.4")
async def test_a_stored_file_is_encrypted_before_it_is_sent(people: People) -> None:
    """Only the contract's key decrypts what the platform stores."""
    from privateshare.protocol.envelope import decrypt_stream
    from tests.flow.storage_calls import cloud

    wire = await people.contract()
    with client_of(wire) as app:
        storage = app.create_provisional_storage()
        app.upload_file_to_storage(storage.id, "/secret.txt", b"a very secret text")
    kept = cloud(wire, "GET", storage.id, "/secret.txt").content
    assert len(kept) == 256 + 16 + 32
    assert b"secret" not in kept
    assert b"".join(decrypt_stream([kept], wire.key)) == b"a very secret text"


@pytest.mark.protocol("1")
@pytest.mark.parametrize("slash", ["", "/"])
def test_base_urls_may_end_in_a_slash(wire: Wire, slash: str) -> None:
    """Any base URL works with and without it. Ids are 32 letters and digits."""
    with PrivateShare(
        wire.application_id,
        contract_id=wire.contract_id,
        private_key=jwt.private_pem(wire.key),
        base_url=f"{wire.origin}/v1.7{slash}",
        onboard_url=f"{wire.origin}/apps/saas{slash}",
    ) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
    assert asked.url.startswith(f"{wire.origin}/apps/saas/authorize?")
    assert all(len(id_) == 32 and id_.isalnum() for id_ in (wire.application_id, wire.contract_id))
