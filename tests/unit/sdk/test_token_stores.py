"""Clients with a store of tokens: a handle of a user always reads and writes the newest pair, whoever refreshes it."""

import asyncio
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from privateshare import (
    AccountRef,
    AsyncPrivateShare,
    ConfigurationError,
    FileTokenStore,
    InvalidToken,
    MemoryTokenStore,
    PrivateShare,
    PushDescriptor,
    ServiceType,
    TokenNotKeptWarning,
    TokenStore,
    UnknownUser,
    User,
    UserAccessToken,
)
from privateshare.testing import InMemoryPlatform
from tests.patience import GIVE_UP_SECONDS

REDIRECT_URI = "http://127.0.0.1/return"
DESCRIPTOR = PushDescriptor(mime_type="x/y", accounts=[AccountRef(account_id="a")])


@pytest.fixture(scope="module")
def running() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as platform:
        yield platform


@pytest.fixture
def platform(running: InMemoryPlatform) -> InMemoryPlatform:
    """A platform on which nobody consented yet, with a file."""
    running.stop()
    running.lend("playhistory", [{"entityid": "1"}], "18_5_19_1_406_1.json")
    return running


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(tmp_path / "tokens.json")


def sign_in(platform: InMemoryPlatform, app: PrivateShare) -> UserAccessToken:
    """A person who agrees."""
    asked = app.get_authorize_url(REDIRECT_URI)
    returned = app.read_return(platform.consent(asked.url), state=asked.state)
    return app.exchange_code_for_token(returned.code, asked.code_verifier)


CALLS: dict[str, Callable[[PrivateShare, User], Any]] = {
    "session": lambda app, who: app.read_session(who),
    "list": lambda app, who: app.read_file_list(app.read_session(who), who),
    "file": lambda app, who: app.read_file(app.read_session(who), "18_5_19_1_406_1.json", who),
    "metadata": lambda app, who: app.read_file_metadata(app.read_session(who), "18_5_19_1_406_1.json", who),
    "all files": lambda app, who: list(app.read_all_files(app.read_session(who), who)),
    "accounts": lambda app, who: app.read_accounts(who),
    "authorize": lambda app, who: app.get_authorize_url(REDIRECT_URI, user_access_token=who),
    "onboard": lambda app, who: app.get_onboard_service_url(who, REDIRECT_URI),
    "reauthorize": lambda app, who: app.get_reauthorize_url(who, REDIRECT_URI),
    "refresh": lambda app, who: app.refresh_token(who),
    "push": lambda app, who: app.push_data(who, b"x", DESCRIPTOR),
}
KEEP_THE_TOKEN = {"authorize", "onboard", "reauthorize"}  # for which an invalid access token is good enough here


@pytest.mark.parametrize("call", CALLS)
def test_a_user_handle_is_accepted_wherever_a_token_is(platform: InMemoryPlatform, call: str) -> None:
    """A call that refreshes the token writes the new pair to the store before it continues."""
    store = MemoryTokenStore()
    with platform.client(token_store=store) as app:
        ann = app.user("ann")
        ann.keep(first := sign_in(platform, app))
        CALLS[call](app, ann)
        platform.expire_access_tokens()
        CALLS[call](app, ann)
        assert (store.get("ann") == first) == (call in KEEP_THE_TOKEN)


def test_calls_for_accounts_accept_a_user_handle(platform: InMemoryPlatform) -> None:
    """The calls that need an account of the person."""
    with platform.client(token_store=MemoryTokenStore()) as app:
        ann = app.user("ann")
        ann.keep(sign_in(platform, app))
        id_ = platform.connect(ServiceType.SPOTIFY)
        assert app.get_reauthorize_account_url(ann, REDIRECT_URI, id_).url
        assert app.get_revoke_account_permission_url(ann, id_, REDIRECT_URI)
        app.push_data_to_provider(ann, id_, "fhir", "r4", {})
        app.delete_account(ann, id_)
        with pytest.raises(Exception, match="storage"):
            app.get_user_storage(ann)


