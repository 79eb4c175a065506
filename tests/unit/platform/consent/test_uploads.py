"""A form with a file, taken apart while it arrives."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.consent.uploads import UploadForm, read_form

BOUNDARY = "the-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    named = f'name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode() + value + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def read(
    folder: Path,
    sent: bytes,
    *,
    max_bytes: int = 1000,
    step: int = 7,
    admit: Callable[[dict[str, str]], None] = lambda fields: None,
    content_type: str = TYPE,
) -> UploadForm:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), step):
            yield sent[start : start + step]

    arriving = pieces()

    async def receive() -> dict[str, object]:
        piece = await anext(arriving, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return await read_form(Request(scope, receive), folder, max_bytes, admit)


@given(content=st.binary(min_size=1, max_size=300), step=st.integers(1, 400))
@settings(max_examples=40)
async def test_fields_and_file_arrive(tmp_path_factory: pytest.TempPathFactory, content: bytes, step: int) -> None:
    """Fields and file are whole however the body was cut on its way."""
    sent = body(part("token", b"secret"), part("way", b"upload"), part("archive", content, "export.zip"))
    form = await read(tmp_path_factory.getbasetemp(), sent, step=step)
    assert form.fields == {"token": "secret", "way": "upload"}
    assert form.file is not None
    form.file.seek(0)
    assert form.file.read() == content
    form.close()
    assert form.file.closed


async def test_an_empty_file_field_is_no_file(tmp_path: Path) -> None:
    """The person chose none."""
    form = await read(tmp_path, body(part("archive", b"", ""), part("way", b"sample:default")))
    assert form.file is None
    assert form.fields == {"way": "sample:default"}


async def test_an_empty_file_is_accepted_as_a_file(tmp_path: Path) -> None:
    """So that the person can be told that it is empty."""
    form = await read(tmp_path, body(part("archive", b"", "export.zip")))
    assert form.file is not None
    assert form.size == 0
    form.close()


async def test_a_file_is_admitted_before_it_is_read(tmp_path: Path) -> None:
    """Fields before the file are checked before a byte of it is kept."""
    seen: list[dict[str, str]] = []

    def admit(fields: dict[str, str]) -> None:
        seen.append(dict(fields))
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await read(tmp_path, body(part("token", b"t"), part("archive", b"x" * 500, "a")), admit=admit)
    assert seen == [{"token": "t"}]


@pytest.mark.parametrize("size", [1001, 3999])
async def test_too_large_a_file_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    """A file that is too large is refused after it arrived, so that the person's browser gets the answer."""
    with pytest.raises(RequestTooLarge):
        await read(tmp_path, body(part("archive", b"x" * size, "a")), step=100)


@pytest.mark.parametrize("where", ["before", "after"])
async def test_data_around_the_form_is_limited(tmp_path: Path, where: str) -> None:
    """Line ends before the form and data after its end are read up to a limit."""
    form = body(part("archive", b"x", "a"))
    noise = b"\r\n" * (1024 * 1024)
    with pytest.raises(RequestTooLarge):
        await read(tmp_path, noise + form if where == "before" else form + noise, step=65536)


async def test_the_largest_file_is_taken(tmp_path: Path) -> None:
    """A file of exactly the limit is taken."""
    form = await read(tmp_path, body(part("archive", b"x" * 1000, "a")))
    assert form.size == 1000
    form.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"no form at all",
        body(part("archive", b"x" * 200, "a"))[:150],
        part("archive", b"x" * 200, "a"),
        body(part("way", b"x" * 20_000)),
        body(part("archive", b"x", "a"), part("archive", b"y", "b")),
        body(*[part(f"field{number}", b"") for number in range(200)]),
    ],
    ids=["empty", "garbage", "cut", "without an end", "long field", "two files", "many fields"],
)
async def test_a_malformed_form_is_rejected(tmp_path: Path, sent: bytes) -> None:
    """A form that is broken, truncated or too large is rejected completely."""
    with pytest.raises(InvalidRequest):
        await read(tmp_path, sent, step=1000)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'b' * 257}",
        "multipart/mixed; boundary=the-boundary",
    ],
)
async def test_another_content_type_is_rejected(tmp_path: Path, content_type: str) -> None:
    """A body that is not a multipart form, or has no valid boundary."""
    with pytest.raises(InvalidRequest):
        await read(tmp_path, body(part("archive", b"x", "a")), content_type=content_type)
