"""Starting a session. Protocol 5."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.api.agents import check_agent
from privateshare.platform.api.callers import CallerChanged, noticing_change, require_reader
from privateshare.platform.api.once import Writing
from privateshare.platform.db.tables import SessionRow
from privateshare.platform.sync.sessions import check_reading, make_session, start_for_caller, start_session
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["sessions"])


class TriggerBody(SessionOptions):
    """Session options, and a description of the client's SDK."""

    agent: dict[str, Any] | None = None


class TriggerResponse(Wire):
    """The session that was started."""

    session: Session


@router.post("/permission-access/trigger", status_code=202, response_model=TriggerResponse)
async def trigger_session(call: Writing, body: TriggerBody | None = None) -> Response:
    """Start a session for a person who has consented. The platform starts fetching at once. Protocol 5.1."""
    caller = require_reader(call.caller)
    check_agent(caller.platform.settings.blocked_sdks, body.agent if body else None)
    check_reading(caller.contract)
    options = SessionOptions.model_validate(dict(body)) if body else SessionOptions()
    expires_at = caller.now + caller.platform.settings.session_lifetime
    session = make_session(caller.contract, options, caller.now, expires_at)
    message = {"session": session.to_message().to_wire()}
    used = (session.row, caller.contract, caller.consent, caller.now)
    if not call.sql.has_begun and await start_for_caller(call.sql, caller.versions(), *used):
        response = await call.once.respond(message, 202)
        with suppress(CallerChanged), noticing_change(SessionRow.__tablename__):
            await call.sql.commit()
            return response
    if caller.contract.once or caller.consent.once:
        # The same request, sent again at the same time, must wait: it would look like a second use of the consent.
        await call.once.claim()
    await start_session(call.sql, caller.platform, *used)
    return await call.once.respond(message, 202)
