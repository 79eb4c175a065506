"""Records in JSON text, wherever they are, in the digits they were written in."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privateshare.sources import json_records, json_scanner
from privateshare.sources.failures import DAMAGED, LONG_NUMBER, NOT_UTF_8, TOO_DEEP, TOO_LARGE, UNKNOWN, LeftOut, Reason
from privateshare.sources.json_patterns import MAX_NUMBER_CHARACTERS, may_have_long_number
from privateshare.sources.json_records import FoundRecord, NotJson, ObjectRole, PlainRecords, RecordReader
from privateshare.sources.json_scanner import TruncatedJson

KINDS = ("R1", "R2")
WRAPPER = "W"


def shape_of(thing: dict[str, Any], key: str) -> ObjectRole:
    """In these tests an object is a record if its `kind` says so."""
    kind = thing.get("kind")
    return ObjectRole.RECORD if kind in KINDS else ObjectRole.WRAPPER if kind == WRAPPER else ObjectRole.UNKNOWN


def read(text: bytes) -> tuple[list[FoundRecord], LeftOut]:
    left_out = LeftOut()
    return list(RecordReader(io.BytesIO(text), shape_of, left_out).records()), left_out


def things(text: bytes) -> list[dict[str, Any]]:
    return [found.thing for found in read(text)[0]]


def reasons(text: bytes) -> dict[Reason, int]:
    return dict(read(text)[1].by_reason())


def exact(text: bytes | str) -> Any:
    """JSON with its numbers as they are written, and of a name that is there twice both values."""
    return json.loads(text, parse_float=lambda digits: f"number {digits}", parse_int=lambda digits: f"number {digits}")


def expected(value: Any) -> Iterator[dict[str, Any]]:
    """The records in parsed JSON."""
    if isinstance(value, dict) and value.get("kind") in KINDS:
        yield value
        return
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from expected(inner)


NUMBERS = st.sampled_from(
    ["0", "-0", "7", "1.50", "0.10", "1e2", "1E+2", "-2.0e-07", "1e-999", "9007199254740993", "1" + "0" * 20, "9" * 300]
)
TEXTS = st.sampled_from(["", "a", 'quote " and \\', "{[", "]}", "ключ", "\U0001f600", "line\nbreak", "\x00", "\\u0041"])
SCALARS = NUMBERS | TEXTS.map(json.dumps) | st.sampled_from(["true", "false", "null"])
SPACES = st.sampled_from(["", " ", "\n", "\r\n\t "])
KEYS = TEXTS | st.sampled_from(["kind", "entry", "resource", "x" * 80])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """JSON as people's programs write it, with records of every size at any place."""

    def spaced(parts: list[str]) -> str:
        return draw(SPACES) + ("," + draw(SPACES)).join(parts) + draw(SPACES)

    def composed(depth: int) -> str:
        what = draw(st.sampled_from(["scalar", "object", "array", "record"])) if depth else "scalar"
        if what == "scalar":
            return draw(SCALARS)
        inner = [composed(depth - 1) for _ in range(draw(st.integers(0, 3)))]
        if what == "array":
            return f"[{spaced(inner)}]"
        names = draw(
            st.lists(KEYS.filter(lambda key: key != "kind"), min_size=len(inner), max_size=len(inner), unique=True)
        )
        members = [
            f"{json.dumps(name)}{draw(SPACES)}:{draw(SPACES)}{value}" for name, value in zip(names, inner, strict=True)
        ]
        if what == "record":
            members.insert(draw(st.integers(0, len(members))), '"kind": "R1"')
        return "{" + spaced(members) + "}"

    return composed(4)


@pytest.fixture(params=[(256 * 1024, 256 * 1024), (7, 100), (1, 20)], ids=["as is", "small", "tiny"])
def sizes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Limits as they are, and so small that every text is larger than what is read at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scanner, "READ_BYTES", request.param[0])
        patch.setattr(json_records, "SMALL_BYTES", request.param[1])
        yield


