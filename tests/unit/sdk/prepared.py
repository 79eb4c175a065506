"""A platform of prepared files: answers any file list and file, whoever asks. For tests of reading many files."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from tests.threads import in_a_thread


def content(name: str) -> bytes:
    """What a file holds: different for each, from nothing to 20 KB."""
    seed = sha256(name.encode()).digest()
    return urlsafe_b64encode(seed) * (seed[0] * 2)


@contextmanager
def prepared_platform(key: RSAPublicKey, files: int) -> Iterator[str]:
    """The API's address."""
    names = [f"18_5_19_1_406_D2026{number:04}_1.json" for number in range(files)]
    entries = [{"name": name, "updatedDate": 1} for name in names]
    listed = json.dumps({"status": {"state": "completed"}, "fileList": entries}).encode()
    sealed = {name: b"".join(encrypt_stream([content(name)], key)) for name in names}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The body would wait 40 ms for the confirmation of the headers.

        def do_GET(self) -> None:
            name = self.path.split("?")[0].rsplit("/", 1)[1]
            body = sealed.get(name, listed)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            if name in sealed:
                plain = content(name)
                told = {"metadata": {}, "size": len(plain), "sha256": sha256(plain).hexdigest()}
                self.send_header("x-metadata", encode_metadata(told))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        yield f"http://{at}/v1.7/"
