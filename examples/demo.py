"""The demo: it runs a platform, registers an app, gives consent, and reads the data with the app (`make demo`).

    DEMO_BROWSER=0   submit the consent pages automatically, like a browser without JavaScript; this is the default
                     without a terminal
    DEMO_FOLDER      the folder for the data of the demo's platform; by default `demo-data`
    DEMO_LISTENER    the person whose plays are shared: `small`, `default` or `large`, which is the default

The platform keeps running in the background, so that you can look at it.
"""

import json
import os
import subprocess
import sys
import time
import webbrowser
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.genrefy.insights import Insights
from examples.returning import ReturnAddress
from examples.walking import Browser, consent
from privateshare import File, PrivateShare, Session, Status, UserAccessToken

FOLDER = Path(os.environ.get("DEMO_FOLDER", "demo-data")).absolute()
RUNNING = FOLDER / "running.json"
START_TIMEOUT_SECONDS = 300  # A busy machine may need this long.
SPOTIFY, HEALTH_RECORD, APPLE_HEALTH, BANK = 16, 9001, 260, 348
SAMPLES = {
    SPOTIFY: os.environ.get("DEMO_LISTENER", "large"),
    HEALTH_RECORD: "default",
    APPLE_HEALTH: "default",
    BANK: "default",
}
ROWS = 5
LINK_MINUTES = 15

console = Console(highlight=False)


@dataclass(frozen=True)
class Running:
    """The address and process id of the demo's platform."""

    address: str
    pid: int


def main() -> None:
    """Run the demo."""
    began = time.monotonic()
    platform = running_platform()
    console.print(f"[green]✓[/] platform at [bold]{platform.address}[/]")
    with contract_client(platform) as app:
        token, session = ask_person(app)
        console.print("[green]✓[/] consent given, code exchanged for tokens")
        reading = read_everything(app, session, token)
    show(reading)
    show_persons_pages(platform, token)
    console.print(f"\nRead in {reading.seconds:.1f} s; {time.monotonic() - began:.1f} s in all.")
    console.print(f"The platform still runs at [bold]{platform.address}[/].")
    console.print(f"Stop it with [bold]kill {platform.pid}[/]; all its data is in {FOLDER}.")


# --- The platform ---


def running_platform() -> Running:
    """Return the platform of an earlier demo if it is still running, or start a new one."""
    if RUNNING.exists():
        found = Running(**json.loads(RUNNING.read_text()))
        if answers(found):
            return found
    with console.status("starting the platform"):
        return start_platform()


def answers(platform: Running) -> bool:
    """Return whether the platform is still running."""
    import httpx2

    try:
        os.kill(platform.pid, 0)
        return httpx2.get(f"{platform.address}/readyz", timeout=60).status_code == 200
    except (OSError, httpx2.HTTPError):
        return False


