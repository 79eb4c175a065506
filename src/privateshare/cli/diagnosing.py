"""`privateshare doctor`: looking at a platform, and saying what to do."""

from typing import TYPE_CHECKING, Any

import typer

from privateshare.cli.data_folder import Data, with_platform
from privateshare.cli.output import AsJson, show_table

if TYPE_CHECKING:
    from privateshare.platform.runtime import Platform


def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at settings, disks, stores, clock, database, queue and sources, and say what to do.

    Changes nothing. Ends with status 1 if there is a problem; a warning alone is none.
    """
    from privateshare.platform.diagnosis.checks import diagnose
    from privateshare.platform.diagnosis.findings import State

    async def work(platform: "Platform") -> list[dict[str, Any]]:
        return [
            {"state": finding.state.value, "subject": finding.subject, "found": finding.found, "advice": finding.advice}
            async for finding in diagnose(platform)
        ]

    findings = with_platform(data, work)
    order = [State.PROBLEM.value, State.WARNING.value, State.OK.value]
    show_table(sorted(findings, key=lambda finding: order.index(finding["state"])), as_json)
    if any(finding["state"] == State.PROBLEM for finding in findings):
        raise typer.Exit(1)