@given(text=documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_is_found_in_any_position(sizes: None, text: str) -> None:
    """In the order of the text, with every digit as it was written, each in one line."""
    try:
        found, left_out = read(text.encode())
    except NotJson:
        assert text.strip()[:1] not in ("{", "[")
        return
    assert [exact(one.text) for one in found] == list(expected(exact(text)))
    assert all(one.thing == json.loads(one.text) or b"9" * 300 in one.text or b"0" * 20 in one.text for one in found)
    assert all(b"\n" not in one.text and b"\r" not in one.text for one in found)
    assert set(left_out.by_reason()) <= {UNKNOWN}


@given(text=documents(), cut=st.floats(0, 1), noise=st.binary(max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_counted_or_reported(sizes: None, text: str, cut: float, noise: bytes) -> None:
    """For any bytes: records are returned, and nothing but one of two errors is raised."""
    data = text.encode()
    at = int(len(data) * cut)
    try:
        found, _ = read(data[:at] + noise + data[at + len(noise) :])
    except (NotJson, TruncatedJson):
        return
    assert all(json.loads(one.text)["kind"] == "R1" for one in found)


Outcome = tuple[list[Any], dict[Reason, int], str]


def decode_plain(text: bytes) -> list[Any] | None:
    """Decode an array of records without arrays and objects in them."""
    try:
        values = orjson.loads(text)
    except ValueError:
        return None
    plain = [value for value in values if isinstance(value, dict) and value.get("kind") in KINDS]
    nested = any(isinstance(part, dict | list) for value in plain for part in value.values())
    return plain if len(plain) == len(values) and not nested else None


def outcome(text: bytes, plain_records: PlainRecords | None) -> Outcome:
    """Return the records with their keys, what is left out, and the error at the end."""
    found: list[Any] = []
    left_out, error = LeftOut(), ""
    try:
        for one in RecordReader(io.BytesIO(text), shape_of, left_out, "", plain_records).records():
            found += [(thing, one.key) for thing in one.plain or [one.thing]]
    except (NotJson, TruncatedJson) as problem:
        error = type(problem).__name__
    return found, dict(left_out.by_reason()), error


@given(
    records=st.lists(
        documents() | st.builds(lambda text: '{"kind": "R1", "a": ' + text + "}", documents()), max_size=6
    ),
    cut=st.floats(0.5, 1),
    noise=st.binary(max_size=3),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_whose_text_is_not_needed_are_the_same(
    sizes: None, records: list[str], cut: float, noise: bytes
) -> None:
    """Parsing many records together finds the same ones, and counts the same problems, in whole and damaged texts."""
    data = f"[{','.join(records)}]".encode()
    at = int(len(data) * cut)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records, "MIN_BATCH_BYTES", 1)
        for text in (data, data[:at] + noise + data[at + len(noise) :]):
            assert outcome(text, decode_plain) == outcome(text, None)


def test_deep_records_are_not_read_together() -> None:
    """The limit of nesting is the same."""
    deep = '{"kind": "R1", "a": ' + "[" * 70 + "]" * 70 + "}"
    text = "[" + ",".join(['{"kind": "R1"}'] * 2000 + [deep] + ['{"kind": "R1", "a": "[{"}'] * 2000) + "]"
    found, problems, _ = outcome(text.encode(), decode_plain)
    assert (len(found), problems) == (4000, {TOO_DEEP: 1})


def record(**more: Any) -> bytes:
    return json.dumps({"kind": "R1"} | more).encode()


FORMS: dict[str, tuple[bytes, int]] = {
    "one": (record(), 1),
    "array": (b"[" + record() + b"," + record() + b"]", 2),
    "lines": (record() + b"\n" + record() + b"\r\n\r\n" + record(), 3),
    "in a row": (record() + record() + b" " + record(), 3),
    "in a row with a mark each": (b"\xef\xbb\xbf" + record() + b"\n\xef\xbb\xbf" + record(), 2),
    "text sequence (RFC 7464)": (b"\x1e" + record() + b"\n\x1e" + record() + b"\n", 2),
    "by type": (b'{"R1": [' + record() + b'], "more": {"R1": [' + record() + b"]}}", 2),
    "by id": (b'{"1": ' + record() + b', "2": ' + record() + b"}", 2),
    "kind last": (b'{"inner": {"kind": "R2"}, "kind": "R1"}', 1),
    "wrapper last": (b'{"inner": {"kind": "R2"}, "kind": "W"}', 1),
    "arrays in arrays": (b"[[[" + record() + b"]]]", 1),
    "arrays on lines": (b"[" + record() + b"]\n[" + record() + b"," + record() + b"]", 3),
    "padded": (record() + bytes(20), 1),
    "an element on each line": (b"[\n" + record() + b",\n" + record() + b"\n]\n", 2),
    "the same name twice": (b'{"a": [' + record() + b'], "a": [' + record() + b"]}", 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_arrangements_of_records_are_supported(sizes: None, form: str) -> None:
    """All records are found, and none is missing."""
    text, count = FORMS[form]
    found, left_out = read(text)
    assert len(found) == count
    assert not left_out.entries


@pytest.mark.parametrize("large", [b'"x": "' + b"y" * 600_000 + b'"', b'"x": [' + b'{"y": "z"}, ' * 40_000 + b"1]"])
def test_the_type_of_a_large_record_may_come_last(large: bytes) -> None:
    """A record of several hundred kilobytes is found by it."""
    for text in (b"{" + large + b', "kind": "R1"}', b'{"kind": "R1", ' + large + b"}"):
        for form in (text, b"[" + text + b"," + text + b"]", b'{"kind": "W", "entry": [{"r": ' + text + b"}]}"):
            assert {thing["kind"] for thing in things(form)} == {"R1"}


def test_records_are_returned_with_their_wrappers() -> None:
    """With the object that contains it, in any order and of any size."""
    for filler in ("", "x" * 600_000):
        before, after = ({"kind": "W", "entry": [{"a": 1, "r": {"kind": "R1", "x": filler}, "b": [2]}]} for _ in "ab")
        for document in (before, {"entry": after["entry"], "kind": "W"}):
            (found,) = read(json.dumps(document).encode())[0]
            assert found.wrapper is not None
            assert (found.wrapper["a"], found.wrapper["b"]) == (1, [2])


MENDED = {
    r'"cut \ud83d"': "cut \ufffd",
    r'"\ude00 cut"': "\ufffd cut",
    r'"\ud83d\ud83d\ude00"': "\ufffd\U0001f600",
    r'"\\ud83d \ud83d"': "\\ud83d \ufffd",
    r'"\ud83d\u0041"': "\ufffdA",
    '"tab\there"': "tab\there",
    '"line\nbreak"': "line\nbreak",
    '"\x00\x1f"': "\x00\x1f",
}


@pytest.mark.parametrize("written", MENDED)
def test_invalid_texts_of_other_programs_are_corrected(written: str) -> None:
    """Halves of characters are replaced, and control characters escaped; numbers beside them keep their digits."""
    text = f'[{{"kind": "R1", "x": {written}, "n": 1.50}}, {{"kind": "R1"}}]'.encode()
    first, _ = read(text)[0]
    assert json.loads(first.text)["x"] == MENDED[written]
    assert b"1.50" in first.text


def test_surrogates_in_utf_8_are_corrected() -> None:
    """Two halves that were encoded separately become a character, and a single one is replaced."""
    text = b'[{"kind": "R1", "x": "\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd"}]'
    assert things(text) == [{"kind": "R1", "x": "\U0001f600 \ufffd"}]


BAD: dict[str, tuple[bytes, Reason]] = {
    "no number": (b'{"kind": "R1", "x": NaN}', DAMAGED),
    "infinite": (b'{"kind": "R1", "x": 1e999}', DAMAGED),
    "no word": (b'{"kind": "R1", "x": nul}', DAMAGED),
    "no escape": (rb'{"kind": "R1", "x": "\x41"}', DAMAGED),
    "no UTF-8": (b'{"kind": "R1", "x": "B\xf6rk"}', NOT_UTF_8),
    "no colon": (b'{"kind": "R1", "x" 5}', DAMAGED),
    "long number": (b'{"kind": "R1", "x": ' + b"9" * 401 + b"}", LONG_NUMBER),
    "long fraction": (b'{"kind": "R1", "x": 0.' + b"1" * 300_000 + b"}", LONG_NUMBER),
    "deep": (b'{"kind": "R1", "x": ' + b"[" * 70 + b"]" * 70 + b"}", TOO_DEEP),
    "very deep": (b'{"kind": "R1", "x": ' + b'{"":' * 20_000 + b"1" + b"}" * 20_000 + b"}", TOO_DEEP),
    "unknown": (b'{"kind": "R3"}', UNKNOWN),
    "a list": (b"[]", UNKNOWN),
}
ROWS: dict[str, Callable[[list[bytes]], bytes]] = {
    "array": lambda records: b"[" + b", ".join(records) + b"]",
    "pretty array": lambda records: b"[\n  " + b",\n  ".join(records) + b"\n]",
    "lines": b"\n".join,
    "wrapper": lambda records: b'{"kind": "W", "e": [' + b",".join(b'{"r": ' + one + b"}" for one in records) + b"]}",
    "members": lambda records: b"{" + b",".join(b'"%d": %s' % pair for pair in enumerate(records)) + b"}",
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("bad", BAD)
def test_an_unreadable_record_is_skipped_and_counted(sizes: None, bad: str, row: str) -> None:
    """The others are read, before and after it."""
    text, reason = BAD[bad]
    others = [record(number=number) for number in range(4)]
    found, left_out = read(ROWS[row]([*others[:2], text, *others[2:]]))
    assert [one.thing["number"] for one in found] == [0, 1, 2, 3]
    if reason is not UNKNOWN or row in ("array", "pretty array", "lines"):
        assert left_out.by_reason() == {reason: 1}


def test_scalars_among_records_are_counted_and_null_is_not() -> None:
    """A scalar is a record that cannot be read; null is none."""
    assert reasons(b'[{"kind": "R1"}, 5, "x", null, [1, 2], {"kind": "R1"}]') == {UNKNOWN: 3}
    assert reasons(b'{"kind": "R1", "tags": [1, 2]}') == {}
    assert reasons(b'{"tags": [1, 2], "e": [{"kind": "R1"}]}') == {}


def test_a_truncated_line_is_skipped() -> None:
    """In a file with a document on each line, only that line is lost."""
    lines = [record(number=number, text="a } b") for number in range(5)]
    for number in range(5):
        cut = [*lines[:number], lines[number][:-9], *lines[number + 1 :]]
        found, left_out = read(b"\n".join(cut))
        assert [one.thing["number"] for one in found] == [other for other in range(5) if other != number]
        assert left_out.by_reason() == {DAMAGED: 1}


def test_nothing_is_guessed_after_damage() -> None:
    """If the end of a record cannot be determined, the earlier records count, and the loss is reported."""
    left_out = LeftOut()
    found: list[Any] = []
    reader = RecordReader(io.BytesIO(b"[" + record() + b', {"kind": "R1", "x": "y'), shape_of, left_out)
    with pytest.raises(TruncatedJson):
        found.extend(reader.records())
    assert (reader.seen, reader.position) == (1, len(record()) + 3)


@pytest.mark.parametrize("text", [b"not json", b"<a/>", b"%PDF-1.7", b'"text"', b"12", b"\x89PNG", b"]", b"\xff\xfe{"])
def test_files_that_are_not_json_are_reported(text: bytes) -> None:
    """They are distinguished from damaged JSON."""
    with pytest.raises(NotJson):
        read(text)


def test_a_record_that_is_too_large_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never in memory as a whole, whatever part of it is large."""
    monkeypatch.setattr(json_records, "MAX_RECORD_BYTES", 2_000_000)
    large = b"x" * 3_000_000
    for text in (record(x=large.decode()), record(x=[1] * 1_500_000), b'{"kind": "R1", "' + large + b'": 1}'):
        found, left_out = read(b"[" + record() + b"," + text + b"," + record() + b"]")
        assert (len(found), left_out.by_reason()) == (2, {TOO_LARGE: 1})
        lines, left_out = read(b"\n".join([record(), text, record()]))
        assert (len(lines), left_out.by_reason()) == (2, {TOO_LARGE: 1})


def test_a_record_with_too_many_values_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many short values need much more memory than they have bytes."""
    monkeypatch.setattr(json_records, "MAX_VALUES_PER_RECORD", 200_000)
    text = b"[" + record() + b"," + record(x=[1] * 300_000) + b"]"
    assert reasons(text) == {TOO_LARGE: 1}


def test_a_large_wrapper_is_read_as_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is larger than a record may be contains records, whether its type comes first or last."""
    monkeypatch.setattr(json_records, "MAX_RECORD_BYTES", 300_000)
    entries = b", ".join([record(x="y" * 1000)] * 900)
    for text in (b'{"kind": "W", "e": [' + entries + b"]}", b'{"e": [' + entries + b'], "kind": "W"}'):
        assert len(things(text)) == 900


HOSTILE: dict[str, bytes] = {
    "number": b'[{"kind": "R1", "x": ' + b"9" * 4_000_000 + b"}]",
    "number by itself": b"[" + b"9" * 4_000_000 + b"]",
    "numbers": b'{"kind": "R1", "x": [' + (b"9" * 399 + b",") * 10_000 + b"1]}",
    "string": b'[{"kind": "R1", "x": "' + b"y" * 4_000_000 + b'"}]',
    "string without end": b'[{"kind": "R1", "x": "' + b"y" * 4_000_000,
    "escapes": b'[{"kind": "R1", "x": "' + rb"\\" * 2_000_000 + b'"}]',
    "escape without end": b'["' + b"\\" * 4_000_001,
    "key": b'[{"' + b"y" * 4_000_000 + b'": 1, "kind": "R1"}]',
    "keys": b"[{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}]",
    "deep": b"[" * 4_000_000,
    "deep objects": b'{"":' * 500_000,
    "deep and closed": b"[" * 500_000 + b"]" * 500_000,
    "empty arrays": b"[" + b"[]," * 150_000 + b"1]",
    "empty strings": b"[" + b'"",' * 150_000 + b"1]",
    "commas": b"[" + b"," * 4_000_000 + b"]",
    "spaces": b"[" + b" " * 4_000_000 + b"]",
    "quotes": b'"' * 4_000_001,
    "broken lines": b'{"kind\n' * 200_000,
    "lines with quotes": b'{"}\n{"}\n' * 50_000,
    "halves of characters": b'[{"kind": "R1", "x": "' + rb"\ud800" * 200_000 + b'"}]',
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_take_linear_time(hostile: str) -> None:
    """Megabytes that were made to be slow take only a moment."""
    began = time.process_time()
    with suppress(NotJson, TruncatedJson):
        read(HOSTILE[hostile])
    assert time.process_time() - began < 5


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("filler", [0, 600_000])  # Objects that do not fit into memory are read in another way.
@pytest.mark.parametrize(
    ("text", "others"),
    [
        ({"a": [{"kind": "R1"}], "b": {"list": [{"x": 1}, {"x": 2}]}}, 2),  # Lists of another part of the export.
        ({"b": {"list": [{"x": [{"y": 1}, {"y": 2}]}, {"x": 2}]}, "a": [{"kind": "R1"}]}, 2),  # Each counts once.
        ({"people": [{"name": "Ann"}], "messages": [{"kind": "R1"}]}, 0),  # What is next to records is about them.
        ({"chats": [{"kind": "W", "people": [{"x": 1}], "messages": [{"kind": "R1"}]}]}, 0),
        ({"a": [{"kind": "R1"}], "b": {"list": ["x", "y"]}, "c": {"list": [[1, 2], [3]]}}, 0),  # They are no objects.
        ([{"kind": "R1"}, {"x": 1}], 0),  # It is left out, since it should be a record.
    ],
)
def test_entries_of_other_kinds_are_counted(text: Any, others: int, filler: int, indent: int | None) -> None:
    if isinstance(text, dict) and filler:
        text = text | {"filler": "x" * filler}
    reader = RecordReader(io.BytesIO(json.dumps(text, indent=indent).encode()), shape_of, LeftOut())
    assert [found.thing["kind"] for found in reader.records()] == ["R1"]
    assert reader.others == others


@given(st.integers(0, 120), st.integers(MAX_NUMBER_CHARACTERS - 2, MAX_NUMBER_CHARACTERS + 2), st.sampled_from("1-e."))
def test_long_numbers_are_noticed_at_any_place(before: int, length: int, character: str) -> None:
    """Only some characters of a text are looked at, unless they may be of such a number."""
    text = b"[" + b" " * before + character.encode() * length + b" ]"
    assert may_have_long_number(text) == (length > MAX_NUMBER_CHARACTERS)