def start_platform() -> Running:
    """Start a platform in the background, which keeps running after this process has ended."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = FOLDER / "platform.log"
    command = [sys.executable, "-m", "privateshare", "serve", "--data", str(FOLDER / "data"), "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    give_up = time.monotonic() + START_TIMEOUT_SECONDS
    while "ready at" not in (told := log.read_text()):
        if process.poll() is not None or time.monotonic() > give_up:
            sys.exit(f"the platform did not start:\n{told}")
        time.sleep(0.05)
    running = Running(told.split("ready at ", 1)[1].split()[0], process.pid)
    RUNNING.write_text(json.dumps(running.__dict__))
    return running


def contract_client(platform: Running) -> PrivateShare:
    """Register an application and a contract, as an operator does, and return a client for them."""
    key = FOLDER / f"contract-{uuid4().hex}.pem"
    with console.status("registering an app and its contract"):
        app = operate("app", "create", "Genrefy", "--partner", "Genrefy Ltd")
        contract = operate(
            "contract", "create", "--app", app["application_id"], "--key-out", str(key),
            "--read", "entertainment", "--read", "medical", "--read", "health_fitness", "--read", "finance",
            "--last", "10y", "--purpose", "To show you your top artists, conditions, steps and spending",
            "--redirect-uri", ReturnAddress.REGISTERED,
        )  # fmt: skip
    console.print(f"[green]✓[/] app [bold]Genrefy[/] with contract {contract['contract_id']}")
    return PrivateShare(
        app["application_id"],
        contract_id=contract["contract_id"],
        private_key=key.read_text(),
        base_url=f"{platform.address}/v1.7/",
    )


def operate(*arguments: str) -> dict[str, str]:
    """Run an operator's command and return its output."""
    command = [sys.executable, "-m", "privateshare", *arguments, "--json", "--data", str(FOLDER / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        sys.exit(done.stderr)
    told: dict[str, str] = json.loads(done.stdout)
    return told


# --- The person ---


def ask_person(app: PrivateShare) -> tuple[UserAccessToken, Session]:
    """Obtain consent, in a browser or automatically, and return the tokens and the session."""
    with ReturnAddress() as back:
        asked = app.get_authorize_url(back.address)
        returned = ask_in_browser(asked.url, back) if has_person() else None
        if returned is None:
            asked = app.get_authorize_url(back.address)  # The person may have used the first link.
            with console.status("walking the consent pages, form by form"):
                returned = consent(Browser(), asked.url, SAMPLES)
    code = app.read_return(returned, state=asked.state).code
    assert code is not None
    return app.exchange_code_for_token(code, asked.code_verifier), asked.session


def has_person() -> bool:
    """Return whether there is a terminal with a person who can use a browser."""
    return os.environ.get("DEMO_BROWSER") != "0" and sys.stdin.isatty() and sys.stdout.isatty()


def ask_in_browser(url: str, back: ReturnAddress) -> str | None:
    """Wait for the redirect of the person's browser; None if they let the demo continue automatically."""
    console.print(f"\nOpen this page and share some sample data:\n\n  [bold]{url}[/]\n", soft_wrap=True)
    if sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        webbrowser.open(url)
    with console.status("waiting for you; press Enter to let the demo click"):
        while (returned := back.wait(0.2)) is None:
            if select([sys.stdin], [], [], 0)[0]:
                sys.stdin.readline()
                return None
    return returned


# --- The data ---


@dataclass
class WhatWasRead:
    """Counts by kind of file, and what they tell."""

    files: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    size: Counter[str] = field(default_factory=Counter)
    insights: Insights = field(default_factory=Insights)
    seconds: float = 0.0

    def add(self, file: File) -> None:
        """Takes one file."""
        kind = " ".join(filter(None, (file.metadata.service_name, file.metadata.object_type))) or file.name
        self.files[kind] += 1
        self.objects[kind] += file.metadata.object_count or 0
        self.size[kind] += file.size
        self.insights.add(file)


def read_everything(app: PrivateShare, session: Session, token: UserAccessToken) -> WhatWasRead:
    """Read all files as soon as they are ready, and show a progress bar."""
    began, read = time.monotonic(), WhatWasRead()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("reading", total=None)

        def on_status_change(status: Status) -> None:
            progress.update(bar, description=f"reading ({status.state})")

        with app.read_all_files(session, token, on_status_change=on_status_change) as files:
            for file in files:
                read.add(file)
                progress.advance(bar)
            result = files.result()
        progress.update(bar, total=sum(read.files.values()), description="read everything")
    if result.errors:
        sys.exit(f"{len(result.errors)} files could not be read: {result.errors[0].error}")
    read.seconds = time.monotonic() - began
    return read


def show(read: WhatWasRead) -> None:
    """Show tables of the data."""
    table = Table("data", title="What was read", title_justify="left")
    for name in ("files", "objects", "bytes"):
        table.add_column(name, justify="right")
    for kind in sorted(read.files):
        table.add_row(kind, f"{read.files[kind]:,}", f"{read.objects[kind]:,}", f"{read.size[kind]:,}")
    table.add_section()
    totals = (sum(counter.values()) for counter in (read.files, read.objects, read.size))
    table.add_row("all", *(f"{total:,}" for total in totals))
    console.print(table)
    show_rows("Top artists", ("artist", "plays"), [(a, f"{n:,}") for a, n in read.insights.top_artists])
    show_rows("Conditions", ("condition", "since"), read.insights.latest_conditions)
    show_rows("Steps", ("month", "steps"), [(month, f"{steps:,}") for month, steps in read.insights.latest_steps])
    spending = [(category, f"{spent:,.0f} {currency}") for category, currency, spent in read.insights.top_spending]
    show_rows("Spending", ("category", "spent"), spending)


def show_persons_pages(platform: Running, token: UserAccessToken) -> None:
    """Print a link to the pages of the demo's person, which lets in once and for a few minutes.

    The demo is the operator of its own platform, and its person is made up. An app can make no such link.
    """
    made = operate("person", "recovery-code", str(token.user_id), "--minutes", str(LINK_MINUTES), "--yes")
    address = platform.address.replace("127.0.0.1", "localhost")  # Passkeys need a name.
    link = f"{address}/me/#code={made['recovery_code']}"
    console.print("\nThe person sees who read what, stops it, and looks at their own data:")
    console.print(f"\n  [bold]{link}[/]\n", soft_wrap=True)
    console.print(f"The link works once, for {LINK_MINUTES} minutes: press “Use this code” on the page.")


def show_rows(title: str, names: tuple[str, str], rows: list[tuple[str, str]]) -> None:
    """Show the first rows of a table."""
    table = Table(names[0], title=title, title_justify="left")
    table.add_column(names[1], justify="right")
    for row in rows[:ROWS]:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
