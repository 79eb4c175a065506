"""Pictures in objects of strangers: shown if they are pictures, and nothing else is ever sent as one."""

from base64 import b64encode

import pytest

from privateshare.platform.me.pictures import MAX_PICTURES, pictures_of

PNG, JPEG = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xffrest"


def attachment(data: bytes, content_type: object = "image/png") -> dict[str, object]:
    return {"contentType": content_type, "data": b64encode(data).decode()}


def test_pictures_are_found_where_fhir_has_them() -> None:
    """A patient's photo, a scan, a document that is a picture. The format is that of the content, not the named one."""
    patient = {"resourceType": "Patient", "photo": [attachment(PNG), attachment(JPEG)]}
    assert [picture.media_type for picture in pictures_of(patient)] == ["image/png", "image/jpeg"]
    document = {"content": [{"attachment": attachment(JPEG, "application/pdf")}]}
    assert [picture.data for picture in pictures_of(document)] == [JPEG]


@pytest.mark.parametrize(
    "thing",
    [
        {},
        {"photo": "x"},
        {"photo": [{"contentType": "image/png", "url": "https://evil.example/x.png"}]},
        {"photo": [{"contentType": "image/png", "data": "not base64!"}]},
        {"photo": [{"contentType": "image/png", "data": 5}]},
        {"photo": [attachment(b"<svg onload=alert(1)>", "image/svg+xml"), attachment(b"<html>")]},
        {"photo": [attachment(b"")]},
    ],
)
def test_nothing_else_is_a_picture(thing: dict[str, object]) -> None:
    assert pictures_of(thing) == []


def test_many_and_deeply_nested_ones_are_limited() -> None:
    deep: dict[str, object] = {"photo": attachment(PNG)}
    for _ in range(50):
        deep = {"inner": deep}
    assert pictures_of(deep) == []
    assert len(pictures_of({"photo": [attachment(PNG)] * 100})) == MAX_PICTURES