def test_each_call_reads_the_newest_pair(platform: InMemoryPlatform, store: TokenStore) -> None:
    """Even if another process stored it. The first pair is not used any more."""
    with platform.client(token_store=store) as app, platform.client(token_store=store) as other:
        app.user("ann").keep(sign_in(platform, app))
        for _ in range(4):
            platform.expire_access_tokens()
            platform.end_rotation_grace()
            assert app.read_accounts(app.user("ann")) is not None
            platform.expire_access_tokens()
            platform.end_rotation_grace()
            assert other.read_accounts(other.user("ann")) is not None
        assert app.user("ann").token() == store.get("ann")
        assert repr(app.user("ann")) == "User(key='ann')"


def test_two_users_are_independent(platform: InMemoryPlatform, store: TokenStore) -> None:
    """Neither is read, written or deleted in place of the other."""
    with platform.client(token_store=store) as app:
        ann, bob = app.user("ann"), app.user("bob")
        ann.keep(sign_in(platform, app))
        bob.keep(kept := sign_in(platform, app))
        app.refresh_token(ann)
        assert bob.token() == kept
        ann.forget()
        assert (ann.token(), bob.token()) == (None, kept)
        assert app.read_accounts(bob) is not None


def test_an_unknown_user_is_an_error(platform: InMemoryPlatform, store: TokenStore) -> None:
    """The person must be asked for consent. A client without a store has no users."""
    with platform.client(token_store=store) as app, pytest.raises(UnknownUser, match="'ann'") as told:
        app.read_accounts(app.user("ann"))
    assert isinstance(told.value, InvalidToken)
    with platform.client() as app:
        with pytest.raises(ConfigurationError, match="store"):
            app.user("ann")
        with platform.client(token_store=store) as other, pytest.raises(ConfigurationError, match="store"):
            app.read_accounts(other.user("ann"))


# --- many at once ---


def test_many_threads_cause_one_refresh(platform: InMemoryPlatform, store: TokenStore) -> None:
    """All of them continue with its result."""
    with platform.client(token_store=store) as app:
        ann = app.user("ann")
        ann.keep(sign_in(platform, app))
        platform.expire_access_tokens()
        before = platform.refreshes
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: app.read_accounts(ann), range(24)))
        assert platform.refreshes == before + 1


def test_two_clients_with_a_shared_store_cause_one_refresh(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """Like two processes, which share only the store."""
    path = tmp_path / "tokens.json"
    with (
        platform.client(token_store=FileTokenStore(path)) as one,
        platform.client(token_store=FileTokenStore(path)) as two,
    ):
        one.user("ann").keep(sign_in(platform, one))
        platform.expire_access_tokens()
        before = platform.refreshes
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda app: app.read_accounts(app.user("ann")), [one, two] * 6))
        assert platform.refreshes == before + 1
        assert one.user("ann").token() == two.user("ann").token()


PROCESS = """
import sys
from privateshare import FileTokenStore, PrivateShare
base_url, contract, key, path = sys.argv[1:]
app = PrivateShare("testapplication", contract_id=contract, private_key=open(key).read(), base_url=base_url,
                   token_store=FileTokenStore(path))
print("ready", flush=True)
sys.stdin.readline()
app.read_accounts(app.user("ann"))
"""


