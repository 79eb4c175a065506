"""What a hostile WebDAV server answers: it costs little, and what can be read is read."""

import tracemalloc
from collections.abc import Iterator

import pytest

from privateshare.sources.dav import multistatus
from privateshare.sources.dav.multistatus import DAV, DavResource, NotDav, read_resources

BASE = "https://dav.example.org/files/"
SIZE = 1024 * 1024
START, END = b'<d:multistatus xmlns:d="DAV:" xmlns:c="urn:c">', b"</d:multistatus>"
ENTRY = (
    b"<d:response><d:href>/files/%d</d:href><d:propstat><d:prop><d:getetag>e</d:getetag></d:prop>"
    b"<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
)


def pieces(content: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    yield from (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 64 * 1024) -> list[DavResource]:
    return list(read_resources(pieces(content, size), BASE))


def response(inner: str, href: str = "/files/a") -> str:
    return f"<d:response><d:href>{href}</d:href>{inner}</d:response>"


def answer(*responses: str) -> bytes:
    return START + "".join(responses).encode() + END


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_properties_are_read_however_the_answer_is_cut(size: int) -> None:
    """Texts, types and addresses; not those that do not exist; the status may come first or be missing."""
    content = answer(
        response(
            "<d:propstat><d:status>HTTP/1.1 200 OK</d:status><d:prop><d:getetag> &quot;ü&amp;\n1&quot; </d:getetag>"
            "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
            "<c:home><d:href>../ann/</d:href><d:href>/second</d:href></c:home></d:prop></d:propstat>"
            "<d:propstat><d:prop><d:getcontentlength/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>",
            href="sub/a%20b",
        ),
        response("<d:status>HTTP/1.1 200 OK</d:status>"),
        response("<d:propstat><d:prop><c:data><![CDATA[<x> & ]]>y</c:data></d:prop></d:propstat>"),
        response("<c:x><d:prop><d:getetag>no</d:getetag></d:prop></c:x>"),
    )
    first, second = read(content, size)
    assert (first.address, first.server) == ("https://dav.example.org/files/sub/a%20b", "dav.example.org")
    assert (first.text(DAV, "getetag"), first.has(DAV, "collection"), first.has("urn:c", "calendar")) == (
        '"ü&\n1"',
        True,
        True,
    )
    assert not first.has(DAV, "getcontentlength")
    assert first.address_in("urn:c", "home") == "https://dav.example.org/files/ann/"
    assert first.address_in(DAV, "getetag") is None
    assert second.whole_text("urn:c", "data") == "<x> & y"
    assert second.whole_text("urn:c", "other") is None


HOSTILE = {
    "many small resources": START + b"<d:response><d:propstat><d:prop/></d:propstat></d:response>" * (SIZE // 58) + END,
    "many usual resources": START + b"".join(ENTRY % number for number in range(SIZE // 160)) + END,
    "many elements": START + b"<a/>" * (SIZE // 4) + END,
    "many properties": START
    + b"<d:response><d:propstat><d:prop>"
    + b"".join(b"<p%d/>" % number for number in range(SIZE // 10))
    + b"</d:prop></d:propstat></d:response>"
    + END,
    "many groups": START
    + b"<d:response>"
    + b"<d:propstat><d:prop/></d:propstat>" * (SIZE // 33)
    + b"</d:response>"
    + END,
    "depth": START + b"<a>" * (SIZE // 3),
    "a long name": START + b"<" + b"a" * SIZE + b"/>" + END,
    "a long attribute": START + b'<a b="' + b"a" * SIZE + b'"/>' + END,
    "a long comment": START + b"<!--" + b"a" * SIZE + b"-->" + END,
    "a long address": answer(response("<d:propstat><d:prop/></d:propstat>", href="/" + "a" * SIZE)),
    "a long text": answer(
        response(f"<d:propstat><d:prop><c:data>{'a&lt;' * (SIZE // 5)}</c:data></d:prop></d:propstat>")
    ),
    "line breaks": START + b"\n" * SIZE + END,
    "many attributes": START + b"<a " + b" ".join(b'b%d="1"' % number for number in range(SIZE // 10)) + b"/>" + END,
    "many namespaces": START + b"".join(b'<a xmlns:n%d="u%d"/>' % (n, n) for n in range(SIZE // 26)) + END,
    "entities": b'<!DOCTYPE d [<!ENTITY a "' + b"a" * 1000 + b'">]>' + START + b"&a;" * (SIZE // 3) + END,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_what_a_hostile_server_answers_costs_little(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up early, and takes no more memory than a few times what was received by then."""
    monkeypatch.setattr(multistatus, "MAX_ELEMENTS", 20_000)
    monkeypatch.setattr(multistatus, "MAX_TEXT_CHARACTERS", 100_000)
    monkeypatch.setattr(multistatus, "MAX_TOKEN_BYTES", 100_000)
    received, found = list[int](), list[DavResource]()

    def counted() -> Iterator[bytes]:
        for piece in pieces(content, 16_384):
            received.append(len(piece))
            yield piece

    tracemalloc.start()
    try:
        found += read_resources(counted(), BASE, 5_000)
        is_refused = False
    except NotDav:
        is_refused = True
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 5 * sum(received) + 500_000
    is_whole = sum(received) == len(content)
    assert is_refused or len(found) == 5_000 or (is_whole and len(found) <= 1)


def test_a_text_that_is_too_long_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multistatus, "MAX_TEXT_CHARACTERS", 1000)
    entries = [f"<d:propstat><d:prop><c:data>{'a' * size}</c:data></d:prop></d:propstat>" for size in (10, 1001, 1000)]
    assert [len(one.whole_text("urn:c", "data") or "") for one in read(answer(*map(response, entries)))] == [
        10,
        0,
        1000,
    ]


@pytest.mark.parametrize("encoding", ["utf-7", "idna", "punycode", "zlib_codec", "none-such", "cp037"])
def test_an_encoding_that_cannot_be_read_is_no_answer(encoding: str) -> None:
    """Python has encodings that no XML can have, and reports them in many ways."""
    with pytest.raises(NotDav):
        read(f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + answer())
