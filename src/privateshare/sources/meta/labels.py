"""Entries whose values have labels in the language of the account, in the three notations that Meta has used.

`string_list_data` has no labels, `string_map_data` has them as names of members, and `label_values` is a list of labels
and values, with nested lists that have a title. Nothing here depends on the language of the labels.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privateshare.sources.object_building import dict_of, list_of, milliseconds, text_of

MAX_DEPTH = 12
_USER_NAME = re.compile(r"[A-Za-z0-9._]{1,30}")
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its label. `group` numbers the nested list that contains it; 0 is the entry itself."""

    label: str = ""
    text: str = ""
    link: str = ""
    moment: int | None = None
    group: int = 0


@dataclass(frozen=True, slots=True)
class LabelledEntry:
    """An entry with labelled values.

    Attributes:
        title: Its title, which is the name of a person in some exports.
        values: Its values, and those of its nested lists.
        moment: When it happened, in milliseconds since the epoch; None if that is unknown.
    """

    title: str
    values: tuple[Value, ...]
    moment: int | None

    @property
    def link(self) -> str:
        """The first link of the entry itself, or otherwise of a nested list."""
        links = [value for value in self.values if value.link]
        return next((value.link for value in links if value.group == 0), links[0].link if links else "")

    @property
    def texts(self) -> list[str]:
        """The texts of the entry itself."""
        return [value.text for value in self.values if value.text and value.group == 0]

    def owner(self) -> tuple[str, str]:
        """Return the user name and the full name of a person that a nested list describes; empty if there is none."""
        for group in sorted({value.group for value in self.values} - {0}):
            texts = [value.text for value in self.values if value.group == group and value.text]
            if len(texts) < 2:
                continue
            for text in reversed(texts):
                if _USER_NAME.fullmatch(text):
                    return text, next((other for other in texts if other != text), "")
            return "", texts[0]
        return "", ""


def is_labelled(thing: Mapping[str, Any]) -> bool:
    """Return whether an object is such an entry."""
    return any(name in thing for name in ("string_list_data", "string_map_data", "label_values"))


def entry_of(thing: dict[str, Any]) -> LabelledEntry:
    """Read an entry in any of the notations."""
    values = tuple(_values(thing))
    moment = milliseconds(thing.get("timestamp")) or next((value.moment for value in values if value.moment), None)
    return LabelledEntry(text_of(thing.get("title")), values, moment)


def is_user_name(text: str) -> bool:
    """Return whether a text can be the name of an account."""
    return _USER_NAME.fullmatch(text) is not None


def _values(thing: dict[str, Any]) -> Iterator[Value]:
    for item in list_of(thing.get("string_list_data")):
        if isinstance(item, dict):
            yield _value("", item, 0)
    for label, item in dict_of(thing.get("string_map_data")).items():
        if isinstance(item, dict):
            yield _value(label, item, 0)
    groups = [0]
    for item in list_of(thing.get("label_values")):
        yield from _labelled(item, groups, 0, 0)


def _labelled(item: Any, groups: list[int], group: int, depth: int) -> Iterator[Value]:
    if not isinstance(item, dict) or depth > MAX_DEPTH:
        return
    if any(name in item for name in ("value", "href", "timestamp_value")):
        yield _value(text_of(item.get("label")), item, group)
    for inner in list_of(item.get("vec")):
        yield from _labelled(inner, groups, group, depth + 1)
    inner_items = list_of(item.get("dict"))
    if inner_items:
        groups[0] += 1
        inner_group = groups[0]
        for inner in inner_items:
            yield from _labelled(inner, groups, inner_group, depth + 1)


def _value(label: str, item: dict[str, Any], group: int) -> Value:
    text, link = text_of(item.get("value")), text_of(item.get("href"))
    if _LINK.fullmatch(text):
        text, link = "", link or text
    moment = milliseconds(item.get("timestamp")) or milliseconds(item.get("timestamp_value"))
    return Value(label, text, link, moment, group)