def test_processes_refresh_one_after_the_other(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """The second uses the result of the first. In this test the platform does not accept the older token again."""
    settings, path = platform.settings(), tmp_path / "tokens.json"
    (tmp_path / "key.pem").write_text(settings["private_key"])
    with platform.client(token_store=FileTokenStore(path)) as app:
        app.user("ann").keep(sign_in(platform, app))
    command = [sys.executable, "-c", PROCESS, platform.base_url, settings["contract_id"], str(tmp_path / "key.pem")]
    processes = [
        subprocess.Popen([*command, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    platform.expire_access_tokens()
    before = platform.refreshes
    for process in processes:
        process.communicate("\n", timeout=GIVE_UP_SECONDS)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert platform.refreshes == before + 1


async def test_the_asyncio_client_accepts_blocking_stores(platform: InMemoryPlatform, store: TokenStore) -> None:
    """It calls them on threads; many tasks cause one refresh; reading all files uses the store too."""
    async with platform.async_client(token_store=store) as app:
        ann = app.user("ann")
        await ann.keep(await sign_in_async(platform, app))
        platform.expire_access_tokens()
        before = platform.refreshes
        await asyncio.gather(*(app.read_accounts(ann) for _ in range(12)))
        assert platform.refreshes == before + 1
        session = await app.read_session(ann)
        platform.expire_access_tokens()
        assert len([file async for file in app.read_all_files(session, ann)]) == 1
        assert platform.refreshes == before + 2
        assert await ann.token() == store.get("ann")
        await app.delete_user(ann)
        assert await ann.token() is None


async def sign_in_async(platform: InMemoryPlatform, app: AsyncPrivateShare) -> UserAccessToken:
    """A person who agrees."""
    asked = await app.get_authorize_url(REDIRECT_URI)
    returned = app.read_return(platform.consent(asked.url), state=asked.state)
    return await app.exchange_code_for_token(returned.code, asked.code_verifier)


class Database:
    """A store of coroutines, as one in a database would be; with a lock that is seen to be held."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.locks: dict[str, asyncio.Lock] = {}
        self.written_unlocked = 0

    async def get(self, key: str) -> UserAccessToken | None:
        """Reads."""
        await asyncio.sleep(0)
        return UserAccessToken.from_json(self.rows[key]) if key in self.rows else None

    async def put(self, key: str, token: UserAccessToken) -> None:
        """Writes."""
        await asyncio.sleep(0)
        self.written_unlocked += key not in self.locks or not self.locks[key].locked()
        self.rows[key] = token.to_json()

    async def delete(self, key: str) -> None:
        """Deletes."""
        self.rows.pop(key, None)

    @asynccontextmanager
    async def locked(self, key: str) -> Any:
        """Holds a row."""
        async with self.locks.setdefault(key, asyncio.Lock()):
            yield


async def test_the_asyncio_client_accepts_asyncio_stores(platform: InMemoryPlatform) -> None:
    """For its calls, and for the threads that read all files."""
    store = Database()
    async with platform.async_client(token_store=store) as one, platform.async_client(token_store=store) as two:
        ann = one.user("ann")
        await ann.keep(await sign_in_async(platform, one))
        session = await one.read_session(ann)
        before = platform.refreshes
        for read in (
            lambda: asyncio.gather(*(app.read_accounts(app.user("ann")) for app in (one, two) * 4)),
            lambda: read_all(one, session, ann),
        ):
            platform.expire_access_tokens()
            await read()
        assert platform.refreshes == before + 2
        assert store.written_unlocked == 1  # by `keep`
    with pytest.raises(ConfigurationError, match="AsyncPrivateShare"):
        platform.client(token_store=store)


async def read_all(app: AsyncPrivateShare, session: Any, who: Any) -> None:
    """Reads all files."""
    assert len([file async for file in app.read_all_files(session, who)]) == 1


# --- what goes wrong ---


class Failing(MemoryTokenStore):
    """A store whose disk is full now and then."""

    is_full = False

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, unless the disk is full."""
        if self.is_full:
            raise ConfigurationError("cannot write: no space left")
        super().put(key, token)


def test_a_pair_that_could_not_be_saved_is_saved_later(platform: InMemoryPlatform) -> None:
    """The client keeps it in memory, reports that it could not save it, and saves it as soon as it can."""
    store = Failing()
    with platform.client(token_store=store) as app:
        ann = app.user("ann")
        ann.keep(first := sign_in(platform, app))
        platform.expire_access_tokens()
        store.is_full = True
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="no space"):
                app.read_accounts(ann)
        assert store.get("ann") == first
        platform.end_rotation_grace()
        store.is_full = False
        assert app.read_accounts(ann) is not None
        assert store.get("ann") not in (first, None)


def test_a_process_that_dies_before_saving_has_a_minute(platform: InMemoryPlatform) -> None:
    """Another process can continue with the stored pair within a minute. Later the grant is revoked, with a reason."""
    store = MemoryTokenStore()
    with platform.client(token_store=store) as app:
        app.user("ann").keep(first := sign_in(platform, app))
        app.refresh_token(first)  # which never reached the store
    platform.expire_access_tokens()
    with platform.client(token_store=store) as app:
        assert app.read_accounts(app.user("ann")) is not None
    store.put("ann", first)
    platform.expire_access_tokens()
    platform.end_rotation_grace()
    with platform.client(token_store=store) as app:
        with pytest.raises(InvalidToken, match="grace period of 60 seconds") as told:
            app.read_accounts(app.user("ann"))
        assert told.value.message == "The token (refresh_token) is invalid"
        assert store.get("ann") is None
        with pytest.raises(UnknownUser):
            app.read_accounts(app.user("ann"))


def test_a_damaged_entry_affects_no_other_and_is_not_overwritten(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """The error names the file and the user. A file that is damaged as a whole is not changed."""
    path = tmp_path / "tokens.json"
    with platform.client(token_store=FileTokenStore(path)) as app:
        app.user("ann").keep(sign_in(platform, app))
        app.user("bob").keep(sign_in(platform, app))
        path.write_text(path.read_text().replace('"ann": "{', '"ann": "'))
        with pytest.raises(ConfigurationError, match=r"entry 'ann' of .*tokens\.json"):
            app.read_accounts(app.user("ann"))
        assert app.read_accounts(app.user("bob")) is not None
        path.write_text("{torn")
        with pytest.raises(ConfigurationError, match="not a file of tokens"):
            app.read_accounts(app.user("bob"))
        assert path.read_text() == "{torn"


def test_a_withdrawn_user_is_deleted_from_the_store(platform: InMemoryPlatform, store: TokenStore) -> None:
    """By the app's own call, and by the next call if they withdrew elsewhere."""
    with platform.client(token_store=store) as app:
        ann = app.user("ann")
        ann.keep(sign_in(platform, app))
        app.delete_user(ann)
        assert store.get("ann") is None
        ann.keep(sign_in(platform, app))
        platform.stop()
        with pytest.raises(InvalidToken):
            app.read_accounts(ann)
        assert store.get("ann") is None


@pytest.mark.protocol("4.4")
def test_an_expired_grant_stays_in_the_store(platform: InMemoryPlatform, store: TokenStore) -> None:
    """Renewing it needs the last access token, even if that has expired."""
    with platform.client(token_store=store) as app:
        ann = app.user("ann")
        ann.keep(kept := sign_in(platform, app))
        platform.expire_access_tokens()
        platform.fail_next(InvalidToken("The token (access_token) is expired"))
        platform.fail_next(InvalidToken("The token (refresh_token) is expired"))
        with pytest.raises(InvalidToken):
            app.read_accounts(ann)
        assert ann.token() == kept
        asked = app.get_reauthorize_url(ann, REDIRECT_URI)
        returned = app.read_return(platform.consent(asked.url), state=asked.state)
        ann.keep(app.exchange_code_for_token(returned.code, asked.code_verifier))
        assert app.read_accounts(ann) is not None


def test_a_client_of_another_contract_deletes_nobody(platform: InMemoryPlatform, store: TokenStore) -> None:
    """Its tokens would be rejected with the same error as those of a person who withdrew."""
    with platform.client(token_store=store) as app:
        app.user("ann").keep(kept := sign_in(platform, app))
    with (
        platform.client(token_store=store, contract_id="another") as other,
        pytest.raises(ConfigurationError, match="testapplication_testcontract"),
    ):
        other.read_accounts(other.user("ann"))
    old = UserAccessToken(
        kept.access_token, kept.refresh_token, kept.user_id, kept.consent_id
    )  # as it was written once
    store.put("ann", old)
    platform.stop()
    with platform.client(token_store=store) as app, pytest.raises(InvalidToken):
        app.read_accounts(app.user("ann"))
    assert store.get("ann") == old


class Locked:
    """A store of the app's own, with three methods and a lock that counts."""

    def __init__(self) -> None:
        self.tokens = MemoryTokenStore()
        self.get, self.put, self.delete = self.tokens.get, self.tokens.put, self.tokens.delete
        self.held: list[str] = []
        self.threads: set[int] = set()

    def locked(self, key: str) -> AbstractContextManager[None]:
        """Holds an entry; whoever begins must end it, on the same thread."""
        return self._locked(key)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        began = threading.get_ident()
        self.held.append(key)
        yield
        assert began == threading.get_ident()


async def test_a_custom_store_is_locked_during_a_refresh(platform: InMemoryPlatform) -> None:
    """On one thread from beginning to end, for both clients."""
    store = Locked()
    with platform.client(token_store=store) as app:
        app.user("ann").keep(sign_in(platform, app))
        platform.expire_access_tokens()
        app.read_accounts(app.user("ann"))
    async with platform.async_client(token_store=store) as client:
        platform.expire_access_tokens()
        await client.read_accounts(client.user("ann"))
    assert store.held == ["ann", "ann"]


# --- clients that keep nothing ---


def warned(use: Callable[[], object]) -> list[str]:
    """The warnings about tokens that nobody keeps."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
    return [str(entry.message) for entry in caught if issubclass(entry.category, TokenNotKeptWarning)]


def test_a_client_without_a_place_for_new_tokens_warns_once(platform: InMemoryPlatform) -> None:
    """The warning says what to do, and contains no secret."""
    with platform.client() as app:
        token = sign_in(platform, app)

        def use() -> None:
            for _ in range(3):
                platform.expire_access_tokens()
                app.read_accounts(token)
                list(app.read_all_files(app.read_session(token), token))

        told = warned(use)
        assert len(told) == 1
        assert "token_store" in told[0]
        assert "on_access_token_change" in told[0]
        assert token.refresh_token.value not in told[0]
        assert warned(use) == []


def test_a_client_that_stores_new_tokens_does_not_warn(platform: InMemoryPlatform) -> None:
    """In a store, with a callback, or because the app requested the refresh.

    Otherwise there is one warning per client.
    """
    with platform.client(token_store=MemoryTokenStore()) as app:
        token = sign_in(platform, app)
        app.user("ann").keep(token)
        platform.expire_access_tokens()
        assert warned(lambda: app.read_accounts(app.user("ann"))) == []
        platform.expire_access_tokens()
        kept = app.user("ann").token()
        assert kept is not None
        assert len(warned(lambda: app.read_accounts(kept))) == 1  # which the store knows nothing of
    with platform.client(on_access_token_change=lambda _: None) as app:
        platform.expire_access_tokens()
        assert warned(lambda: app.read_accounts(sign_in_again(platform, app))) == []
    with platform.client() as app:
        assert warned(lambda: app.refresh_token(sign_in(platform, app))) == []


def sign_in_again(platform: InMemoryPlatform, app: PrivateShare) -> UserAccessToken:
    """A token that must be refreshed."""
    token = sign_in(platform, app)
    platform.expire_access_tokens()
    return token


async def test_an_asyncio_client_warns_too(platform: InMemoryPlatform) -> None:
    """Like the blocking client."""
    async with platform.async_client() as app:
        token = await sign_in_async(platform, app)
        platform.expire_access_tokens()
        with pytest.warns(TokenNotKeptWarning):
            await app.read_accounts(token)


def test_a_warning_that_is_raised_loses_no_token(platform: InMemoryPlatform) -> None:
    """With `-W error` the call fails, and the client still knows the new pair."""
    with platform.client() as app:
        token = sign_in_again(platform, app)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(TokenNotKeptWarning):
                app.read_accounts(token)
        platform.end_rotation_grace()
        assert app.read_accounts(token) is not None


def test_reusing_a_replaced_token_is_explained(platform: InMemoryPlatform) -> None:
    """An app stored its tokens once and used them again days later: the hint says what happened and what to do."""
    with platform.client() as app:
        stored = sign_in(platform, app).to_json()
        app.refresh_token(UserAccessToken.from_json(stored))
    platform.expire_access_tokens()
    platform.end_rotation_grace()
    with platform.client() as app:
        for _ in range(2):
            with pytest.raises(InvalidToken, match="keep the newest tokens") as told:
                app.read_accounts(UserAccessToken.from_json(stored))
            assert told.value.code == "InvalidToken"
