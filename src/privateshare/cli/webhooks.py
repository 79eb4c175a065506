"""`privateshare webhook …`: where apps are told what happened, and what was delivered."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.contract_options import Contract
from privateshare.cli.data_folder import Data, in_transaction, on_platform
from privateshare.cli.output import AsJson, show, show_table
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import WebhookEndpointRow, WebhookMessageRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Tell apps what happened: endpoints, messages, and sending again.", no_args_is_help=True)

REPLAYED_AT_ONCE = 1000

OfContract = Annotated[str | None, typer.Option("--contract", help="Only messages about this contract.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only messages that were given up.")]


@tree.command()
def add(
    contract_id: Contract,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the app takes messages: https.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add an address that is told what happens under a contract. Prints its secret, which is not shown again."""
    from privateshare.platform.webhooks.endpoints import add_endpoint

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        new = await add_endpoint(db, platform, contract_id, url)
        return _endpoint(new.row) | {"secret": new.secret}

    show(on_platform(data, work, "webhook add"), as_json)


@tree.command()
def endpoints(contract_id: Contract, data: Data = None, as_json: AsJson = False) -> None:
    """List the addresses of a contract."""
    from privateshare.platform.webhooks.endpoints import contract_endpoints

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [_endpoint(row) for row in await contract_endpoints(db, contract_id)]

    show_table(in_transaction(data, work), as_json)


@tree.command()
def remove(
    webhook_id: Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id that `webhook add` printed.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Remove an address. Its messages are deleted, and those that were not delivered are not sent."""
    from privateshare.platform.db.tables import WebhookEndpointRow

    async def work(db: "AsyncSession") -> dict[str, Any]:
        row = await db.get(WebhookEndpointRow, webhook_id)
        if row is None:
            raise ConfigurationError(
                f"there is no webhook {webhook_id}", hint="List them with: privateshare webhook endpoints CONTRACT"
            )
        await db.delete(row)
        return _endpoint(row)

    show(in_transaction(data, work, "webhook remove"), as_json)


@tree.command("list")
def list_(contract_id: OfContract = None, failed: Failed = False, data: Data = None, as_json: AsJson = False) -> None:
    """List the last 100 messages, the newest first. They are kept for 30 days."""
    from privateshare.platform.webhooks.messages import find_messages

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        found = await find_messages(db, contract_id, failed_only=failed)
        return [_message(message, endpoint) for message, endpoint in found]

    show_table(in_transaction(data, work), as_json)


@tree.command()
def replay(
    message_id: Annotated[str | None, typer.Argument(metavar="MESSAGE", help="The message's id.")] = None,
    contract_id: OfContract = None,
    failed: Failed = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Send a message again, or with --failed all that were given up. A message keeps its id."""
    from privateshare.platform.db.tables import WebhookMessageRow
    from privateshare.platform.webhooks.messages import find_messages
    from privateshare.platform.webhooks.messages import replay as send_again

    if (message_id is None) == (not failed):
        raise ConfigurationError("name a message, or add --failed for all that were given up")

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        if message_id is not None:
            message = await db.get(WebhookMessageRow, message_id)
            if message is None:
                raise ConfigurationError(
                    f"there is no message {message_id}", hint="List them with: privateshare webhook list"
                )
            messages = [message]
        else:
            found = await find_messages(db, contract_id, failed_only=True, limit=REPLAYED_AT_ONCE)
            messages = [message for message, _ in found]
        for message in messages:
            await send_again(db, platform, message)
        return {"replayed": len(messages)}

    show(on_platform(data, work, "webhook replay"), as_json)


def _endpoint(row: "WebhookEndpointRow") -> dict[str, Any]:
    return {"webhook_id": row.id, "contract_id": row.contract_id, "url": row.url}


def _message(message: "WebhookMessageRow", endpoint: "WebhookEndpointRow") -> dict[str, Any]:
    if message.delivered_at:
        state = "delivered"
    elif message.given_up_at:
        state = "given up"
    else:
        state = "held: the app is suspended" if message.held_at else "waiting"
    return {
        "message_id": message.id,
        "event": message.event,
        "contract_id": endpoint.contract_id,
        "created_at": message.created_at.isoformat(timespec="seconds"),
        "state": state,
        "attempts": message.attempts,
        "answer": message.status or message.problem or "",
    }
