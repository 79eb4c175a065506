"""A proxy on loopback that leads every name to one place; TLS it ends itself, as the proxies of companies do."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

from tests.threads import in_a_thread


@dataclass(frozen=True)
class Identity:
    """A certificate that vouches for itself, and its key."""

    certificate: Path
    key: Path


def authority(folder: Path, name: str, key: RSAPrivateKey) -> Identity:
    """Make an identity for a host of this name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Identity(folder / "authority.pem", folder / "authority.key")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@dataclass
class Proxy:
    """Where it is, and what it saw: the addresses of requests; whom it was to connect to, and with what headers."""

    authority: Path
    address: str = ""
    forwarded: list[str] = field(default_factory=list)
    connected: list[tuple[str, set[str]]] = field(default_factory=list)


@contextmanager
def running(target: str, identity: Identity) -> Iterator[Proxy]:
    """A proxy that leads to the server of `target`."""
    proxy = Proxy(identity.certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(identity.certificate, identity.key)
    platform = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The body would wait 40 ms for the confirmation of the headers.

        def do_CONNECT(self) -> None:
            proxy.connected.append((self.path, {name.lower() for name in self.headers}))
            self.send_response(200)
            self.end_headers()
            try:
                self.connection = tls.wrap_socket(self.connection, server_side=True)
            except OSError:  # whoever connects does not trust us
                self.close_connection = True
                return
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.close_connection = False
            while not self.close_connection:
                self.handle_one_request()

        def _forward(self) -> None:
            proxy.forwarded.append(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            there = HTTPConnection(platform.hostname or "", platform.port)
            there.request(self.command, path, body, dict(self.headers.items()))
            answer = there.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()
            there.close()

        do_GET = do_POST = do_DELETE = _forward  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        proxy.address = f"http://{at}"
        yield proxy
