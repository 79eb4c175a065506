"""The commands and samples of the handbook for operators (docs/deploy.md), run as they are printed there."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from privateshare.platform.operating.settings import Settings, load_settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.proxies import program, started
from tests.flow.served import serving
from tests.flow.sessions import wait_until_over
from tests.flow.syncing import contents
from tests.flow.wire import Tokens, Wire
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.ports import free_port

HANDBOOK = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text("utf-8")
KEY = "PRIVATESHARE_MASTER_KEY"


def blocks(heading: str, language: str = "sh") -> list[str]:
    """Return the code blocks of a section, as they are printed."""
    section = re.split(r"^#{2,} ", HANDBOOK.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found


def shell(script: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run commands in a folder, in which `privateshare` is this version; return what they print."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=2 * GIVE_UP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def shared(data: Path, origin: str, key: str | None = None) -> tuple[Wire, Tokens, str]:
    """Let a person share their data with an app, and return the app's client, tokens and session."""
    settings = Settings(data=data, database_pool_size=2, master_key=SecretStr(key) if key else None)
    async with operator_platform(settings) as platform:
        people = People(platform, origin)
        wire = await people.contract()
        tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    return wire, tokens, session


@pytest.mark.slow
async def test_backup_restoration_and_blocking(tmp_path: Path) -> None:
    """A backup of a running platform is restored elsewhere, where the app reads the same; then the app is blocked."""
    backing_up, restoring = blocks("Backups")
    data = tmp_path / "privateshare-data"
    with serving(data) as served:
        wire, tokens, session = await shared(data, served.origin)
        before = contents(wire, tokens, session)
        shell(backing_up, tmp_path)
    told = shell(restoring, tmp_path)
    assert re.search(r"intact\s+yes\n", told)
    with serving(tmp_path / "restored") as served:
        wire.origin = served.origin
        assert contents(wire, tokens, session) == before
        suspending, ending = (_on_restored(block, wire) for block in blocks("Blocking an app"))
        assert wire.application_id in shell(suspending, tmp_path)
        assert wire.get("permission-access/accounts", access_token=tokens.access).status_code == 200
        assert wire.contract_id in shell(ending, tmp_path)
        assert wire.get("permission-access/accounts", access_token=tokens.access).status_code in (401, 403)


def _on_restored(block: str, wire: Wire) -> str:
    named = block.replace("CONTRACT_ID", wire.contract_id).replace("APPLICATION_ID", wire.application_id)
    return named.replace("\n", " --data restored\n")


@pytest.mark.slow
async def test_checking_files(tmp_path: Path) -> None:
    """The commands of the section about files that cannot be read; only --forget asks, and there is nothing to ask."""
    data = tmp_path / "privateshare-data"
    with serving(data) as served:
        await shared(data, served.origin)
        for line in blocks("Files that cannot be read")[0].splitlines():
            assert "lost" in shell(line, tmp_path)


def test_the_sample_of_a_file_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is accepted as it is printed."""
    (sample,) = blocks("Settings", "toml")
    (tmp_path / "privateshare.toml").write_text(sample)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (settings.origin, settings.fhir_servers[0].id) == ("https://share.example.org", 9100)


def test_the_environment_of_the_systemd_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command writes a file that root alone can read, with settings that are accepted."""
    (script, _) = blocks("systemd")
    install = re.search(r"^install -D .*?^END$", script, re.MULTILINE | re.DOTALL)
    assert install is not None
    shell(install[0].replace("/etc/privateshare", str(tmp_path / "etc")), tmp_path)
    written = tmp_path / "etc" / "environment"
    assert written.stat().st_mode & 0o777 == 0o600
    monkeypatch.chdir(tmp_path)
    for line in written.read_text().splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    assert load_settings().origin == "https://share.example.org"


def test_the_nginx_sample_for_a_path(tmp_path: Path) -> None:
    """A platform below a path of a host that others use too answers through nginx with the printed location."""
    (location,) = blocks("Behind a proxy", "nginx")
    port, inner = free_port(), free_port()
    config = tmp_path / "nginx.conf"
    tmp_path.chmod(0o755)
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in NGINX_FOLDERS)
    config.write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ {folders} access_log off; server {{ listen 127.0.0.1:{port};\n"
        f"{location.replace('127.0.0.1:8790', f'127.0.0.1:{inner}')} }} }}\n"
    )
    origin = f"http://127.0.0.1:{port}/share"
    command: Sequence[str] = [program("nginx"), "-p", str(tmp_path), "-e", str(tmp_path / "e.log"), "-c", str(config)]
    with (
        serving(tmp_path / "data", port=inner, environment={"PRIVATESHARE_ORIGIN": origin}),
        started(list(command), tmp_path, {}),
    ):
        wait_for(lambda: _status(f"{origin}/healthz") == 200)
        assert httpx2.get(f"{origin}/v1.7/jwks/oauth").status_code == 200


NGINX_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _status(address: str) -> int:
    try:
        return httpx2.get(address).status_code
    except httpx2.TransportError:
        return 0
