"""`privateshare check`: comparing the stored files with the database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, with_platform
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import count_lines

if TYPE_CHECKING:
    from privateshare.platform.runtime import Platform
    from privateshare.platform.sync.blob_check import BlobCheck

Read = Annotated[
    bool, typer.Option("--read", help="Also read every file to its end, to find damaged ones. This takes long.")
]
Repair = Annotated[
    bool,
    typer.Option(
        "--repair", help="Let the next syncs fetch lost files again, and delete old files that nothing refers to."
    ),
]
Forget = Annotated[
    bool, typer.Option("--forget", help="Delete the records of lost files that no sync brings back. Asks first.")
]
Claim = Annotated[
    bool, typer.Option("--claim-store", help="Record that this store belongs to this database, although it is empty.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def check(
    read: Read = False,
    repair: Repair = False,
    forget: Forget = False,
    claim_store: Claim = False,
    yes: Yes = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Find files that are missing from the blob store, and files there that nothing refers to.

    Ends with status 1 if files are lost that the next syncs will not bring back, or without --repair, if any are lost.
    """
    from privateshare.platform.sync.blob_check import FETCHED, check_blobs
    from privateshare.platform.sync.blob_check import forget as forget_losses
    from privateshare.platform.sync.blob_check import repair as repair_losses

    async def work(platform: "Platform") -> "BlobCheck":
        if claim_store:
            platform.blob_ownership.claim()
        result = await check_blobs(platform, count_lines("files checked so far: {}"), read=read)
        if repair:
            await repair_losses(platform, result)
        lasting = [loss for loss in result.losses if loss.remedy != FETCHED]
        if forget and lasting:
            number = sum(len(loss.blobs) for loss in lasting)
            if not yes:
                question = f"Delete the records of {number} lost files? A backup cannot bring them back afterwards."
                typer.confirm(question, abort=True, err=True)
            await forget_losses(platform, lasting)
            result.losses = [loss for loss in result.losses if loss not in lasting]
        return result

    changes = {"--repair": repair, "--forget": forget, "--claim-store": claim_store}
    options = [option for option, given in changes.items() if given]
    result = with_platform(data, work, " ".join(["check", *options]) if options else None)
    _show(result, as_json)
    left = [loss for loss in result.losses if not (repair and loss.remedy == FETCHED)]
    if left or result.unopened:
        raise typer.Exit(1)


def _show(result: "BlobCheck", as_json: bool) -> None:
    facts: dict[str, Any] = {
        "checked": result.checked,
        "lost": sum(len(loss.blobs) for loss in result.losses),
        "orphans": result.orphans,
        "deleted_orphans": result.deleted_orphans,
    }
    if result.unopened:
        facts["libraries_not_opened"] = ", ".join(result.unopened)
    rows = [
        {
            "what": loss.what,
            "number": len(loss.blobs),
            "account": loss.account,
            "source": loss.source,
            "library_or_storage": loss.owner,
            "remedy": loss.remedy,
        }
        for loss in result.losses
    ]
    if as_json:
        losses = [row | {"blobs": loss.blobs} for row, loss in zip(rows, result.losses, strict=True)]
        show(facts | {"losses": losses}, as_json)
        return
    show(facts, as_json)
    if rows:
        typer.echo()
        show_table(rows, as_json)
