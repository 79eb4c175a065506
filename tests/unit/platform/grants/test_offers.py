"""Tests of which sources a person is offered for a contract."""

from typing import Any

import pytest

from privateshare.platform.db.tables import ContractRow
from privateshare.platform.grants.contracts import ContractKind
from privateshare.platform.grants.offers import asks_for, offered_sources
from privateshare.protocol.catalogue import ServiceGroup
from privateshare.protocol.contract_document import parse_document
from privateshare.sources.registry import Sources

SPOTIFY, FHIR_FILE = 16, 9001
SOURCES = Sources()


def contract(kind: ContractKind = "read", groups: Any = ()) -> ContractRow:
    return ContractRow(kind=kind, document=parse_document({"dataRequest": {"serviceGroups": list(groups)}}))


def test_without_a_contract_everything_that_can_be_connected_is_offered() -> None:
    """With sample data alone only if that is asked for."""
    every = set(offered_sources(SOURCES, None, samples_only=True))
    own = set(offered_sources(SOURCES, None, samples_only=False))
    assert every == set(SOURCES.connectable)
    assert own == {id_ for id_, source in SOURCES.connectable.items() if source.info.has_own_data}


@pytest.mark.parametrize(
    ("groups", "offered"),
    [
        ([{"id": ServiceGroup.ENTERTAINMENT}], {SPOTIFY}),
        ([{"id": ServiceGroup.MEDICAL}], {FHIR_FILE}),
        ([{"id": ServiceGroup.MEDICAL}, {"id": ServiceGroup.ENTERTAINMENT}], {SPOTIFY, FHIR_FILE}),
        ([{"id": ServiceGroup.ENTERTAINMENT, "serviceTypes": [{"id": 19}]}], {SPOTIFY}),
        ([{"id": ServiceGroup.ENTERTAINMENT, "serviceTypes": [{"id": 999}]}], set()),
        ([{"id": 999}], set()),
        ([], set()),
    ],
)
def test_a_contract_is_offered_what_it_reads(groups: Any, offered: set[int]) -> None:
    """By group, and by service where it names some."""
    found = {id_ for id_ in (SPOTIFY, FHIR_FILE) if asks_for(SOURCES, contract(groups=groups), id_)}
    assert found == offered
    assert found <= set(offered_sources(SOURCES, contract(groups=groups), samples_only=True))


def test_a_contract_that_writes_is_offered_what_accepts_something() -> None:
    """Whatever its document says about reading."""
    writes = contract("write", [{"id": ServiceGroup.ENTERTAINMENT}])
    offered = set(offered_sources(SOURCES, writes, samples_only=True))
    assert offered == {id_ for id_, source in SOURCES.connectable.items() if source.info.takes}
    assert SPOTIFY not in offered
