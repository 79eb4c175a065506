"""Paths of a storage: which are the same, and which are not. Protocol 11.3, 11.5."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.errors import InvalidRequest
from privateshare.protocol.storage_paths import StoragePath, storage_path

KELVIN, ANGSTROM, OHM = "\u212a", "\u212b", "\u2126"


def key(text: str) -> str:
    return storage_path(text).key


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Maße", "MASSE"),
        ("Maße", "masse"),
        ("ﬁle", "file"),
        ("ﬄ", "ffl"),
        ("ŉ", "ʼn"),
        ("οδος", "οδοσ"),
        ("ΟΔΟΣ", "οδος"),
        (KELVIN, "k"),
        (KELVIN, "K"),
        (ANGSTROM, "å"),
        (OHM, "ω"),
        ("ſ", "s"),
        ("µ", "μ"),
        ("ı", "i"),
        ("İ", "i"),
        ("İ", "I"),
        ("ı", "I"),
        ("①", "1"),
        ("ｆ", "f"),
        ("神", "\ufa19"),  # a CJK compatibility ideograph, which names of people hold
        ("e", "é"),
    ],
)
def test_different_names_are_different_files(one: str, other: str) -> None:
    """Letters that casefold or NFKC would unite stay different, so that no upload replaces another file."""
    assert key(f"a/{one}/b") != key(f"a/{other}/b")


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MAßE", "maße"),
        ("MAẞE", "maße"),
        ("ΟΔΟΣ", "οδοσ"),
        ("ДОКУМЕНТ", "документ"),
        ("Ünï", "U\u0308NI\u0308"),
        ("İstanbul", "I\u0307STANBUL"),
        ("ᲐᲑ", "აბ"),
        ("ÅNGSTRÖM", "a\u030angstro\u0308m"),
        ("a//b///c", "A/B/C"),
    ],
)
def test_names_that_differ_in_case_or_composition_are_the_same(one: str, other: str) -> None:
    """Paths are compared without case, and the composition of an accent makes no difference."""
    assert key(one) == key(other)


@pytest.mark.protocol("11.3")
def test_a_letter_equals_only_its_other_case() -> None:
    """No three characters are equal, and two only as upper and lower case or by composition."""
    found = defaultdict(set)
    for code in (*range(0x20000), *range(0x2F800, 0x2FA20)):  # behind these are no letters with case or accents
        character = chr(code)
        if not 0xD800 <= code < 0xE000:
            found[StoragePath(character).key].add(character)
    merged = [group for group in found.values() if len(group) > 1]
    assert len(merged) > 1000
    for group in merged:
        assert len(group) == 2, group
        small, capital = sorted(group, key=lambda character: character.lower() != character)
        assert capital.lower() == small, group


@pytest.mark.protocol("11.3")
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_in_a_list_refers_to_its_own_file(text: str) -> None:
    """A client can use the name in a list, which is in lower case, as the address of the file."""
    listed = StoragePath(text).key
    assert StoragePath(listed).key == listed


@pytest.mark.protocol("11.3")
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_key_of_a_folder_is_a_prefix_of_its_files(text: str) -> None:
    """So that a listing by prefix finds them."""
    folder = StoragePath(f"/{text.replace('/', '')}x/")
    assert StoragePath(f"{folder.written}\u0301Name").key.startswith(folder.key)


@pytest.mark.protocol("11.5")
@pytest.mark.parametrize("path", ["İ" * 511, "Ⱥ" * 400, "x" * 1024, "\u0958" * 341])
def test_a_path_that_exceeds_the_limit_when_folded_is_rejected(path: str) -> None:
    """The limit applies also to the form that is compared, which may be longer."""
    with pytest.raises(InvalidRequest):
        storage_path(path)
