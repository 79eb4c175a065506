"""`read_all_files(into=…)` killed at any moment: run again it fetches what is missing, and no file is ever torn."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.keys import rsa_key
from tests.patience import GIVE_UP_SECONDS
from tests.unit.sdk.prepared import content, prepared_platform

from privateshare.protocol import jwt

FILES = 500
KEY = rsa_key()
READER = """
import sys, time
from privateshare import PrivateShare, UserAccessToken
from privateshare.sdk.tokens import Token
api, key, folder = sys.argv[1:]
end = time.time() + 86400
token = UserAccessToken(Token("a", end), Token("r", end), "user", "consent")
app = PrivateShare("app", contract_id="contract", private_key=open(key).read(), base_url=api)
print("begun", flush=True)
result = app.read_all_files("session", token, into=folder).result()
print(result.files, result.skipped, len(result.errors), flush=True)
"""


def start(api: str, key: Path, folder: Path) -> "subprocess.Popen[str]":
    """A process that reads everything into a folder; it has begun when this returns."""
    command = [sys.executable, "-c", READER, api, str(key), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def check_untorn(folder: Path) -> int:
    """Checks every file that is there under its name; how many those are."""
    whole = 0
    for path in folder.glob("*.json"):
        assert path.read_bytes() == content(path.name)
        whole += 1
    return whole


def count(folder: Path) -> int:
    """How many files are there under their names."""
    return sum(1 for _ in folder.glob("*.json"))


def kill_often(folder: Path, key_file: Path, kills: int) -> None:
    """Kills the reader at random moments, so often; then lets it end, and compares."""
    key_file.write_text(jwt.private_pem(KEY))
    chance = random.Random(406)
    with prepared_platform(KEY.public_key(), FILES) as api:
        survived = 0
        for _ in range(kills):
            reader = start(api, key_file, folder)
            enough = survived + chance.randint(0, (FILES - survived) // 2)
            while reader.poll() is None and count(folder) < enough:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            reader.kill()
            reader.wait()
            kept = check_untorn(folder)
            assert kept >= survived
            survived = kept
            if survived == FILES:  # all there: lose some, so that there is something to read again
                for path in chance.sample(sorted(folder.glob("*.json")), FILES // 2):
                    path.unlink()
                survived = check_untorn(folder)
        reader = start(api, key_file, folder)
        output, _ = reader.communicate(timeout=GIVE_UP_SECONDS)
    files, skipped, errors = map(int, output.split())
    assert files + skipped == FILES
    assert skipped > 0
    assert errors == 0
    assert check_untorn(folder) == FILES
    assert not list(folder.glob(".*.part"))


def test_a_killed_reading_is_continued(tmp_path: Path) -> None:
    """Three kills; `make test-slow` makes two hundred."""
    kill_often(tmp_path / "out", tmp_path / "key.pem", 3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_hundred_kills_leave_no_partial_file(tmp_path: Path) -> None:
    """The final folder equals that of an undisturbed reading."""
    kill_often(tmp_path / "out", tmp_path / "key.pem", 200)
