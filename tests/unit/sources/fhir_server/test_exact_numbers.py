"""Tests that numbers of resources that a server sends keep all of their digits: FHIR says that precision matters."""

import httpx2
import pytest

from privateshare.protocol.object_time import FHIR
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import entry_of, page_entries
from privateshare.sources.fhir_server.bulk import ExportedFile, read_file
from privateshare.sources.fhir_server.requests import Refused, get_resource
from privateshare.sources.fhir_server.search import Search, find_pages, page_of_one

R4 = ObjectSchema(FHIR, "4.0.1")
BASE = "https://hospital.example/fhir"
VALUES = ("1.50", "2", "2.0", "0.10", "1.0E-07", "100000000000000000000", "6.02214076000000000000001", "-0.0")


def client_of(answers: list[bytes]) -> httpx2.Client:
    """Return a client of a server that sends these answers."""
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=answers.pop(0))))


def observation(number: int, value: str) -> str:
    return (
        f'{{"resourceType": "Observation", "id": "o{number}", "note": [{{"text": "1.50\\n"}}],\n'
        f' "valueQuantity": {{"value": {value}, "unit": "mg"}}}}'
    )


def bundle(*resources: str, following: str = "") -> bytes:
    link = f'"link": [{{"relation": "next", "url": "{following}"}}], ' if following else ""
    entries = ", ".join(f'{{"resource": {resource}}}' for resource in resources)
    return f'{{"resourceType": "Bundle", {link}"entry": [{entries}]}}'.encode()


def test_numbers_of_a_search_are_stored_as_they_were_sent() -> None:
    """On each page of the answer, also beside resources of another type and entries that are none."""
    sent = [observation(number, value) for number, value in enumerate(VALUES)]
    outcome = '{"resourceType": "OperationOutcome", "issue": []}'
    answers = [bundle(outcome, *sent[:3], "7", following=f"{BASE}/Observation?page=2"), bundle(*sent[3:])]
    pages = find_pages(client_of(answers), [Search(BASE, "Observation", "p")], 132, None)
    entries = [entry for page in pages for _, entry in page_entries(R4, page)]
    assert [entry.entity_id for entry in entries] == [f"Observation/o{number}" for number in range(len(VALUES))]
    for entry, value in zip(entries, VALUES, strict=True):
        assert f'"value":{value},"unit"'.encode() in entry.data
        assert b'"text":"1.50\\n"' in entry.data
        assert b"\n" not in entry.data


def test_numbers_of_a_single_resource_are_stored_as_they_were_sent() -> None:
    address = f"{BASE}/Patient/p"
    response = get_resource(
        client_of([b'{"resourceType": "Patient", "id": "p", "multipleBirthInteger": 1.0}']), address
    )
    ((_, entry),) = page_entries(R4, page_of_one(127, response, address))
    assert entry.data == b'{"resourceType":"Patient","id":"p","multipleBirthInteger":1.0}'


def test_lines_of_an_export_are_stored_as_they_were_sent() -> None:
    line = b'{"resourceType": "Observation", "id": "o1", "valueQuantity": {"value": 1.50}}'
    found = list(read_file(client_of([line + b"\r\n\nnothing\n"]), ExportedFile("Observation", BASE, None)))
    assert [one and one[1] for one in found] == [line.replace(b" ", b""), None]


def test_an_answer_that_is_nested_too_deeply_is_refused() -> None:
    deep = b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(Refused):
        get_resource(client_of([deep]), BASE)


def content(text: str) -> int:
    response = get_resource(client_of([text.encode()]), BASE)
    return next(page_entries(R4, page_of_one(132, response, BASE)))[1].content


def test_another_precision_is_another_content() -> None:
    """A resource that a hospital corrects from 1.5 to 1.50 is stored again; the order and spaces make no difference."""
    assert content(observation(1, "1.5")) != content(observation(1, "1.50"))
    assert content(observation(1, "1")) != content(observation(1, "1.0"))
    assert content(observation(1, "1.50")) == content(observation(1, "1.50").replace("\n", "").replace(": ", ":  "))
    one, two = b'{"resourceType":"X","id":"1","a":1.50,"b":2.50}', b'{"b":2.50,"a":1.50,"id":"1","resourceType":"X"}'
    thing = {"resourceType": "X", "id": "1", "a": 1.5, "b": 2.5}
    assert entry_of(R4, thing, one).content == entry_of(R4, thing, two).content
