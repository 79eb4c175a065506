"""Wrong arguments of every public call: one error of ours that says what was expected, and repeats no secret."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from privateshare import (
    AccountRef,
    AsyncPrivateShare,
    AuthorizeUrl,
    ConfigurationError,
    FileTokenStore,
    InvalidToken,
    MemoryTokenStore,
    PageOptions,
    PrivateShare,
    PrivateShareError,
    PushDescriptor,
    SampleDataOptions,
    Scope,
    Session,
    SessionOptions,
    SourceQuery,
    TimeRange,
    UserAccessToken,
)
from privateshare.protocol import jwt
from privateshare.testing import InMemoryPlatform
from tests.keys import rsa_key
from tests.patience import GIVE_UP_SECONDS

CALLBACK = "http://127.0.0.1/return"
SECRET = "hunter2"
NAIVE = datetime(2026, 1, 1)

NO_TEXT: list[object] = ["", "  ", 7, b"hunter2", {}, NAIVE]
NO_NUMBER: list[object] = [SECRET, "", b"hunter2", {}, NAIVE, True, -1, float("nan")]
NO_WHOLE: list[object] = [*NO_NUMBER, 1.5]
NO_FLAG: list[object] = [SECRET, "", 7, b"hunter2", {}]
NO_FUNCTION: list[object] = [SECRET, "", 7, b"hunter2", {}]
NO_MODEL: list[object] = [SECRET, "", 7, b"hunter2", {}, NAIVE]
NO_PATH: list[object] = ["", 7, b"hunter2", {}, "a\0b"]
NO_CONTENT: list[object] = [None, 7, {}, NAIVE, ""]
NO_HOLDER: list[object] = [SECRET, "", 7, b"hunter2", {"access_token": SECRET}, NAIVE, UserAccessToken]

WRONG: dict[str, list[object]] = {
    "user_access_token": NO_HOLDER,
    "callback": [*NO_TEXT, SECRET, "app.example/return", "https://app.example/\nx", None],
    "redirect_uri": [*NO_TEXT, SECRET, "app.example/return", None],
    "state": NO_TEXT,
    "service_id": [*NO_WHOLE, 0],
    "sample_data": NO_TEXT,
    "locale": [*NO_TEXT, "not a locale", "../.."],
    "source_type": [*NO_TEXT, "pulled"],
    "include_sample_data_only_sources": [*NO_FLAG, None],
    "trigger_query": NO_FLAG,
    "sources_scope": [SECRET, 7, b"hunter2", {"dataTypes": []}, {"dataType": "x"}, {"organizationType": 7}],
    "storage_id": [*NO_TEXT, None],
    "options": NO_MODEL,
    "session_options": NO_MODEL,
    "url": [None, 7, b"hunter2", {}],
    "asked": [*NO_MODEL, None],
    "timeout": NO_NUMBER,
    "authorization_code": [*NO_TEXT, None, "two words", "line\nend"],
    "code_verifier": [*NO_TEXT, None, SECRET],
    "account_id": [*NO_TEXT, None, "two words", "line\nend", "\N{SNOWMAN}"],
    "consent_id": [*NO_TEXT, None, "two words", "line\nend"],
    "session_key": [*NO_TEXT, None],
    "file_name": [*NO_TEXT, None],
    "to": NO_PATH,
    "into": NO_PATH,
    "on_progress": NO_FUNCTION,
    "on_file_data": NO_FUNCTION,
    "on_file_error": NO_FUNCTION,
    "on_status_change": NO_FUNCTION,
    "on_access_token_change": NO_FUNCTION,
    "parallel": [*NO_WHOLE, 0, None],
    "file_data": NO_CONTENT,
    "file_descriptor": [*NO_MODEL, None],
    "standard": [*NO_TEXT, None],
    "version": [*NO_TEXT, None],
    "data": [None, SECRET, 7, [], {"at": NAIVE}, {"x": float("nan")}, {"x": b"hunter2"}],
    "path": [*NO_TEXT, None, "..", "kept/../gone", "./a", "a\nb", "x" * 1024],
    "recursive": [*NO_FLAG, None],
    "all_contracts": [*NO_FLAG, None],
    "source_id": [*NO_WHOLE, None],
    "query": NO_MODEL,
    "limit": [*NO_WHOLE, 0, None],
    "offset": [*NO_WHOLE, None],
    "sort": [*NO_TEXT, "up"],
    "service_type": [*NO_TEXT, None],
    "format": [*NO_TEXT, None, "pdf"],
    "from_": NO_WHOLE,
    "key": [*NO_TEXT, None],
}
OPTIONAL_IN = {("get_authorize_url", "user_access_token"), ("get_authorize_url", "storage_id")}
WITHOUT_ARGUMENTS = {"close", "create_provisional_storage", "get_contract_details"}
NAMED_BY_A_PART = {"sample_data", "sources_scope", "data"}
NUMBERS_OF_PERIODS = {("get_portability_report", "to")}
"""Elsewhere `to` is a path."""


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


@pytest.fixture(scope="module")
def token(platform: InMemoryPlatform) -> UserAccessToken:
    with platform.client() as app:
        asked = app.get_authorize_url(CALLBACK)
        code = app.read_return(platform.consent(asked.url), state=asked.state).code
        return app.exchange_code_for_token(code, asked.code_verifier)


def valid(token: UserAccessToken) -> dict[str, object]:
    """Return an argument that is right for each parameter which a call requires."""
    return {
        "user_access_token": token,
        "callback": CALLBACK,
        "redirect_uri": CALLBACK,
        "url": f"{CALLBACK}?success=true&state=s",
        "asked": AuthorizeUrl("https://share.example", "v" * 43, "s", Session(key="s", expiry=1), CALLBACK),
        "authorization_code": "code",
        "code_verifier": "v" * 43,
        "account_id": "a",
        "consent_id": "c",
        "session_key": "s",
        "file_name": "f",
        "file_data": b"x",
        "file_descriptor": PushDescriptor(mime_type="text/plain", accounts=[AccountRef(account_id="a")]),
        "standard": "fhir",
        "version": "4.0.1",
        "data": {"resourceType": "Patient"},
        "path": "/x",
        "storage_id": "s",
        "source_id": 16,
        "service_type": "spotify",
        "key": "ann",
    }


def calls() -> list[tuple[str, str]]:
    """Return every parameter of every public call."""
    found = [
        (name, parameter)
        for name, method in inspect.getmembers(PrivateShare, inspect.isfunction)
        if not name.startswith("_")
        for parameter in list(inspect.signature(method).parameters)[1:]
    ]
    assert len(found) > 80
    return found


def wrong_values(call: str, parameter: str) -> list[object]:
    if (call, parameter) in NUMBERS_OF_PERIODS:
        return NO_WHOLE
    wrong = WRONG[parameter]
    return [value for value in wrong if value is not None or (call, parameter) not in OPTIONAL_IN]


def arguments(call: str, token: UserAccessToken) -> dict[str, object]:
    required = {
        name: found
        for name, found in list(inspect.signature(getattr(PrivateShare, call)).parameters.items())[1:]
        if found.default is inspect.Parameter.empty
    }
    return {name: valid(token)[name] for name in required}


@pytest.mark.parametrize(("call", "parameter"), calls())
def test_every_wrong_argument_is_explained(
    platform: InMemoryPlatform, token: UserAccessToken, call: str, parameter: str
) -> None:
    """The error names the argument, is raised before anything is sent, and does not show the value."""
    with platform.client(token_store=MemoryTokenStore(), retries=0) as app:
        for value in wrong_values(call, parameter):
            given = arguments(call, token) | {parameter: value}
            with pytest.raises(ConfigurationError) as told:
                getattr(app, call)(**given)
            assert parameter in told.value.message or parameter in NAMED_BY_A_PART, (value, str(told.value))
            assert SECRET not in f"{told.value}{told.value!r}", value


@pytest.mark.parametrize("call", sorted({call for call, _ in calls()} - {"read_return", "user"}))
async def test_the_asyncio_client_explains_them_in_the_same_words(
    platform: InMemoryPlatform, token: UserAccessToken, call: str
) -> None:
    """For the first parameter of each call."""
    parameter = next(name for name_of, name in calls() if name_of == call)
    value = wrong_values(call, parameter)[0]
    given = arguments(call, token) | {parameter: value}
    async with platform.async_client() as app:
        with pytest.raises(ConfigurationError) as told:
            await _awaited(getattr(app, call)(**given))
    with platform.client() as blocking, pytest.raises(ConfigurationError) as same:
        getattr(blocking, call)(**given)
    assert str(told.value) == str(same.value)


async def _awaited(result: Any) -> None:
    if inspect.isawaitable(result):
        await result


def test_swapped_arguments_are_named(platform: InMemoryPlatform, token: UserAccessToken) -> None:
    """The person first, or the session first: each call says which it expected."""
    session = Session(key="s", expiry=4_000_000_000_000)
    with platform.client() as app:
        with pytest.raises(ConfigurationError, match="user_access_token must be a UserAccessToken"):
            app.read_all_files(token, session)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="user_access_token must be a UserAccessToken"):
            app.delete_account("account", token)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="file_descriptor must be PushDescriptor"):
            app.push_data(token, PushDescriptor(mime_type="x/y", accounts=[]), b"x")  # type: ignore[arg-type]
        asked = app.get_authorize_url(CALLBACK)
        with pytest.raises(ConfigurationError, match=r"Pass its \.session"):
            app.read_file_list(asked, token)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="code_verifier"):
            app.exchange_code_for_token(asked.code_verifier, "code")
        with pytest.raises(ConfigurationError, match="from_json"):
            app.read_accounts(token.to_json())  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="redirect"):
            app.get_authorize_url(redirect=CALLBACK)  # type: ignore[call-arg]


def test_arguments_of_a_client_are_checked(platform: InMemoryPlatform) -> None:
    """Each error names the argument, and none repeats the key."""
    settings = platform.settings()
    wrong: dict[str, list[object]] = {
        "application_id": [*NO_TEXT, None, "a_b", "two words"],
        "contract_id": [*NO_TEXT, None, "two words"],
        "base_url": [*NO_TEXT, SECRET],
        "onboard_url": [7, b"hunter2", SECRET],
        "timeout": [*NO_NUMBER, 0, None],
        "retries": [*NO_WHOLE, None],
        "on_access_token_change": NO_FUNCTION,
        "token_store": [SECRET, 7, {}, MemoryTokenStore, Path("tokens.json")],
    }
    for kind in (PrivateShare, AsyncPrivateShare):
        for name, values in wrong.items():
            for value in values:
                with pytest.raises(ConfigurationError, match=name) as told:
                    kind(**({"application_id": "app"} | settings | {name: value}))
                assert SECRET not in str(told.value)
    with pytest.raises(TypeError, match="contract"):
        PrivateShare("app", private_key=settings["private_key"])  # type: ignore[call-arg]


def as_pem(key: Any, *, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return pem.decode()


@pytest.mark.parametrize("form", ["PKCS1", "PKCS8"])
def test_a_key_is_taken_as_environments_hold_it(form: str, platform: InMemoryPlatform) -> None:
    """In quotes, on one line, with the two characters of an escaped line end, with the line ends of Windows."""
    key = rsa_key()
    pem = jwt.private_pem(key) if form == "PKCS1" else as_pem(key)
    forms: list[Any] = [
        pem,
        pem.encode(),
        pem.strip(),
        pem.replace("\n", "\r\n"),
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\\r\\n"),
        pem.replace("\n", " "),
        f'"{pem}"',
        f"'{pem.strip()}'",
        '"' + pem.replace("\n", "\\n") + '"',
        "\ufeff" + pem,
        "Bag Attributes\n    friendlyName: x\n" + pem,
        "\n".join(f"    {line}" for line in pem.splitlines()),
    ]
    for text in forms:
        app = platform.client(private_key=text)
        assert app._core.configuration.private_key.private_numbers() == key.private_numbers(), repr(text[:40])
        app.close()


def test_a_key_that_is_none_is_explained(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """What it is instead is said, and never what is in it."""
    key = rsa_key()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path = tmp_path / "contract.pem"
    path.write_text(jwt.private_pem(key))
    weak = rsa.generate_private_key(65537, 1024)
    for text, expected in (
        (str(path), "its path"),
        (path, "its path"),
        ("contract.pem", "its path"),
        (None, "not None"),
        ("", "an empty string"),
        (7, "not int"),
        (key, "not _?RSAPrivateKey|not .*RSAPrivateKey"),
        (public.decode(), "not a public key"),
        (as_pem(key, password=b"x"), "encrypted with a password"),
        (as_pem(ec.generate_private_key(ec.SECP256R1())), "RSA"),
        (as_pem(weak), "2048"),
        (jwt.private_pem(key)[:400], "its path"),
        (jwt.private_pem(key).replace("A", "B"), "private key"),
    ):
        with pytest.raises(ConfigurationError, match=expected) as told:
            platform.client(private_key=text)
        assert jwt.private_pem(key)[100:130] not in str(told.value)
        assert str(path) not in str(told.value)


def test_page_options_are_checked() -> None:
    """Each of them, before a person sees a page that says that the link is not complete."""
    for name in ("service_id", "locale", "source_type", "trigger_query", "sources_scope", "storage_ref"):
        values = WRONG.get(name, NO_TEXT)
        for value in values:
            with pytest.raises(ConfigurationError):
                PageOptions(**{name: value})  # type: ignore[arg-type]
    for wrong in ({"sample_data_set": ""}, {"sample_data_set": 7}, {"sample_data_auto_onboard": True}):
        with pytest.raises(ConfigurationError, match="sample_data"):
            PageOptions(**wrong)
    for data_set in NO_TEXT:
        with pytest.raises(ConfigurationError, match="data_set"):
            SampleDataOptions(data_set)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="langage"):
        PageOptions(langage="de")  # type: ignore[call-arg]
    everything = PageOptions(16, "default", True, True, "pt-BR", "pull", False, {"dataType": ["vaccinations"]}, "ref")
    assert len(everything.to_query()) == 9


def test_messages_are_checked_when_they_are_made() -> None:
    """With the SDK's own error, which names the field and never the value; unknown fields as Python does."""
    with pytest.raises(ConfigurationError, match=r"PushDescriptor cannot be made\. accounts: Field required"):
        PushDescriptor(mime_type="text/plain")
    for make in (
        lambda: PushDescriptor(mime_type=SECRET, accounts=SECRET),
        lambda: TimeRange(from_=NAIVE),
        lambda: TimeRange(from_=1.5),
        lambda: Scope(time_ranges=[SECRET]),
        lambda: SessionOptions(scope=SECRET),
        lambda: SourceQuery(include=SECRET),
        lambda: Session(key=None, expiry=SECRET),
    ):
        with pytest.raises(ConfigurationError, match="cannot be made") as told:
            make()
        assert SECRET not in str(told.value)
        assert told.value.__cause__ is None
    with pytest.raises(TypeError, match="mimetype"):
        PushDescriptor(mimetype="text/plain", accounts=[])
    with pytest.raises(TypeError, match="scopes"):
        SessionOptions(scopes=Scope())
    assert PushDescriptor(mimeType="text/plain", accounts=[]).mime_type == "text/plain"


