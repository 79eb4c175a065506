"""Tests that shared data is readable nowhere at rest: canary texts are searched for in every stored byte."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from examples.walking import Browser, consent
from sqlalchemy import select, text

from privateshare.platform.db.tables import SigningKeyRow
from privateshare.platform.keys.signing import PURPOSE
from privateshare.platform.keys.wrapping import load_master_key
from privateshare.platform.library.erasure import erase_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt
from tests.archives import bundle, play, spotify_zip
from tests.flow.consenting import ask, asking_contract
from tests.flow.files import files_below
from tests.flow.live.lending import HOSPITAL, NAME, patient, shared
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served, serving
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.sweeping import sweep_whole
from tests.flow.wire import REDIRECT_URI, Wire, query_of
from tests.hospital.running import CLIENT_SECRET, Hospital, hospital
from tests.otlp import Collector, ReceivedSpan, collecting
from tests.patience import until

CANARIES = {
    "user name": "canary-listener-4711",
    "artist": "The Canary Quartet",
    "track": "Canarian Lullaby",
    "track id": "CanaryCanaryCanary1234",
    "patient": "Canaria",
    "family": "Vögelein-Canary",
    "note": "sleeps badly since the canary left",
    "patient id": "canary-patient-0815",
}
CRITERION = "canary-tag-2342"  # An app that pushes may name files after the person.
MASTER_KEY = "master.key"
SERVER, CLIENT, CONSUMER = 2, 3, 5  # The kinds of spans, as OpenTelemetry numbers them.
JOBS = ("procrastinate_jobs", "procrastinate_events")  # These rows name the library and are deleted when they expire.


@dataclass
class Lent:
    """Two uploads that an app has read, and the secrets that went to and fro on the way."""

    served: Served
    platform: Platform
    wire: Wire
    objects: list[dict[str, Any]]
    access: str
    library_id: UUID
    collector: Collector
    secrets: dict[str, str] = field(repr=False)


def listening() -> bytes:
    changes = {
        "username": CANARIES["user name"],
        "master_metadata_album_artist_name": CANARIES["artist"],
        "master_metadata_track_name": CANARIES["track"],
        "spotify_track_uri": f"spotify:track:{CANARIES['track id']}",
    }
    return spotify_zip([play(number, **changes) for number in range(300)])


def record() -> bytes:
    name = {"given": [CANARIES["patient"]], "family": CANARIES["family"]}
    return bundle(
        [
            {"resourceType": "Patient", "id": CANARIES["patient id"], "name": [name]},
            {"resourceType": "Condition", "id": "c1", "recordedDate": "2026-01", "note": [{"text": CANARIES["note"]}]},
        ]
    )


def connecting(city: Hospital, collector: Collector) -> dict[str, str]:
    servers = json.dumps([city.settings(HOSPITAL, NAME, resource_types=["Patient"])])
    return {
        "PRIVATESHARE_FHIR_SERVERS": servers,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_SERVICE_NAME": "share-test",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }


@pytest.fixture(scope="module")
async def lent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lent]:
    """Provide a platform of its own, on which a person has lent both, through the pages, to an app that has read them.

    Another person has signed in at a hospital, which has given, and once renewed, a token.
    """
    folder = tmp_path_factory.mktemp("canary")
    with (
        collecting() as collector,
        hospital("r4") as city,
        serving(folder / "data", environment=connecting(city, collector)) as served,
    ):
        async with operator_platform(Settings(data=served.data)) as platform:
            people = People(platform, served.origin)
            wire = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}, {"id": 5}]}})
            history, health = folder / "history.zip", folder / "record.json"
            history.write_bytes(listening())
            health.write_bytes(record())
            own = {"state": "canary-state-0815-of-the-app", "user": "canary-user-of-the-app-4711"}
            back = f"{REDIRECT_URI}&user={own['user']}"
            callback = "&" + urlencode({"callback": f"{REDIRECT_URI}&failed={own['user']}-callback"})
            asking = ask(wire, callback, state=own["state"], redirect_uri=back)
            returned = consent(Browser(), asking.url, {SPOTIFY: history, FHIR_FILE: health})
            tokens = asking.tokens(returned)
            renewed = wire.tokens(wire.refresh(tokens.refresh))
            later = triggered(wire, renewed)
            listed = wait_until_over(wire, renewed, later)
            names = [entry["name"] for entry in listed["fileList"]]
            files = [read(wire, renewed, later, name) for name in names]
            asked = {"criteria": [{"metadata": {"tags": [CRITERION], "accounts": [{"accountId": CRITERION}]}}]}
            narrowed = triggered(wire, renewed, scope=asked, sourceFetch=False)
            secrets = {
                "state": own["state"],
                "query of the app's own": own["user"],
                "pre-authorization code": asking.code,
                "code verifier": asking.verifier,
                "authorization code": query_of(returned)["code"],
                "session key": asking.session,
                "later session key": later,
                "narrowed session's key": narrowed,
                "criterion": CRITERION,
                **{f"hash of file {number}": header["sha256"] for number, (_, header) in enumerate(files)},
                "access token": tokens.access,
                "refresh token": tokens.refresh,
                "renewed access token": renewed.access,
                "renewed refresh token": renewed.refresh,
            }
            city.do("keep", patient="p1", resources=[patient("p1", "Ada")])
            stay = shared(wire)
            city.do("end", what="access")
            assert stay.state()["state"] == "completed"
            secrets |= {f"hospital's token {number}": token for number, token in enumerate(city.do("tokens"))}
            secrets["the platform's secret at the hospital"] = CLIENT_SECRET
            library_id = await people.library_of(renewed)
            objects = [one for found, _ in files for one in found]
            yield Lent(served, platform, wire, objects, renewed.access, library_id, collector, secrets)


def forms(words: dict[str, str]) -> dict[str, list[bytes]]:
    """Return how each could stand in a file: as it is, as JSON escapes it, in base64 at each of its three places."""
    found = {}
    for name, word in words.items():
        plain = word.encode()
        inner = [b64encode(bytes(shift) + plain)[4:-4] for shift in range(3)] if len(plain) > 12 else []
        found[name] = [plain, json.dumps(word)[1:-1].encode(), plain.hex().encode(), *inner]
    return found


def found_in(data: bytes, wanted: dict[str, list[bytes]]) -> list[str]:
    return [name for name, shapes in wanted.items() if any(shape in data for shape in shapes)]


def stored_files(served: Served) -> Iterable[tuple[Path, bytes]]:
    """Yield every file below the data folder, and the log beside it; the master key, by its nature, is left out."""
    for path in (served.log, *files_below(served.data)):
        with suppress(FileNotFoundError):  # PostgreSQL or a job deleted it since it was listed.
            if path.name != MASTER_KEY:
                yield path, path.read_bytes()


async def flush(platform: Platform) -> None:
    """Brings everything that PostgreSQL holds in memory into its files."""
    async with platform.database.engine.connect() as connection:
        driver = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await driver.execute(text("CHECKPOINT"))


async def rows(platform: Platform) -> dict[str, list[str]]:
    """Return every row of every table of ours and of the job queue, as text."""
    listing = (
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname !~ '^pg_'"
    )
    async with platform.database.session() as db:
        tables = [name for name in await db.scalars(text(listing)) if not name.startswith("information_schema")]
        return {name: list(await db.scalars(text(f"SELECT t::text FROM {name} t"))) for name in tables}


async def private_keys(lent: Lent) -> dict[str, list[bytes]]:
    """Return the platform's signing key, whole in each way to write it, and the secret numbers in it."""
    async with lent.platform.database.session() as db:
        row = (await db.scalars(select(SigningKeyRow))).one()
    key = jwt.load_private_key(lent.platform.master_key.open(PURPOSE, row.kid, row.sealed_private_key))
    numbers = key.private_numbers()
    written = [
        key.private_bytes(encoding, form, NoEncryption())
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    ]
    secret = (numbers.d, numbers.p, numbers.q)
    written += [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in secret]
    return {"signing key": [shape for data in written for shape in (data, b64encode(data), data.hex().encode())]}


