"""Tests of what a receiver keeps of a file that it received."""

from hashlib import sha256

import pytest

from privateshare.errors import InvalidAnswer
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.sdk.files.file_receiver import FileReceiver
from tests.keys import rsa_key


def test_a_receiver_lets_go_of_its_file() -> None:
    """Otherwise the content of every file that an app took would stay in memory until the next garbage collection."""
    key, content = rsa_key(0), b"content"
    receiver = FileReceiver("a", key, None)
    header = {"metadata": {}, "size": len(content), "sha256": sha256(content).hexdigest()}
    receiver.begin({"x-metadata": encode_metadata(header)})
    for piece in encrypt_stream([content], key.public_key()):
        receiver.write(piece)
    receiver.finish()
    assert receiver.received_file().data == content
    with pytest.raises(InvalidAnswer):
        receiver.received_file()
