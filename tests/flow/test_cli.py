"""Tests of the operator's commands, beside a running server and without one."""

from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from sqlalchemy import select

from privateshare.platform.db.tables import ConsentRow, TokenRow
from tests.flow.command_line import CREATE, OperatorCommand, run_command
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.sweeping import sweep_whole
from tests.flow.wire import Wire, check_error, verifier


@pytest.fixture
def command(served: Served) -> OperatorCommand:
    """Provide the command line on the running server's folder."""
    return OperatorCommand(served.data)


def test_contract_that_an_app_can_use(command: OperatorCommand, served: Served, tmp_path: Path) -> None:
    """An app and a contract that were created by commands are enough to call the platform."""
    app = command.json("app", "create", "Genrefy", "--partner", "Example Ltd")["application_id"]
    key = tmp_path / "key.pem"
    read = ("--read", "entertainment", "--read", "medical:127,128", "--last", "12m")
    made = command.json("contract", "create", "--app", app, *read, "--key-out", key, *CREATE)

    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    private = load_pem_private_key(key.read_bytes(), None)
    wire = Wire(served.origin, app, made["contract_id"], private)  # type: ignore[arg-type]
    assert wire.authorize(verifier()).status_code == 201

    told = command.json("contract", "show", made["contract_id"])
    assert told["redirect_uris"] == ["https://app.example/return?kept=1"]
    assert told["document"]["dataRequest"]["purpose"] == "To test"
    assert told["document"]["dataRequest"]["timeRanges"] == [{"last": "12m"}]
    assert [group["id"] for group in told["document"]["dataRequest"]["serviceGroups"]] == [5, 2]
    listed = {"application_id": app, "name": "Genrefy", "partner": "Example Ltd", "verified": False, "suspended": False}
    assert listed in command.json("app", "list")
    assert made["contract_id"] in command("contract", "list").stdout


def test_an_app_can_bring_its_own_key(command: OperatorCommand, served: Served, tmp_path: Path) -> None:
    """The app passes its public key, and the operator never sees the private one."""
    app = command.json("app", "create", "Own key")["application_id"]
    first, public = tmp_path / "key.pem", tmp_path / "public.pem"
    command.json("contract", "create", "--app", app, "--read", "5", "--key-out", first, *CREATE)
    private = load_pem_private_key(first.read_bytes(), None)
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    made = command.json("contract", "create", "--app", app, "--read-raw", "--public-key", public, *CREATE)
    assert made["kind"] == "read-raw"
    wire = Wire(served.origin, app, made["contract_id"], private)  # type: ignore[arg-type]
    assert wire.authorize(verifier()).status_code == 201


def test_a_wrong_key_is_rejected(command: OperatorCommand, served: Served, tmp_path: Path) -> None:
    """A contract's key does not work for another contract."""
    app = command.json("app", "create", "Two contracts")["application_id"]
    contracts = []
    for name in ("one.pem", "two.pem"):
        options = ("--app", app, "--read", "5", "--key-out", tmp_path / name)
        contracts.append(command.json("contract", "create", *options, *CREATE)["contract_id"])
    private = load_pem_private_key((tmp_path / "two.pem").read_bytes(), None)
    wire = Wire(served.origin, app, contracts[0], private)  # type: ignore[arg-type]
    check_error(wire.authorize(verifier()), 400, "InvalidJWT")


def test_existing_key_is_kept(command: OperatorCommand, tmp_path: Path) -> None:
    """A key file that exists is never replaced."""
    key = tmp_path / "key.pem"
    key.write_text("precious")
    told = command.error("contract", "create", "--app", "any", "--read", "5", "--key-out", key, *CREATE)
    assert "File exists. Name a new file with --key-out" in told
    assert key.read_text() == "precious"


def test_failed_contract_leaves_no_key(command: OperatorCommand, tmp_path: Path) -> None:
    """If the contract cannot be created, no key file is left."""
    key = tmp_path / "key.pem"
    told = command.error("contract", "create", "--app", "unknown", "--read", "5", "--key-out", key, *CREATE)
    assert "there is no application with the id unknown. List them with: privateshare app list" in told
    assert not key.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "add --read with the data to read"),
        (("--read", "music"), "there is no service group 'music'; choose one of social (1)"),
        (("--read", "medical:999"), "there is no object type '999'"),
        (("--read", "5", "--last", "12x"), "--last '12x' must be a number and a unit (h, d, m or y)"),
        (("--read", "5", "--write"), "--read and --write cannot be combined"),
        (("--write", "--read-raw"), "--write and --read-raw cannot be combined"),
        (("--read", "5", "--privacy-policy", "javascript:x"), "--privacy-policy must be an address"),
        (("--write", "--no-sharing"), "are for reading"),
        (("--read", "5"), "--key-out FILE to generate a key, or --public-key FILE"),
    ],
)
def test_wrong_options_are_explained(command: OperatorCommand, options: tuple[str, ...], told: str) -> None:
    """The error names the wrong option and the possible values."""
    assert told in command.error("contract", "create", "--app", "any", *options, *CREATE)