async def test_the_app_receives_the_canaries(lent: Lent) -> None:
    """This proves that the data reaches the app, so that the other tests search for the right texts."""
    told = json.dumps(lent.objects, ensure_ascii=False)
    assert len([one for one in lent.objects if "msplayed" in one]) == 300
    for word in CANARIES.values():
        assert word in told


async def test_no_table_contains_readable_data(lent: Lent) -> None:
    """No column of any row contains shared data or a usable secret."""
    wanted = forms(CANARIES | lent.secrets) | await private_keys(lent)
    tables = await rows(lent.platform)
    assert {"public.files", "public.tokens", "public.accounts", "public.signing_keys"} <= tables.keys()
    assert sum(len(found) for found in tables.values()) > 20
    for name, found in tables.items():
        for row in found:
            assert found_in(row.encode(), wanted) == [], name


async def test_no_stored_file_contains_readable_data(lent: Lent) -> None:
    """No file below the data folder does: tables, indexes, write-ahead log, blobs or logs."""
    await flush(lent.platform)
    wanted = forms(CANARIES | lent.secrets) | await private_keys(lent)
    wanted["master key"] = [load_master_key(Settings(data=lent.served.data)).current.value]
    searched = 0
    for path, data in stored_files(lent.served):
        searched += len(data)
        assert found_in(data, wanted) == [], path
    assert searched > 20_000_000  # The cluster and its write-ahead log are in it.


