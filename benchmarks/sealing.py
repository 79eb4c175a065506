"""A benchmark of encrypting and decrypting streams, in comparison with AES-256-GCM alone in the same run.

python benchmarks/sealing.py [megabytes]
"""

import os
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privateshare.platform.blobs.sealing import CHUNK_BYTES, seal_stream, unseal_stream

MEGABYTE = 1024 * 1024
ROUNDS = 5
READ_BYTES = 256 * 1024  # The size in which blob stores read.


def main() -> None:
    """Prints MB/s of the best of some rounds, and the ratio."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    key, context = os.urandom(32), b"benchmark"
    chunk = os.urandom(CHUNK_BYTES)
    count = megabytes * MEGABYTE // CHUNK_BYTES
    sealed = b"".join(seal_stream(key, context, [chunk] * count))
    pieces = [sealed[start : start + READ_BYTES] for start in range(0, len(sealed), READ_BYTES)]
    cipher = AESGCM(key)
    box = cipher.encrypt(bytes(12), chunk, None)

    def raw_encrypt() -> None:
        for number in range(count):
            cipher.encrypt(number.to_bytes(12, "big"), chunk, None)

    def raw_decrypt() -> None:
        for _ in range(count):
            cipher.decrypt(bytes(12), box, None)

    def seal() -> None:
        for _ in seal_stream(key, context, [chunk] * count):
            pass

    def open_() -> None:
        for _ in unseal_stream(key, context, pieces):
            pass

    for name, ours, raw in (("seal", seal, raw_encrypt), ("open", open_, raw_decrypt)):
        fast, fastest = speed(ours, megabytes), speed(raw, megabytes)
        print(f"{name}: {fast:6.0f} MB/s; AES-256-GCM alone: {fastest:6.0f} MB/s; ratio {fast / fastest:.2f}")


def speed(work: Callable[[], None], megabytes: int) -> float:
    """Return the MB/s of the fastest round."""
    return max(megabytes / timed(work) for _ in range(ROUNDS))


def timed(work: Callable[[], None]) -> float:
    """Return the duration in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
