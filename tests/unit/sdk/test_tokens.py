"""What an app keeps of a person's consent: its JSON, its stores, and who refreshes it."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from privateshare import (
    ConfigurationError,
    FileTokenStore,
    InvalidAnswer,
    MemoryTokenStore,
    TokenStore,
    UserAccessToken,
)
from privateshare.sdk import tokens
from privateshare.sdk.tokens import NewestTokens, Token
from tests.patience import GIVE_UP_SECONDS

TOKEN = UserAccessToken(Token("access-secret", 2e9), Token("refresh-secret", 3e9), "person", "consent")


def renewed(token: UserAccessToken, name: str) -> UserAccessToken:
    """What a refresh gives."""
    return UserAccessToken(Token(f"access {name}", 2e9), Token(f"refresh {name}", 3e9), token.user_id, token.consent_id)


def test_a_token_survives_json() -> None:
    """Unknown fields of a later version are ignored."""
    assert UserAccessToken.from_json(TOKEN.to_json()) == TOKEN
    later = json.loads(TOKEN.to_json()) | {"scope": "all"}
    assert UserAccessToken.from_json(json.dumps(later)) == TOKEN
    assert "secret" not in repr(TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", '"text"', '{"access_token": "x"}'),
        TOKEN.to_json().replace("2000000000.0", '"soon"'),
        TOKEN.to_json().replace("2000000000.0", "NaN"),
        TOKEN.to_json().replace('"access-secret"', "7"),
        TOKEN.to_json().replace('"user_id"', '"user"'),
    ],
)
def test_an_invalid_token_is_rejected_without_showing_it(text: str) -> None:
    """The error is a ConfigurationError without a secret."""
    with pytest.raises(ConfigurationError) as refused:
        UserAccessToken.from_json(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("claims", [{}, {"access_token": {"value": "x", "expires_on": "soon"}, "refresh_token": {}}])
def test_a_response_without_tokens_is_invalid(claims: dict[str, object]) -> None:
    """The error is InvalidAnswer."""
    with pytest.raises(InvalidAnswer):
        UserAccessToken.from_claims(claims)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(tmp_path / "new" / "tokens.json")


def test_a_store_saves_returns_and_deletes(store: TokenStore) -> None:
    """By a key of the app, with any characters."""
    assert store.get("ann") is None
    store.put("ann", TOKEN)
    store.put("ü/../☃", renewed(TOKEN, "2"))
    store.put("ann", renewed(TOKEN, "3"))
    assert store.get("ann") == renewed(TOKEN, "3")
    assert store.get("ü/../☃") == renewed(TOKEN, "2")
    store.delete("ann")
    store.delete("ann")
    assert store.get("ann") is None


def test_threads_can_share_a_store(store: TokenStore) -> None:
    """Each thread saves a token of its own, and none is lost."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(str(number), TOKEN), range(64)))
    assert all(store.get(str(number)) == TOKEN for number in range(64))


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    """Its mode is 0600, even if it replaces a readable file. No other file is left beside it."""
    path = tmp_path / "tokens.json"
    path.write_text("{}")
    path.chmod(0o644)
    FileTokenStore(path).put("ann", TOKEN)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".tokens.json.lock", "tokens.json"]


@pytest.mark.parametrize("content", ["[]", "torn {", '"text"'])
def test_a_foreign_file_is_neither_read_nor_replaced(tmp_path: Path, content: str) -> None:
    """The error says so."""
    path = tmp_path / "tokens.json"
    path.write_text(content)
    for use in (lambda: FileTokenStore(path).get("ann"), lambda: FileTokenStore(path).put("ann", TOKEN)):
        with pytest.raises(ConfigurationError, match="not a file of tokens"):
            use()
    assert path.read_text() == content


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The ConfigurationError contains the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Cannot write"):
        FileTokenStore(tmp_path / "file" / "tokens.json").put("ann", TOKEN)
    with pytest.raises(ConfigurationError, match="Cannot read"):
        FileTokenStore(tmp_path).get("ann")