def test_messages_take_the_names_of_json_from_the_first_use_on() -> None:
    """Pydantic builds a class when it is first used, and only then knows its names of JSON."""
    script = "from privateshare import SessionOptions as S; print(S(sourceFetch=False).source_fetch)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_messages_of_platforms_may_have_more_fields() -> None:
    """A newer platform sends what this version does not know. Protocol 9.3."""
    assert Session.model_validate({"key": "k", "expiry": 1, "more": 1}).expiry == 1


def test_a_closed_client_says_so(platform: InMemoryPlatform, token: UserAccessToken) -> None:
    """For every call, and closing it again does nothing."""
    app = platform.client(token_store=MemoryTokenStore())
    app.close()
    app.close()
    for call in (
        app.get_available_services,
        lambda: app.read_accounts(token),
        lambda: app.refresh_token(token),
        lambda: app.read_all_files("s", token),
        lambda: app.get_authorize_url(CALLBACK),
    ):
        with pytest.raises(ConfigurationError, match="This client is closed"):
            call()


async def test_a_closed_asyncio_client_says_so(platform: InMemoryPlatform, token: UserAccessToken) -> None:
    """As the blocking one."""
    async with platform.async_client() as app:
        pass
    await app.close()
    with pytest.raises(ConfigurationError, match="This client is closed"):
        await app.get_available_services()
    with pytest.raises(ConfigurationError, match="This client is closed"):
        app.read_all_files("s", token)


