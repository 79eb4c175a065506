"""The registrations of the platform at servers of sources, one for each server. RFC 7591."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import ServerClientRow
from privateshare.platform.keys.wrapping import SERVER_CLIENT
from privateshare.platform.library.source_calls import call_source
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import JsonObject, RegisteringSource, Source

SECONDS_BEFORE_EXPIRY = 3600
NEW_REGISTRATION = timedelta(minutes=10)  # No server forgets a client so soon.

log = structlog.get_logger()


async def with_client(
    platform: Platform, source: RegisteringSource, known: JsonObject, redirect_uri: str, abandoned: str | None = None
) -> JsonObject:
    """Return what is known of a server, with the platform's registration there. It is made if there is none yet.

    Two people who are the first at a server may both register the platform. The later registration is kept, and both
    work.

    Args:
        platform: The platform.
        source: The source.
        known: What is known of the server.
        redirect_uri: The redirect URI to register.
        abandoned: The client id of a sign-in that the person began here, and from which they did not return. A server
            that has forgotten a client shows an error to the person and sends nobody back, so an older registration is
            renewed then.

    Raises:
        Broken: The server does not allow it.
        TryLater: The server does not respond.
    """
    server = source.registers_at(known)
    if server is None:
        return known
    async with platform.database.transaction() as db:
        client = await _stored(db, platform, (source.info.id, server, redirect_uri), abandoned)
    if client is None:
        client = await call_source(source.register, known, redirect_uri)
        async with platform.database.transaction() as db:
            await _store(db, platform, (source.info.id, server, redirect_uri), client)
        log.info("the platform registered itself at a server", source=source.info.id)
    return known | client


async def forget_client(db: AsyncSession, source: Source, known: JsonObject) -> bool:
    """Delete a registration that its server does not accept any more, so that the next sign-in makes a new one.

    Registrations at other servers stay: the id of a client is what a server says, and it could say that of another.

    Returns:
        Whether the platform registers itself at this server.
    """
    server = source.registers_at(known) if isinstance(source, RegisteringSource) else None
    if server is None:
        return False
    log.info("a server has forgotten the registration of the platform", source=source.info.id)
    await db.execute(
        delete(ServerClientRow).where(
            ServerClientRow.source_id == source.info.id,
            ServerClientRow.server == server,
            ServerClientRow.client_id == str(known.get("client_id")),
        )
    )
    return True


async def _stored(
    db: AsyncSession, platform: Platform, key: tuple[int, str, str], abandoned: str | None
) -> JsonObject | None:
    source_id, server, redirect_uri = key
    row = await db.scalar(
        select(ServerClientRow).where(
            ServerClientRow.source_id == source_id,
            ServerClientRow.server == server,
            ServerClientRow.redirect_uri == redirect_uri,
        )
    )
    if row is None or (row.client_id == abandoned and row.registered_at < datetime.now(UTC) - NEW_REGISTRATION):
        return None
    try:
        client: JsonObject = orjson.loads(platform.master_key.open(SERVER_CLIENT, row.id, row.sealed_client))
    except SealBroken:  # Its master key is lost. A new registration is as good.
        return None
    expires = client.get("client_expires_at")
    is_expired = isinstance(expires, int) and expires < time.time() + SECONDS_BEFORE_EXPIRY
    return None if is_expired else client


async def _store(db: AsyncSession, platform: Platform, key: tuple[int, str, str], client: JsonObject) -> None:
    id_: UUID = uuid4()
    source_id, server, redirect_uri = key
    values = {
        "id": id_,
        "client_id": client["client_id"],
        "sealed_client": platform.master_key.seal(SERVER_CLIENT, id_, orjson.dumps(client)),
    }
    row = insert(ServerClientRow).values(source_id=source_id, server=server, redirect_uri=redirect_uri, **values)
    columns = ["source_id", "server", "redirect_uri"]
    renewed = {**values, "registered_at": func.clock_timestamp()}
    await db.execute(row.on_conflict_do_update(index_elements=columns, set_=renewed))
