"""Protocol 8.2: what an app may say in the link."""

import json
from urllib.parse import quote

import pytest
from starlette.datastructures import QueryParams

from privateshare.errors import InvalidRequest
from privateshare.platform.consent.link_parameters import LinkParameters, SourcesScope, read_parameters

pytestmark = pytest.mark.protocol("8.2")


def read(query: str) -> LinkParameters:
    return read_parameters(QueryParams(query))


def test_all_parameters_are_read() -> None:
    """Every parameter of 8.2 arrives in its own type."""
    found = read(
        "code=x&service=16&sourceType=push&sampleDataSet=large&sampleDataAutoOnboard=true&lng=de"
        "&includeSampleDataOnlySources=true&storageRef=s&triggerQuery=false&accountRef=a&callback=app://back"
    )
    assert found == LinkParameters(
        service=16,
        source_type="push",
        sample_data_set="large",
        sample_data_auto_onboard=True,
        lng="de",
        include_sample_data_only_sources=True,
        storage_ref="s",
        trigger_query=False,
        account_ref="a",
        callback="app://back",
    )


def test_nothing_has_defaults() -> None:
    """A link with nothing but its code is whole; empty parameters count as missing."""
    assert read("code=x&service=&lng=&state=ignored") == LinkParameters()


@pytest.mark.parametrize("times", [0, 1])
def test_sources_scope_arrives_encoded_once_or_twice(times: int) -> None:
    """Clients encode `sourcesScope` before they build the query, which encodes it once more."""
    text = json.dumps({"dataType": ["a", "b"], "organizationType": "hospital"})
    once_more = quote(text, safe="") if times else text
    expected = SourcesScope(data_type=["a", "b"], organization_type="hospital")
    assert read(f"sourcesScope={quote(once_more, safe='')}").sources_scope == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("service=sixteen", "service"),
        ("sourceType=pall", "sourceType"),
        ("sourcesScope=%7Bbroken", "sourcesScope"),
        ("sourcesScope=" + "[" * 100_000, "sourcesScope"),
        ("sourcesScope=[]", "sourcesScope"),
        ("triggerQuery=perhaps", "triggerQuery"),
    ],
)
def test_nonsense_is_named(query: str, name: str) -> None:
    """A value that makes no sense is refused, and the message names its parameter."""
    with pytest.raises(InvalidRequest, match=name):
        read(query)


def test_rows_keep_them() -> None:
    """What a journey keeps gives the same parameters again."""
    found = read("service=16&triggerQuery=false&sourcesScope=%7B%22dataType%22%3A%5B%22a%22%5D%7D")
    assert LinkParameters.model_validate(json.loads(json.dumps(found.to_row()))) == found
