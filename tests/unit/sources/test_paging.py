"""Tests of the ways in which APIs divide lists, with what the contract tests of sources do not meet."""

from typing import Any

import httpx2
import pytest

from privateshare.sources.json_api.paging import linked_page, list_at, numbered_page, page_at, token_page
from privateshare.sources.json_api.requests import ApiRequest, Reply


def reply(content: Any = None, request: ApiRequest | None = None, **headers: str) -> Reply:
    return Reply(request or ApiRequest("list", {"limit": 5}), content, httpx2.Headers(headers))


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ('<https://a.example/2>; rel="next"', "https://a.example/2"),
        ('<https://a.example/0>; rel="prev", <https://a.example/2?x=1,2>; rel="next"', "https://a.example/2?x=1,2"),
        ('<https://a.example/2>; title="x"; rel="next"', "https://a.example/2"),
        ('<https://a.example/0>; rel="prev"', None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_next_link_is_found(link: str, address: str | None) -> None:
    following = linked_page(reply(link=link), [])
    assert (following.path if following else None) == address


@pytest.mark.parametrize(("value", "follows"), [("abc", True), (7, True), ("", False), (None, False), (True, False)])
def test_a_token_is_a_text_or_a_number(value: Any, follows: bool) -> None:
    following = token_page("cursor", "meta", "next")(reply({"meta": {"next": value}}), [])
    assert (following == ApiRequest("list", {"limit": 5, "cursor": value})) == follows


@pytest.mark.parametrize("content", [None, 7, [], "x", {"next": 7}, {"next": ""}, {}])
def test_without_an_address_there_is_no_next_page(content: Any) -> None:
    assert page_at("next")(reply(content), []) is None


def test_numbered_pages_end_with_a_short_one() -> None:
    """The number of a form is counted too."""
    following = numbered_page("page", 2)
    assert following(reply(), [1, 2]) == ApiRequest("list", {"limit": 5, "page": 2})
    assert following(reply(request=ApiRequest("list", {"page": 4})), [1, 2]) == ApiRequest("list", {"page": 5})
    assert following(reply(), [1]) is None


@pytest.mark.parametrize("content", [None, {}, {"a": None}, {"a": {}}, 7, "x"])
def test_a_response_without_a_list_is_none(content: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        list_at("a")(content)
