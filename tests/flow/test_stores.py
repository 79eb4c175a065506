"""Tests of stores and databases that a platform cannot use: one line says why, and nothing is written."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from uuid import uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.flow.command_line import run_command
from tests.flow.databases import copied_postgres, new_database
from tests.flow.served import serving
from tests.s3 import S3, serving_s3
from tests.threads import in_a_thread

SECRET = "s3cret-access-key"
DENIED = (
    b'<?xml version="1.0"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>It does not match</Message>'
    b"<AWSAccessKeyId>AKIA-OF-SOMEBODY</AWSAccessKeyId></Error>"
)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving_s3() as serving:
        yield serving


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[str]:
    """Provide a PostgreSQL of these tests."""
    with TemporaryDirectory(prefix="ps-") as folder:
        async with copied_postgres(Path(folder) / "postgres") as address:
            yield address


@pytest.fixture
async def empty(postgres: str) -> str:
    """Provide a database without tables in the tests' PostgreSQL."""
    return await new_database(postgres, migrated=False)


@pytest.fixture
async def url(postgres: str) -> str:
    """Provide a database with the platform's tables, which are empty."""
    return await new_database(postgres, migrated=True)


async def refusal(data: Path, **environment: str) -> str:
    """Return the one line of a `privateshare serve` that does not start."""
    words = ("serve", "--data", data, "--port", "0")
    done = await asyncio.to_thread(run_command, *words, environment={**os.environ, **environment})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not line.endswith(("…", "...")) and line]
    assert SECRET not in line
    return line


async def table_names(url: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [str(name) for (name,) in await found.fetchall()]


# --- stores ---


@contextmanager
def answering(status: int, body: bytes = b"", seconds: float = 0) -> Iterator[str]:
    """Serve something that is no usable store, and provide its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            if seconds:
                stopped.wait(seconds)
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - the names that the library calls

        def log_message(self, *_: object) -> None:
            pass

    stopped = Event()
    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        try:
            yield f"http://{at}"
        finally:
            stopped.set()


async def test_a_missing_bucket_is_named(s3: S3, url: str, tmp_path: Path) -> None:
    """The line names what is wrong and the setting, and the data folder is not used."""
    line = await refusal(tmp_path / "data", DATABASE_URL=url, BLOB_URL="s3://no-such-bucket/x")
    assert "cannot use the blob store: the bucket does not exist" in line
    assert "BLOB_URL" in line


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, DENIED, "the secret key is wrong"),
        pytest.param(403, b"", "access is denied (403 Forbidden)", marks=pytest.mark.slow),
        pytest.param(401, b"", "access is denied (401 Unauthorized)", marks=pytest.mark.slow),
        (404, b"<html>", "the bucket or container does not exist (404 Not Found)"),
        pytest.param(500, b"", "the store answered 500 Internal Server Error", marks=pytest.mark.slow),
        pytest.param(301, b"", "check the region", marks=pytest.mark.slow),
        (200, b"<html>", "cannot use the blob store"),
    ],
)
async def test_an_error_of_the_store_is_told_in_one_line(
    status: int, body: bytes, told: str, url: str, tmp_path: Path
) -> None:
    """Whatever it answers is one line, without keys."""
    with answering(status, body) as address:
        line = await refusal(
            tmp_path / "data",
            DATABASE_URL=url,
            BLOB_URL="s3://bucket/x",
            AWS_ENDPOINT_URL=address,
            AWS_ALLOW_HTTP="true",
            AWS_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="id",
            AWS_SECRET_ACCESS_KEY=SECRET,
        )
    assert told in line
    assert "AKIA" not in line


@pytest.mark.parametrize(
    ("blob_url", "told"),
    [
        ("s3:///path", "must name a bucket"),
        ("ftp://host/x", "unknown scheme 'ftp'"),
        ("bucket", "unknown scheme ''"),
    ],
)
async def test_an_invalid_store_url_is_named(blob_url: str, told: str, url: str, tmp_path: Path) -> None:
    """The line names the setting."""
    line = await refusal(tmp_path / "data", DATABASE_URL=url, BLOB_URL=blob_url)
    assert told in line
    assert "BLOB_URL" in line


async def test_an_unreachable_store_is_told_within_seconds(url: str, tmp_path: Path) -> None:
    """It is told after seconds, not minutes."""
    line = await refusal(
        tmp_path / "data",
        DATABASE_URL=url,
        BLOB_URL="s3://bucket/x",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ALLOW_HTTP="true",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="id",
        AWS_SECRET_ACCESS_KEY=SECRET,
    )
    assert "cannot be reached, or does not respond: check the endpoint" in line


async def test_a_bucket_that_is_lost_meanwhile_is_not_ready(s3: S3, url: str, tmp_path: Path) -> None:
    """/readyz says why in one line, and with the bucket it is ready again; another's bucket is refused at start."""
    bucket = s3.bucket()
    environment = {
        "DATABASE_URL": url,
        "BLOB_URL": f"s3://{bucket}/files",
        "PRIVATESHARE_KEY_URL": (tmp_path / "keys").as_uri(),
        "PRIVATESHARE_METRICS_TOKEN": "t" * 16,
    }
    with serving(tmp_path / "data", environment=environment) as served:
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200
        listed = s3.client.list_objects_v2(Bucket=bucket)["Contents"]
        assert {entry["Key"] for entry in listed} == {"files/platform/database", "files/probe/readiness"}
    for entry in listed:
        s3.client.delete_object(Bucket=bucket, Key=entry["Key"])
    s3.client.put_object(Bucket=bucket, Key="files/platform/database", Body=b"OfAnotherDatabase")
    line = await refusal(tmp_path / "data", **environment)
    assert "the blob store belongs to another database" in line


# --- databases ---


@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE orders (id int); CREATE TABLE users (id int)",
        "CREATE TABLE signing_keys (id int)",
        "CREATE TABLE files (name text, blob text)",
        "CREATE TABLE procrastinate_jobs (id int)",
        "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('f00')",
        "CREATE TABLE alembic_version (number int)",
        "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('a'), ('b')",
    ],
)
async def test_a_database_of_another_product_is_left_alone(empty: str, tmp_path: Path, tables: str) -> None:
    """One line, and no table of ours beside those of others."""
    async with await psycopg.AsyncConnection.connect(empty, autocommit=True) as connection:
        await connection.execute(tables)
    before = await table_names(empty)
    line = await refusal(tmp_path / "data", DATABASE_URL=empty)
    assert "database" in line
    assert await table_names(empty) == before