WRITER = """
import sys
from privateshare import FileTokenStore, UserAccessToken
store, token = FileTokenStore(sys.argv[1]), UserAccessToken.from_json(sys.argv[2])
for number in range(25):
    store.put(f"{sys.argv[3]} {number}", token)
    assert store.get(f"{sys.argv[3]} {number}") == token
"""


def test_two_processes_can_share_a_file(tmp_path: Path) -> None:
    """No token of either is lost."""
    path = tmp_path / "tokens.json"
    command = [sys.executable, "-c", WRITER, str(path), TOKEN.to_json()]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [writer.wait(GIVE_UP_SECONDS) for writer in writers] == [0, 0, 0]
    assert len(json.loads(path.read_text())) == 75


def test_a_killed_process_leaves_the_file_intact(tmp_path: Path) -> None:
    """Other processes do not wait for it."""
    path = tmp_path / "tokens.json"
    endless = WRITER.replace("range(25)", "range(10**9)")
    writer = subprocess.Popen([sys.executable, "-c", endless, str(path), TOKEN.to_json(), "x"])
    store = FileTokenStore(path)
    while store.get("x 20") is None:
        pass
    writer.kill()
    writer.wait()
    store.put("ann", TOKEN)
    assert store.get("ann") == store.get("x 20") == TOKEN


def test_simultaneous_requests_cause_one_refresh() -> None:
    """For those that ask while it runs, and those that come later with the old token."""
    keeper = NewestTokens()
    future, ours = keeper.begin(TOKEN)
    others = [keeper.begin(TOKEN) for _ in range(5)]
    assert (ours, [mine for _, mine in others]) == (True, [False] * 5)
    new = renewed(TOKEN, "new")
    waiting = threading.Thread(target=future.result)
    waiting.start()
    keeper.end(TOKEN, new)
    waiting.join(GIVE_UP_SECONDS)
    assert {other.result() for other, _ in others} == {new}
    late, ours = keeper.begin(TOKEN)
    assert (late.result(), ours) == (new, False)
    assert keeper.newest(TOKEN) == keeper.newest(new) == new


def test_the_newest_token_is_found_from_any_earlier_one() -> None:
    """After any number of refreshes, and also if the refresh token stays the same."""
    keeper, token = NewestTokens(), TOKEN
    for number in range(5):
        keeper.begin(token)
        keeper.end(token, renewed(token, str(number)))
        token = renewed(token, str(number))
    assert keeper.newest(TOKEN) == token
    same = UserAccessToken(Token("another access", 2e9), token.refresh_token, "person", "consent")
    assert keeper.begin(token)[1]
    keeper.end(token, same)
    assert keeper.newest(TOKEN) == same
    assert keeper.begin(same)[1]


def test_a_failed_refresh_fails_for_all_and_can_be_retried() -> None:
    """No caller waits forever."""
    keeper = NewestTokens()
    keeper.begin(TOKEN)
    other, _ = keeper.begin(TOKEN)
    keeper.end(TOKEN, ConfigurationError("no"))
    with pytest.raises(ConfigurationError):
        other.result(GIVE_UP_SECONDS)
    assert keeper.begin(TOKEN)[1]


def test_the_memory_of_earlier_tokens_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Successors that are requested stay, the oldest are removed."""
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 10)
    keeper = NewestTokens()
    keeper.begin(TOKEN)
    keeper.end(TOKEN, renewed(TOKEN, "new"))
    for number in range(50):
        other = renewed(TOKEN, str(number))
        keeper.begin(other)
        keeper.end(other, renewed(other, f"after {number}"))
        assert keeper.newest(TOKEN) == renewed(TOKEN, "new")
    assert len(keeper._newer) == 10


def test_a_locked_file_can_be_read(tmp_path: Path) -> None:
    """A reader needs neither the lock nor write access to the folder."""
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    store.put("ann", TOKEN)
    descriptor = os.open(tmp_path / ".tokens.json.lock", os.O_RDWR)
    fcntl = pytest.importorskip("fcntl")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert FileTokenStore(path).get("ann") == TOKEN
    finally:
        os.close(descriptor)
