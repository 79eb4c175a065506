"""The work that the protocol itself requires for a file, whoever does it: the limit for reading large files."""

import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from statistics import median

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from privateshare.platform.library.encoding import compress_stored, json_array
from privateshare.protocol.envelope import EnvelopeReader, encrypt_stream
from privateshare.sdk.http.decompression import decompressor

OBJECTS, TEXT_BYTES, RUNS = 20_000, 150, 10
PIECE_BYTES = 128 * 1024


def file_limit() -> float:
    """Return how many megabytes per second of mapped files all cores can handle, if they do nothing else.

    Each must be encrypted by the platform, sent, decrypted, decompressed and hashed. The limit is computed from the CPU
    time of that on one core, so other programs change it little.
    """
    texts = (b64encode(os.urandom(TEXT_BYTES)).decode() for _ in range(OBJECTS))
    plain = json_array(orjson.dumps({"entityid": f"19_1_{n}", "text": text}) for n, text in enumerate(texts))
    stored, key, used = compress_stored(plain), generate_private_key(65537, 2048), []
    pieces = [stored[start : start + PIECE_BYTES] for start in range(0, len(stored), PIECE_BYTES)]
    for _ in range(RUNS):
        began, opener, digest = time.process_time(), EnvelopeReader(key), sha256()
        plain_again = decompressor("zstd", digest.update)
        for piece in _through_loopback(encrypt_stream(pieces, key.public_key())):
            plain_again.write(opener.update(piece))
        plain_again.write(opener.finish())
        plain_again.finish()
        used.append(time.process_time() - began)
        assert digest.digest() == sha256(plain).digest()
    return (os.cpu_count() or 1) * len(plain) / 1e6 / median(used)


def _through_loopback(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Send pieces over a TCP connection of this machine to itself, and yield what arrives."""
    with socket.socket() as server, socket.socket() as sender:
        # The buffers hold a whole piece, so that sending it does not wait for the receiver, which is this thread too.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * PIECE_BYTES)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * PIECE_BYTES)
        server.bind(("127.0.0.1", 0))
        server.listen()
        sender.connect(server.getsockname())
        receiver, _ = server.accept()
        with receiver:
            for piece in pieces:
                sender.sendall(piece)
                missing = len(piece)
                while missing:
                    received = receiver.recv(missing)
                    missing -= len(received)
                    yield received