async def test_a_database_whose_user_may_not_create_tables(empty: str, tmp_path: Path) -> None:
    """One line says so."""
    role = f"reader_{uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(empty, autocommit=True) as connection:
        await connection.execute(f"CREATE ROLE {role} LOGIN")
    address = make_url(empty).update_query_dict({"user": role}).render_as_string(hide_password=False)
    line = await refusal(tmp_path / "data", DATABASE_URL=address)
    assert "cannot use the database: permission denied" in line


async def test_an_extension_is_no_other_product(empty: str, tmp_path: Path) -> None:
    """Its tables may be there before ours."""
    async with await psycopg.AsyncConnection.connect(empty, autocommit=True) as connection:
        await connection.execute("CREATE VIEW statistics AS SELECT 1")
    with serving(tmp_path / "data", environment={"DATABASE_URL": empty}) as served:
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200


async def test_an_older_version_refuses_a_newer_database(url: str, tmp_path: Path) -> None:
    """The server and a command say so in one line, also a command beside a running server."""
    data = tmp_path / "data"
    with serving(data, environment={"DATABASE_URL": url}):
        pass
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    line = await refusal(data, DATABASE_URL=url)
    assert "9999" in line
    done = run_command("app", "list", "--data", data, environment={**os.environ, "DATABASE_URL": url})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "does not know" in line


# --- operators' commands ---


@pytest.mark.slow
async def test_a_command_whose_store_refuses_ends_with_one_line(url: str, tmp_path: Path) -> None:
    """It shows no traceback, and no key."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "PRIVATESHARE_KEY_URL": (tmp_path / "keys").as_uri(),
        "BLOB_URL": (tmp_path / "blobs").as_uri(),
    }
    with serving(tmp_path / "data", environment=environment):
        pass
    with answering(403, DENIED) as address:
        refused = environment | {"BLOB_URL": "s3://bucket/x", "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}
        refused |= {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET}
        done = await asyncio.to_thread(run_command, "check", "--data", tmp_path / "data", environment=refused)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert "the secret key is wrong" in line
        claimed = await asyncio.to_thread(
            run_command, "check", "--claim-store", "--data", tmp_path / "data", environment=refused
        )
        assert "the secret key is wrong" in claimed.stderr
        assert "Traceback" not in claimed.stderr