def test_a_store_takes_tokens_only(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """And a user that has none is unknown."""
    with platform.client(token_store=FileTokenStore(tmp_path / "tokens.json")) as app:
        wrongs: tuple[Any, ...] = (None, SECRET, 7, {})
        for wrong in wrongs:
            with pytest.raises(ConfigurationError, match="token must be") as told:
                app.user("ann").keep(wrong)
            assert SECRET not in str(told.value)
        with pytest.raises(InvalidToken):
            app.read_accounts(app.user("ann"))
    for path in (None, "", 7, b"x"):
        with pytest.raises(ConfigurationError, match="path"):
            FileTokenStore(path)  # type: ignore[arg-type]
    for text in (None, "", "x", b"x", 7, "{}"):
        with pytest.raises(PrivateShareError, match="UserAccessToken"):
            UserAccessToken.from_json(text)  # type: ignore[arg-type]


def test_objects_are_asked_for_by_class(platform: InMemoryPlatform, token: UserAccessToken) -> None:
    """Not by name."""
    platform.lend("playhistory", [{"entityid": "1"}])
    with platform.client() as app:
        file = next(iter(app.read_all_files(app.read_session(token), token)))
        wrongs: list[Any] = ["PlayHistory", 406, {}]
        for wrong in wrongs:
            with pytest.raises(ConfigurationError, match="kind must be a class"):
                file.objects(wrong)


def test_results_wait_for_seconds(platform: InMemoryPlatform, token: UserAccessToken) -> None:
    """A negative wait is a mistake, and the reading goes on."""
    with platform.client() as app:
        reading = app.read_all_files(app.read_session(token), token)
        for wrong in NO_NUMBER:
            with pytest.raises(ConfigurationError, match="timeout"):
                reading.result(timeout=wrong)  # type: ignore[arg-type]
        assert reading.result(timeout=GIVE_UP_SECONDS).errors == []


def test_an_asyncio_client_works_on_the_next_loop(platform: InMemoryPlatform) -> None:
    """It opens new connections there, instead of failing with those of a loop that is closed."""
    app = platform.async_client()
    for _ in range(3):
        asyncio.run(_services(app))


async def _services(app: AsyncPrivateShare) -> None:
    await app.get_available_services()
