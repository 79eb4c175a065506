"""Views of FHIR resources after SQL on FHIR's ViewDefinition."""

from typing import Any

import pytest

from privateshare import ConfigurationError, tables
from privateshare.sdk.tables.table import Table
from tests.unit.sdk.table_files import RECORD, file

PATIENTS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "active": True,
        "birthDate": "1980",
        "name": [{"family": "Žižka", "given": ["Jan", "K."]}, {"use": "nickname", "given": ["Honza"]}],
        "managingOrganization": {"reference": "Organization/o1"},
        "telecom": [{"system": "phone", "value": "1"}],
    },
    {
        "resourceType": "Patient",
        "id": "p2",
        "active": False,
        "contact": [{"telecom": [{"system": "email", "value": "e"}]}],
    },
]


def patients() -> Table:
    """A table of two patients."""
    return tables([file(RECORD, PATIENTS, 1, "ann")])["patient"]


def view(select: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    """The rows of a view of the patients, which are the same as records and in Arrow."""
    rows = patients().view({"resourceType": "ViewDefinition", "resource": "Patient", "select": select, **more})
    assert rows.to_arrow().to_pylist() == rows.to_records()
    return rows.to_records()


def column(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **more}


def test_columns_are_fhirpath() -> None:
    """A value that is absent is empty, and a collection is a list."""
    select = [
        {
            "column": [
                column("id", "getResourceKey()"),
                column("family", "name.first().family"),
                column("given", "name.given", collection=True),
            ]
        }
    ]
    assert view(select) == [
        {"id": "p1", "family": "Žižka", "given": ["Jan", "K.", "Honza"]},
        {"id": "p2", "family": None, "given": []},
    ]


def test_a_dictionary_of_paths_is_a_view() -> None:
    """The short form; `%user` says whose resource it is."""
    rows = patients().view(
        {"id": "id", "organization": "managingOrganization.getReferenceKey(Organization)", "user": "%user"}
    )
    assert rows.to_records() == [
        {"id": "p1", "organization": "o1", "user": "ann"},
        {"id": "p2", "organization": None, "user": "ann"},
    ]


def test_for_each_makes_a_row_of_each_element() -> None:
    """`forEachOrNull` keeps resources without any."""
    names = {"column": [column("given", "given.join(' ')"), column("family", "family")]}
    ids = {"column": [column("id", "id")]}
    assert [row["id"] for row in view([ids, {"forEach": "name", **names}])] == ["p1", "p1"]
    assert view([ids, {"forEachOrNull": "name", **names}])[-1] == {"id": "p2", "given": None, "family": None}
    inner = {"forEach": "name", "select": [{"forEach": "given", "column": [column("given", "$this")]}]}
    assert [row["given"] for row in view([ids, inner])] == ["Jan", "K.", "Honza"]


def test_unions_put_rows_below_each_other() -> None:
    """Phone numbers of patients and e-mails of their contacts."""
    phones = {"forEach": "telecom", "column": [column("value", "value"), column("system", "system")]}
    contacts = {"forEach": "contact.telecom", "column": [column("value", "value"), column("system", "system")]}
    found = view([{"column": [column("id", "id")]}, {"unionAll": [phones, contacts]}])
    assert found == [{"id": "p1", "value": "1", "system": "phone"}, {"id": "p2", "value": "e", "system": "email"}]


def test_where_and_constants_select_resources() -> None:
    """A resource without the element is not selected."""
    select = [{"column": [column("id", "id"), column("word", "%word")]}]
    constants = [{"name": "word", "valueString": "nickname"}]
    where = [{"path": "name.where(use = %word).exists()"}]
    assert view(select, where=where, constant=constants) == [{"id": "p1", "word": "nickname"}]
    assert [row["id"] for row in view(select, where=[{"path": "active"}], constant=constants)] == ["p1"]


def test_repeat_goes_through_all_levels() -> None:
    """Questions inside of questions, and each once."""
    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "item": [{"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}]}, {"linkId": "2"}],
    }
    table = tables([file(RECORD, [form])])["questionnaireresponse"]
    definition = {"select": [{"repeat": ["item", "answer.item"], "column": [column("link", "linkId")]}]}
    assert sorted(row["link"] for row in table.view(definition).records()) == ["1", "1.1", "1.1.1", "2"]


def test_choices_and_numbers_have_their_types() -> None:
    """Also inside of forEach; whole numbers and decimals stay what they are."""
    things = [
        {"resourceType": "Observation", "id": "1", "valueQuantity": {"value": 5.5, "unit": "kg"}},
        {
            "resourceType": "Observation",
            "id": "2",
            "component": [{"valueQuantity": {"value": 120}}, {"valueString": "x"}],
        },
    ]
    table = tables([file(RECORD, things)])["observation"]
    assert [row["v"] for row in table.view({"v": "value.ofType(Quantity).value"}).records()] == [5.5, None]
    each = {
        "forEach": "component",
        "column": [column("v", "value.ofType(Quantity).value"), column("s", "value.ofType(string)")],
    }
    assert table.view({"select": [each]}).to_records() == [{"v": 120, "s": None}, {"v": None, "s": "x"}]


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ({}, "must be a dictionary"),
        ({"a": "name..given"}, "the column a is not FHIRPath"),
        ({"a": "name.given )"}, "the column a is not FHIRPath"),
        ({"a": ""}, "the column a has no path"),
        ({"a": 5}, "the column a has no path"),
        ({"select": []}, "no columns"),
        ({"select": "x"}, "select must be a list"),
        ({"select": [{"column": [{"path": "id"}]}]}, "no name"),
        ({"select": [{"column": [column("a", "id"), column("a", "id")]}]}, "same name"),
        ({"resource": "Observation", "select": [{"column": [column("a", "id")]}]}, "selects from Observation"),
        ({"select": [{"column": [column("a", "id")]}], "where": [{"path": "name.given"}]}, "true or false"),
        ({"a": "name.given"}, "has 3 values in one resource"),
        ({"a": "%unknown"}, "cannot be evaluated"),
        ({"a": "nofunction()"}, "cannot be evaluated"),
        (
            {"select": [{"unionAll": [{"column": [column("a", "id")]}, {"column": [column("b", "id")]}]}]},
            "same columns",
        ),
        ({"select": [{"forEach": "name", "repeat": ["name"], "column": [column("a", "id")]}]}, "one of forEach"),
    ],
)
def test_a_view_that_cannot_be_used_says_why(definition: Any, problem: str) -> None:
    """As one clear error, when it is made or when it is used."""
    with pytest.raises(ConfigurationError, match=problem):
        patients().view(definition).to_records()


def test_tables_choose_the_table_of_a_view() -> None:
    """By the resource that it names."""
    found = tables([file(RECORD, PATIENTS)])
    definition = {"resource": "Patient", "select": [{"column": [column("id", "id")]}]}
    assert [row["id"] for row in found.view(definition).records()] == ["p1", "p2"]
    with pytest.raises(KeyError, match="There are: patient"):
        found.view({"resource": "Observation", "select": []})
