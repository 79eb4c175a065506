"""A benchmark of an upload with 300,000 plays. It prints the plays per second of the upload, the check and the import.

Next to them, how fast the same file is only decompressed and parsed with orjson, which is what nobody can do without.

    python -m benchmarks.uploads [plays]
"""

import asyncio
import json
import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import orjson
from examples.walking import Browser
from tests.archives import play
from tests.flow.consenting import ask, asking_contract
from tests.flow.people import EVERYTHING, SPOTIFY, People
from tests.flow.served import serving

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform

PLAYS = 300_000
PLAYS_IN_A_FILE = 16_000  # Spotify splits exports into files of this size.


def export(path: Path, plays: int) -> None:
    """Generate an export of this many plays, over ten years, in files of the size that Spotify uses."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, start in enumerate(range(0, plays, PLAYS_IN_A_FILE)):
            lines = [line(index) for index in range(start, min(plays, start + PLAYS_IN_A_FILE))]
            archive.writestr(f"MyData/Streaming_History_Audio_{number}.json", json.dumps(lines))


def line(number: int) -> dict[str, object]:
    """Generate one play. There is one every 1000 seconds since 2016."""
    moment = time.gmtime(1_451_606_400 + number * 1000)
    return play(number, ts=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment), spotify_track_uri=f"spotify:track:{number:022}")


def parse_only(path: Path) -> float:
    """Measure the seconds to decompress and parse the whole export."""
    began = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            orjson.loads(archive.read(name))
    return time.perf_counter() - began


async def main(plays: int) -> None:
    """Prints a line for each step."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.zip"
        export(path, plays)
        floor = parse_only(path)
        with serving(Path(folder) / "data") as running:
            async with operator_platform(Settings(data=running.data, database_pool_size=2)) as platform:
                wire = await asking_contract(People(platform, running.origin), document={"dataRequest": EVERYTHING})
            asking = ask(wire, f"&service={SPOTIFY}")
            browser = Browser()
            browser.open(asking.url)
            began = time.perf_counter()
            browser.submit("continue", file=path)
            checked = time.perf_counter() - began
            assert browser.page is not None
            assert browser.page.name == "consent", browser.page.html
            browser.submit("continue")
            tokens = asking.tokens(str(browser.left_to))
            began = time.perf_counter()
            while True:
                answer = wire.get(f"permission-access/query/{asking.session}", access_token=tokens.access).json()
                if answer["status"]["state"] != "running":
                    break
                await asyncio.sleep(0.2)
            imported = time.perf_counter() - began
        total = sum(entry["objectCount"] for entry in answer["fileList"])
    assert (answer["status"]["state"], total) == ("completed", plays), (answer["status"], total)
    for name, took in (("only parsed", floor), ("uploaded and checked", checked), ("imported", imported)):
        print(f"{name:22} {took:7.2f} s {plays / took:12,.0f} plays/s {took / floor:7.1f} times only parsing")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss // 1024
    print(f"CPU of the platform {seconds:.1f} s, peak memory of its largest process {megabytes} MB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PLAYS))