async def test_a_request_its_sync_and_the_source_are_one_trace(lent: Lent) -> None:
    """The job in the queue carries the trace on, and each span is below the one that caused it."""
    collector = lent.collector

    def fetched() -> list[list[ReceivedSpan]]:
        """Return the chains from a request to a source back to what caused it."""
        by_id = {span.id: span for span in list(collector.spans)}
        chains = []
        for span in collector.named("GET 127.0.0.1"):
            chain = [span]
            while chain[-1].parent in by_id:
                chain.append(by_id[chain[-1].parent])
            chains.append(chain)
        return [chain for chain in chains if any(span.name == "sync_account" for span in chain)]

    await until(lambda: any(not chain[-1].parent for chain in fetched()))
    chain = next(chain for chain in fetched() if not chain[-1].parent)
    assert [span.kind for span in chain] == [CLIENT, CONSUMER, SERVER]
    assert len({span.trace for span in chain}) == 1
    assert chain[-1].name == "GET /apps/saas/connected"  # The person came back from the hospital.
    assert chain[-1].attributes["http.response.status_code"] < 400
    assert {span.service for span in collector.spans} == {"share-test"}
    await until(lambda: {"http.server.request.duration", "privateshare.syncs"} <= collector.metrics)


async def test_traces_and_metrics_contain_nothing_personal(lent: Lent) -> None:
    """No shared data, no secret, no id of a person; addresses appear as patterns only."""
    await until(lambda: bool(lent.collector.named("/{file_name}")))
    ids = {"library": str(lent.library_id), "hospital's address": "/fhir", "patient of the hospital": "Patient?"}
    wanted = forms(CANARIES | lent.secrets | ids) | await private_keys(lent)
    for body in list(lent.collector.raw):
        assert found_in(body, wanted) == []
    names = {name for span in lent.collector.spans for name in span.attributes}
    assert names <= {
        *("http.request.method", "http.route", "http.response.status_code", "server.address", "error.type"),
        *("privateshare.contract", "privateshare.attempt"),
    }


async def test_the_search_finds_plain_text(lent: Lent) -> None:
    """Text that is stored in clear, such as the contract's id, is found in rows, files and the log."""
    await flush(lent.platform)
    wanted = forms({"contract": lent.wire.contract_id})
    places = {
        path.relative_to(lent.served.data).parts[0:3]
        for path, data in stored_files(lent.served)
        if path != lent.served.log and found_in(data, wanted)
    }
    assert ("postgres", "cluster", "base") in places
    assert ("postgres", "cluster", "pg_wal") in places
    assert any(found_in(row.encode(), wanted) for row in (await rows(lent.platform))["public.contracts"])


async def test_secrets_in_urls_work_only_once(lent: Lent) -> None:
    """Secrets in addresses of the browser open nothing any more."""
    assert lent.wire.exchange(lent.secrets["authorization code"], lent.secrets["code verifier"]).status_code != 200


async def test_an_erased_library_is_gone(lent: Lent) -> None:
    """No row is left, the key is destroyed, and the blobs are deleted from the disk."""
    blobs = lent.served.data / "blobs"
    prefix = f"library/{lent.library_id}/"
    assert len(list(lent.platform.blobs.keys(prefix))) > 5
    async with lent.platform.database.transaction() as db:
        await erase_library(db, lent.platform, lent.library_id)
    await sweep_whole(lent.platform)
    assert [path for path in blobs.rglob("*") if str(lent.library_id) in str(path)] == []
    told = {name: found for name, found in (await rows(lent.platform)).items() if not name.endswith(JOBS)}
    assert [f"{name} {row}" for name, found in told.items() for row in found if str(lent.library_id) in row] == []
    assert list(lent.platform.blobs.keys(prefix)) == []
    assert lent.wire.get("permission-access/accounts", access_token=lent.access).status_code == 401
