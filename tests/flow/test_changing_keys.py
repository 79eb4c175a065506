"""Keys are changed while apps call: not one call fails, and a key that was taken away works nowhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from privateshare.platform.keys.signing import CACHED_KEY_SET, rotate_signing_key, update_signer
from privateshare.protocol import jwt
from tests.flow.command_line import OperatorCommand
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import Served
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.wire import Tokens, Wire, check_error, unsealed, verifier
from tests.keys import rsa_key

OTHER_KEY = 7


@pytest.fixture
def command(served: Served) -> OperatorCommand:
    return OperatorCommand(served.data)


@asynccontextmanager
async def calling(wire: Wire, tokens: Tokens, session: str, name: str) -> AsyncIterator[list[int]]:
    """Read a file again and again, and refresh tokens, while the block runs; provide the statuses of the responses."""
    statuses: list[int] = []

    async def call() -> None:
        while True:
            answer = await asyncio.to_thread(wire.get, f"{QUERY}/{session}/{name}", access_token=tokens.access)
            unsealed(answer.content, wire.key)
            statuses.append(answer.status_code)

    task = asyncio.create_task(call())
    try:
        yield statuses
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def test_an_app_changes_its_key_while_it_reads(people: People, command: OperatorCommand) -> None:
    """Its old and its new program both work, each with files for its own key, until the old key ends."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    new = Wire(wire.origin, wire.application_id, wire.contract_id, rsa_key(OTHER_KEY))
    pem = people.platform.settings.data / "new.pem"
    pem.write_text(jwt.public_pem(new.key.public_key()))
    check_error(new.get(f"{QUERY}/{session}", access_token=tokens.access), 400, "InvalidJWT")
    async with calling(wire, tokens, session, name) as statuses:
        changed = await asyncio.to_thread(
            command.json, "contract", "rotate-key", wire.contract_id, "--public-key", str(pem)
        )
        assert changed["old_key_until"]
        for _ in range(3):
            answer = await asyncio.to_thread(new.get, f"{QUERY}/{session}/{name}", access_token=tokens.access)
            assert unsealed(answer.content, new.key)
        triggered(new, tokens)
        before = len(statuses)
        while len(statuses) < before + 3:
            await asyncio.sleep(0.05)
    assert set(statuses) == {200}
    pem.unlink()
    third = people.platform.settings.data / "third.pem"
    await asyncio.to_thread(
        command.json, "contract", "rotate-key", wire.contract_id, "--key-out", str(third), "--overlap-days", "0"
    )
    for ended in (wire, new):
        check_error(ended.get(f"{QUERY}/{session}/{name}", access_token=tokens.access), 400, "InvalidJWT")
        check_error(ended.post("permission-access/trigger", access_token=tokens.access), 400, "InvalidJWT")
    newest = Wire(wire.origin, wire.application_id, wire.contract_id, jwt.load_private_key(third.read_text()))
    third.unlink()
    answer = newest.get(f"{QUERY}/{session}/{name}", access_token=tokens.access)
    assert unsealed(answer.content, newest.key)


async def test_pushing_and_storage_work_with_both_keys(people: People, command: OperatorCommand) -> None:
    """A file's descriptor and the token of a storage may be signed with either."""
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire, sources=())
    storage = wire.post("storage").json()["id"]
    new = Wire(wire.origin, wire.application_id, wire.contract_id, rsa_key(OTHER_KEY))
    pem = people.platform.settings.data / "other.pem"
    pem.write_text(jwt.public_pem(new.key.public_key()))
    command.json("contract", "rotate-key", wire.contract_id, "--public-key", str(pem))
    for number, app in enumerate((wire, new)):
        pushed = app.post(IMPORT, access_token=tokens.access, content=b"x", headers=descriptor(app))
        assert pushed.status_code == 200, pushed.text
        assert cloud(app, "POST", storage, f"/{number}", content=b"x").status_code == 201
    assert "has this key already" in command.error("contract", "rotate-key", wire.contract_id, "--public-key", str(pem))
    pem.unlink()


@pytest.mark.protocol("3.2")
async def test_a_new_signing_key_is_published_first_and_used_without_a_restart(people: People) -> None:
    """While requests run, every response is valid: signed with the old key, and then with the new one."""
    platform, wire = people.platform, await people.contract()

    def signed_with() -> str:
        answer = wire.authorize(verifier())
        wire.signed(answer)  # It looks for the key in the key set, and checks the signature.
        return str(jwt.read_header(answer.json()["token"])["kid"])

    def published() -> list[str]:
        return [key["kid"] for key in wire.http.get(wire.url("jwks/oauth")).json()["keys"]]

    before = signed_with()
    async with platform.database.transaction() as db:
        later = (await rotate_signing_key(db, platform.master_key, CACHED_KEY_SET)).kid
    async with platform.database.transaction() as db:
        await update_signer(db, platform.master_key, platform.signer)
    assert later in published()
    assert later not in repr(platform.signer)
    async with platform.database.transaction() as db:
        now = (await rotate_signing_key(db, platform.master_key)).kid
    while (kid := await asyncio.to_thread(signed_with)) != now:
        assert kid == before
        await asyncio.sleep(0.2)
    assert {before, later, now} <= set(published())
