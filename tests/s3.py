"""A server that speaks S3, for what keeps things there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer


@dataclass
class S3:
    """A server, and a client that looks at what is really there."""

    server: ThreadedMotoServer
    client: Any

    def bucket(self, versioning: str | None = None) -> str:
        """A new bucket's name."""
        name = f"keys-{uuid4()}"
        self.client.create_bucket(Bucket=name)
        if versioning is not None:
            self.version(name, versioning)
        return name

    def version(self, name: str, status: str) -> None:
        """Turn versioning on or off."""
        self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})

    def everything(self, name: str) -> bytes:
        """All bytes that the bucket still gives to anybody, in all versions of all objects."""
        listed = self.client.list_object_versions(Bucket=name).get("Versions", [])
        ids = [(entry["Key"], entry["VersionId"]) for entry in listed]
        return b"".join(self.client.get_object(Bucket=name, Key=k, VersionId=v)["Body"].read() for k, v in ids)


@contextmanager
def serving_s3() -> Iterator[S3]:
    """Serve, where the environment says that S3 is."""
    with pytest.MonkeyPatch.context() as patch:
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        settings = {"ENDPOINT_URL": f"http://{host}:{port}", "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1"}
        for name, value in {**settings, "ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "secret"}.items():
            patch.setenv(f"AWS_{name}", value)
        try:
            yield S3(server, boto3.client("s3"))
        finally:
            server.stop()