def test_a_command_starts_and_stops_the_database_when_no_server_runs(tmp_path: Path) -> None:
    """When the server is stopped, a command starts the database, and stops it again."""
    with serving(tmp_path / "data"):
        pass
    command = OperatorCommand(tmp_path / "data")
    made = command.json("app", "create", "Early")
    assert command.json("app", "list") == [made]
    assert not (tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("app", "list"),
        ("app", "create", "Early"),
        ("contract", "create", "--app", "any", "--read", "5", "--key-out", "contract.pem", *CREATE),
        ("person", "consents", "any"),
        ("keys", "rotate"),
    ],
)
def test_only_serve_makes_a_data_folder(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other command in a folder without one says what to do, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    told = run_command(*words)
    assert told.returncode == 1
    assert told.stderr == (
        "privateshare: no platform in ./privateshare-data; "
        "start one with `privateshare serve`, or name its folder with --data\n"
    )
    (tmp_path / "elsewhere").mkdir()
    assert f"no platform in {tmp_path / 'elsewhere'};" in run_command(*words, "--data", "elsewhere").stderr.replace(
        "./elsewhere", str(tmp_path / "elsewhere")
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["elsewhere"]


def test_what_an_app_promises_is_on_the_consent_page(command: OperatorCommand, tmp_path: Path) -> None:
    """The options of `contract create` answer the questions of the page, each with yes or no."""
    app = command.json("app", "create", "Promising")["application_id"]
    promises = (
        "--no-retention",
        "--sharing",
        "--leaves-device",
        "--deletion",
        "--privacy-policy",
        "https://a.example/p",
    )
    options = ("--app", app, "--read", "5", "--key-out", tmp_path / "key.pem", *promises)
    made = command.json("contract", "create", *options, *CREATE)["contract_id"]
    document = command.json("contract", "show", made)["document"]
    asked = document["dataRequest"]
    assert document["resources"] == {"privacyPolicy": "https://a.example/p"}
    assert (asked["dataRetention"], asked["externalSharePolicy"]) == (
        {"dataRetained": False},
        {"sharedExternally": True},
    )
    assert (asked["dataTransportPolicy"], asked["gdpr"]) == (
        {"leavesDevice": True},
        {"canRequestRightToBeForgotten": True},
    )


async def test_an_ended_contract_stops_working(command: OperatorCommand, people: People, tmp_path: Path) -> None:
    """Its key and its consents stop working, and other contracts do not. The command asks first."""
    wire, other = await people.contract(), await people.contract()
    tokens, session = await people.user(wire)
    others, _ = await people.user(other)
    assert wire.get("permission-access/accounts", access_token=tokens.access).status_code == 200
    assert command("contract", "end", wire.contract_id).returncode == 1  # Nobody confirms.
    assert wire.get("permission-access/accounts", access_token=tokens.access).status_code == 200
    ended = command.json("contract", "end", wire.contract_id, "--yes")
    assert datetime.fromisoformat(ended["expires_at"]) <= datetime.now(UTC)
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 403, "InvalidClient")
    check_error(wire.get(f"permission-access/query/{session}", access_token=tokens.access), 403, "InvalidClient")
    check_error(wire.authorize(verifier()), 403, "InvalidClient")
    assert other.get("permission-access/accounts", access_token=others.access).status_code == 200
    async with people.platform.database.session() as db:
        assert (
            await db.scalar(select(TokenRow).join(ConsentRow).where(ConsentRow.contract_id == wire.contract_id)) is None
        )
    assert "there is no contract" in command.error("contract", "end", "none", "--yes")


async def test_an_operator_withdraws_a_consent(command: OperatorCommand, people: People, served: Served) -> None:
    """A consent is found by the id that any app knows. Withdrawing it leaves the others. The command asks first."""
    wire, other = await people.contract(), await people.contract()
    tokens, session = await people.user(wire)
    library = await people.library_of(tokens)
    others, _ = await people.user(other, library_id=library)
    nobody = await people.user(wire)
    listed = command.json("person", "consents", others.claims["sub"])
    assert [row["contract_id"] for row in listed] == [wire.contract_id, other.contract_id]
    assert [row["withdrawn_at"] for row in listed] == [None, None]

    assert command("person", "recovery-code", tokens.claims["sub"]).returncode == 1  # Nobody confirms.
    code = command.json("person", "recovery-code", tokens.claims["sub"], "--yes")["recovery_code"]
    opened = httpx2.post(f"{served.origin}/me/", data={"code": code})
    assert (opened.status_code, "person=" in opened.headers["set-cookie"]) == (303, True)

    consent = tokens.claims["consentid"]
    assert command.json("person", "withdraw", consent, "--yes")["withdrawn_at"] is not None
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.get(f"permission-access/query/{session}", access_token=tokens.access), 401, "InvalidToken")
    assert other.get("permission-access/accounts", access_token=others.access).status_code == 200
    assert wire.get("permission-access/accounts", access_token=nobody[0].access).status_code == 200

    assert command("person", "erase", tokens.claims["sub"]).returncode == 1  # Nobody confirms.
    erased = command.json("person", "erase", tokens.claims["sub"], "--yes")
    assert erased == {"erased": tokens.claims["sub"], "key": "destroyed"}
    check_error(other.get("permission-access/accounts", access_token=others.access), 401, "InvalidToken")
    await sweep_whole(people.platform)
    assert not (served.data / "blobs" / "library" / str(library)).exists()
    assert "there is no person" in command.error("person", "consents", tokens.claims["sub"])
    assert wire.get("permission-access/accounts", access_token=nobody[0].access).status_code == 200


@pytest.mark.protocol("3.2")
def test_signing_keys_are_rotated(command: OperatorCommand, served: Served) -> None:
    """The new key is listed first, and older ones remain."""
    before = [key["kid"] for key in command.json("keys", "list")]
    new = command.json("keys", "rotate")["kid"]
    assert [key["kid"] for key in command.json("keys", "list")] == [new, *before]
    listed = httpx2.get(f"{served.origin}/v1.7/jwks/oauth").json()["keys"]
    assert [key["kid"] for key in listed] == [new, *before]
