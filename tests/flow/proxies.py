"""The proxies of `deploy/`, as they are there but for names, ports and places."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNPACKED = Path(sys.prefix) / "proxies" / "usr"  # `scripts/setup proxies` installs them.
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/start.log;
events {{}}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxied; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/privateshare.conf;
}}
"""
CADDY = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tlog {"  # in place of its first lines


@dataclass(frozen=True)
class Place:
    """Where a proxy listens, where it leads, what it proves itself with, and the folder that it may write to."""

    port: int
    upstream: str
    certificate: Path
    key: Path
    folder: Path


def program(name: str) -> str:
    """Return the path of nginx or Caddy; skip the test where there is none, which `make test` does not allow."""
    for folder in (UNPACKED / "sbin", UNPACKED / "bin"):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}: scripts/setup proxies .venv/proxies")
    return found


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return an example with other names and places. Each must be in it, so that the example itself is what runs."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(place: Place) -> Iterator[None]:
    """Run nginx with `deploy/nginx.conf`."""
    changes = {
        "127.0.0.1:8790": place.upstream,
        "[::]:80": f"[::1]:{free_port()}",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "[::]:443 ssl": f"[::1]:{place.port} ssl",
        "listen 443 ssl": f"listen 127.0.0.1:{place.port} ssl",
        "share.example.org;": "localhost;",
        "/etc/letsencrypt/live/share.example.org/fullchain.pem": str(place.certificate),
        "/etc/letsencrypt/live/share.example.org/privkey.pem": str(place.key),
        "/var/log/nginx": str(place.folder),
    }
    example = replaced((DEPLOY / "nginx.conf").read_text(), changes)
    (place.folder / "privateshare.conf").write_text(example)
    whole = place.folder / "nginx.conf"
    whole.write_text(NGINX.format(folder=place.folder))
    command = [program("nginx"), "-p", str(place.folder), "-e", str(place.folder / "start.log"), "-c", str(whole)]
    with started(command, place.folder, {}):
        yield


@contextmanager
def caddy(place: Place) -> Iterator[None]:
    """Run Caddy with `deploy/Caddyfile`, and a certificate of ours in place of one that it would get."""
    tls = f"\ttls {place.certificate} {place.key}\n\treverse_proxy {{$UPSTREAMS"
    changes = {"{\n\tlog {": CADDY, "\treverse_proxy {$UPSTREAMS": tls}
    whole = place.folder / "Caddyfile"
    whole.write_text(replaced((DEPLOY / "Caddyfile").read_text(), changes))
    environment = {
        "SITE": f"https://localhost:{place.port}",
        "UPSTREAMS": place.upstream,
        "XDG_DATA_HOME": str(place.folder),
        "XDG_CONFIG_HOME": str(place.folder),
    }
    command = [program("caddy"), "run", "--config", str(whole), "--adapter", "caddyfile"]
    with started(command, place.folder, environment):
        yield


@contextmanager
def started(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program until the test is over; what it tells is in `output.log`."""
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    try:
        yield
        assert process.poll() is None, (folder / "output.log").read_text()
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)
