"""Whose health record it is."""

import json
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archives import synthea

from privateshare.sources.contract import Broken
from privateshare.sources.fhir_file.people import UNKNOWN, People, Person

Json = dict[str, Any]


def patient(id_: str | None = "p1", given: str = "Ana", family: str = "Moss", **more: Any) -> Json:
    """A Patient who was born on New Year's Day of 1980, unless `more` says otherwise; None leaves out."""
    told = {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": family, "given": given.split()}],
        "birthDate": "1980-01-01",
    }
    return {name: value for name, value in (told | more).items() if value is not None}


def about(subject: Any, kind: str = "Observation", element: str = "subject", **more: Any) -> Json:
    """A resource about someone."""
    return {"resourceType": kind, element: {"reference": subject} if isinstance(subject, str) else subject} | more


def linked(id_: str, type_: str = "seealso") -> Json:
    return {"link": [{"other": {"reference": f"Patient/{id_}"}, "type": type_}]}


def numbered(value: str, **more: str) -> Json:
    """A number that a country gives to each of its people."""
    return {"system": "http://hl7.org/fhir/sid/us-ssn", "value": value} | more


def person(resources: Sequence[Any]) -> Person:
    """Whose record it is; a pair is a resource with its fullUrl."""
    people = People()
    for resource in resources:
        people.add_resource(*(resource if isinstance(resource, tuple) else (resource,)))
    return people.person()


A, B = "https://a.example/fhir", "https://b.example/fhir"
BO = patient("p2", "Bo", "Other")

ONE_PERSON: dict[str, list[Any]] = {
    "nothing": [],
    "a patient alone": [patient()],
    "a patient without an id": [patient(None), about("Patient/p1"), about("Patient/p1", "Condition")],
    "a patient without an id, in a Bundle": [(patient(None), "urn:uuid:0"), about("urn:uuid:0"), about("Patient/p1")],
    "the same patient twice": [patient(), patient()],
    "values of a person who is not there": [
        about("Patient/p1"),
        about("Patient/p1/_history/2", "Condition", "patient"),
    ],
    "a reference by address": [patient(), about(f"{A}/Patient/p1"), about("Patient/p1"), about("urn:uuid:P1")],
    "a reference as a path": [patient(), about("/Patient/p1"), about("./Patient/p1")],
    "a reference of an entry": [(patient(), f"{A}/Patient/p1"), (about("Patient/p1"), f"{A}/Observation/1")],
    "two hospitals": [patient("e1a"), patient("77"), about("Patient/e1a"), about("Patient/77")],
    "two hospitals, without ids": [patient(None), patient(None, gender="female")],
    "another order of names": [patient(name=[{"text": "Moss, Ana"}]), patient("77", name=[{"text": "Ana Moss"}])],
    "a title, an accent, capitals": [patient("1", "Dr. Ána", "MOSS"), patient("2", "ana", "Moss")],
    "a second name that one leaves out": [patient("1", "Ana Maria"), patient("2", "Ana M."), patient("3", "Ana")],
    "a maiden name, with both names": [
        patient("1", "Ana", "Abel"),
        patient(
            "2", name=[{"family": "Moss", "given": ["Ana"]}, {"family": "Abel", "given": ["Ana"], "use": "maiden"}]
        ),
    ],
    "a date of birth in another form": [patient("1"), patient("2", birthDate="1980-1-1")],
    **{
        f"a new name, linked by {type_}": [
            patient("1", "Ana", "Abel", birthDate=None),
            patient("2", **linked("1", type_)),
        ]
        for type_ in ("replaces", "replaced-by", "refer", "seealso")
    },
    "a new name, linked from the old one": [patient("1", "Ana", "Abel", **linked("2", "replaced-by")), patient("2")],
    "two that are linked to a third": [patient("1", "Ana", "Abel", **linked("9")), patient("2", **linked("9"))],
    "values of a Patient that was replaced": [patient("2", **linked("1", "replaces")), about("Patient/1")],
    "a link by fullUrl": [
        (patient("1", "Ana", "Abel"), "urn:uuid:7"),
        patient("2", link=[{"other": {"reference": "urn:uuid:7"}, "type": "seealso"}]),
    ],
    "a Person who is both": [
        patient("1", "Ana", "Abel"),
        patient("2"),
        {"resourceType": "Person", "link": [{"target": {"reference": f"Patient/{n}"}} for n in (1, 2)]},
    ],
    "a Linkage": [
        patient("1", "Ana", "Abel"),
        patient("2"),
        {"resourceType": "Linkage", "item": [{"resource": {"reference": f"Patient/{n}"}} for n in (1, 2)]},
    ],
    "a new name in a later version": [
        patient("1", "Ana", "Abel", meta={"versionId": "1"}),
        patient("1", meta={"versionId": "2"}),
    ],
    "a birth date that was corrected": [
        patient("1", meta={"versionId": "1"}, birthDate="1980-10-01"),
        patient("1", meta={"versionId": "2"}),
    ],
    "a Patient that says nothing but its id": [patient(), {"resourceType": "Patient", "id": "p1"}],
    "the same identifier": [
        patient(str(n), "Ana", family, identifier=[{"system": "urn:oid:1.2.3", "value": "12 34"}])
        for n, family in enumerate(("Abel", "Moss"))
    ],
    "the same identifier, and another patient's old one": [
        patient("1", identifier=[numbered("1"), numbered("2", use="old")]),
        patient("2", identifier=[numbered("1")]),
    ],
    "a number of which digits are hidden": [
        patient("1", identifier=[numbered("***-**-6780")]),
        patient("2", identifier=[numbered("345-45-6780")]),
        patient("3", identifier=[numbered("xxx-xx-6780")]),
    ],
    "letters that a program lacks": [
        patient(n, given, family)
        for n, given, family in (("1", "Jürgen", "Müller"), ("2", "Juergen", "Mueller"), ("3", "Jurgen", "MULLER"))
    ],
    "letters of the north": [patient("1", "Søren", "Ågård"), patient("2", "Soren", "Aagaard")],
    "a letter with a stroke": [patient("1", "Łukasz"), patient("2", "Lukasz")],
    "an apostrophe": [
        patient("1", "Ana", "O'Neill"),
        patient("2", "Ana", "O\u2019Neill"),
        patient("3", "Ana", "ONeill"),
    ],
    "a particle": [patient("1", "Ana", "van der Moss"), patient("2")],
    "a time of birth": [patient("1", birthDate="1980-01-01T00:30:00+02:00"), patient("2")],
    "a link by identifier": [
        patient("1", "Ana", "Abel", birthDate=None, identifier=[{"system": "urn:x", "value": "9"}]),
        patient("2", link=[{"other": {"identifier": {"system": "urn:x", "value": "9"}}, "type": "seealso"}]),
    ],
    "a link that names the other only": [
        patient("1", "Ana", "Abel", birthDate=None),
        patient("2", link=[{"other": "Patient/1", "type": "seealso"}]),
    ],
    "a chain of links": [
        patient("1", "Ana", "Abel", birthDate=None),
        patient("2", "Ana", "Brown", birthDate=None, **linked("1")),
        patient("3", "Ann", "Clark", birthDate=None, **linked("2", "replaces")),
        patient("4", **linked("3", "refer")),
    ],
    "a contained Patient": [patient(), about("#p", contained=[patient("p", birthDate=None)])],
    "only contained Patients": [
        about("#p", contained=[patient("p")]),
        about("#x", contained=[patient("x", gender="male")]),
    ],
    "subjects that are no people": [
        patient(),
        about("Group/1"),
        about("Device/9", "Observation"),
        about("urn:uuid:dead", "Observation"),
        ({"resourceType": "Device", "id": "9"}, "urn:uuid:DEAD"),
        about({"reference": "Location/1"}),
    ],
    "a relative": [
        patient(),
        {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p1"}, "name": [{"family": "Other"}]},
        {
            "resourceType": "Coverage",
            "beneficiary": {"reference": "Patient/p1"},
            "subscriber": {"reference": "Patient/p2"},
        },
        about("Patient/p1", focus=[{"reference": "Patient/baby"}], performer=[{"reference": "Patient/p2"}]),
    ],
    "an identifier in a reference": [
        patient(identifier=[{"system": "urn:x", "value": "12 34-5"}]),
        about({"identifier": {"system": "urn:x", "value": "12345"}, "type": "Patient"}),
    ],
    "nothing but a name": [patient(), about({"display": "Moss, Ana (1980)"})],
    "an appointment": [
        patient(),
        {
            "resourceType": "Appointment",
            "participant": [{"actor": {"reference": "Practitioner/p2"}}, {"actor": {"reference": "Patient/p1"}}, {}],
        },
    ],
    "odd content": [
        patient(name="Ana", birthDate=["1980"], link="x", identifier=7, gender={}, multipleBirthInteger=True),
        about(None),
        about({"reference": 5, "display": 7, "identifier": []}),
        {"resourceType": "Observation", "subject": ["", {}, None, 5], "contained": "x", "participant": [5]},
        {"resourceType": "Person", "link": [None, {"target": "x"}, {"target": {"reference": "Patient/p1"}}]},
    ],
}

SEVERAL_PEOPLE: dict[str, list[Any]] = {
    "two people": [patient(), BO],
    "two people without ids": [patient(None), patient(None, "Bo", "Other")],
    "two people without ids, in a Bundle": [
        (patient(None), "urn:uuid:0"),
        (patient(None, "Bo", "Other"), "urn:uuid:1"),
        about("Patient/p1"),
    ],
    "two people of one id": [patient("1"), patient("1", "Bo", "Other")],
    "two people of one id, born on other days": [patient("1"), patient("1", birthDate="1990-05-05")],
    "two people of one id, in versions": [
        patient("1", meta={"versionId": "1"}),
        patient("1", "Bo", "Other", birthDate="1990-05-05", meta={"versionId": "2"}),
    ],
    "the same name, born on other days": [patient("1"), patient("2", birthDate="1980-01-02")],
    "the same name, one without a birth date": [patient("1"), patient("2", birthDate=None)],
    "the same name, without birth dates": [patient("1", birthDate=None), patient("2", birthDate=None)],
    "the same name, only the year of birth": [patient("1", birthDate="1980"), patient("2", birthDate="1980")],
    "the same name, unreadable birth dates": [patient("1", birthDate="soon"), patient("2", birthDate="soon")],
    "nobody and nobody": [{"resourceType": "Patient", "id": "1"}, {"resourceType": "Patient", "id": "2"}],
    "twins": [patient("1", "Ana"), patient("2", "Anna")],
    "twins with one more name": [patient("1", "Ana", multipleBirthBoolean=True), patient("2", "Ana Maria")],
    "twins by number": [patient("1", multipleBirthInteger=1), patient("2", multipleBirthInteger=2)],
    "twins of other sexes": [patient("1", "Kim", gender="male"), patient("2", "Kim", gender="female")],
    "twins whose first names are the same": [patient("1", "Maria Ana"), patient("2", "Maria Eva")],
    "a family name alone": [patient(n, name=[{"family": "Moss"}]) for n in "12"],
    "father and son": [
        patient(n, name=[{"family": "M", "given": ["A"], "suffix": [s]}]) for n, s in (("1", "Jr"), ("2", "Sr"))
    ],
    "other numbers of the same country": [
        patient(n, identifier=[{"system": "http://hl7.org/fhir/sid/us-ssn", "value": n}]) for n in "12"
    ],
    "other national numbers by type": [
        patient(n, identifier=[{"system": "urn:y", "value": n, "type": {"coding": [{"code": "NI"}]}}]) for n in "12"
    ],
    "hidden digits beside others": [
        patient("1", identifier=[numbered("xxx-xx-6780")]),
        patient("2", identifier=[numbered("345-45-6781")]),
    ],
    "hidden digits, and other names": [
        patient(n, given, birthDate=None, identifier=[numbered("xxx-xx-6780")])
        for n, given in (("1", "Ana"), ("2", "Bo"))
    ],
    "two of one insurance number": [
        patient(n, given, birthDate=None, identifier=[{"system": "urn:policy", "value": "77"}])
        for n, given in (("1", "Ana"), ("2", "Bo"))
    ],
    "twins of one insurance number": [
        patient(n, given, identifier=[{"system": "urn:policy", "value": "77"}])
        for n, given in (("1", "Ana"), ("2", "Bo"))
    ],
    **{
        f"an identifier that is none: {value}": [
            patient(n, "Ana", family, birthDate=None, identifier=[{"system": "urn:x", "value": value}])
            for n, family in (("1", "Abel"), ("2", "Moss"))
        ]
        for value in ("unknown", "N/A", "0", "000-00-0000", "999999999", "123456789")
    },
    "other sexes of one id, one without a name": [
        patient("1", gender="female"),
        {"resourceType": "Patient", "id": "1", "gender": "male"},
    ],
    "to whom something is delivered": [patient(), about("Patient/p2", "SupplyRequest", "deliverFor")],
    "linked, and born on other days": [
        patient("1", "Bo", "Other", birthDate="1990-05-05"),
        patient("2", **linked("1")),
    ],
    "linked to another": [patient("1", "Bo", "Other"), patient("2", **linked("3"))],
    "a third beside two that are linked": [
        patient("1", "Ana", "Abel"),
        patient("2", **linked("1")),
        patient("3", "Bo"),
    ],
    "other subjects, nobody there": [about("Patient/p1"), about("Patient/p2")],
    "other subjects of one id on two servers": [about(f"{A}/Patient/1"), about("Patient/1"), about(f"{B}/Patient/1")],
    "other subjects by entry": [(about("Patient/1"), f"{A}/Observation/1"), (about("Patient/1"), f"{B}/Observation/1")],
    "a subject who is not there": [patient(), about("Patient/p1"), about("Patient/p2")],
    "nothing but a subject who is not there": [patient(), about("Patient/p2")],
    "two subjects for a Patient without id": [patient(None), about("Patient/p1"), about("Patient/p2")],
    "a subject of another server": [(patient("1"), f"{A}/Patient/1"), about(f"{B}/Patient/1")],
    "a subject by a URN that is not there": [patient(), about("urn:uuid:1234")],
    "other subjects in other elements": [
        about("Patient/p1"),
        about("Patient/p2", "Claim", "patient"),
    ],
    "subjects that are no objects": [{"resourceType": "Observation", "subject": f"Patient/{n}"} for n in "12"],
    "a list of subjects": [{"resourceType": "Account", "subject": [{"reference": f"Patient/{n}"} for n in "12"]}],
    "a subject by identifier": [patient(), about({"identifier": {"system": "urn:x", "value": "1"}})],
    "other identifiers": [about({"identifier": {"system": "urn:x", "value": n}}) for n in "12"],
    "an identifier and an id": [about("Patient/p1"), about({"identifier": {"system": "urn:x", "value": "1"}})],
    "nothing but another name": [patient(None), about({"display": "Other, Bo"})],
    "nothing but other names": [about({"display": "Ana Moss"}), about({"display": "Bo Other"})],
    "a contained stranger": [patient(), about("#p", contained=[patient("p", "Bo", "Other", birthDate=None)])],
    "a contained nobody": [patient(), about("#p", contained=[{"resourceType": "Patient", "id": "p"}])],
    "contained strangers": [about("#p", contained=[patient("p", name)]) for name in ("Ana", "Bo")],
    "a contained resource about another": [
        patient(),
        about("Patient/p1", contained=[about("Patient/p2", "Specimen")]),
    ],
    "mother and child": [patient("m", **linked("c")), patient("c", "Lea", birthDate="2020-02-02")],
    "a mother with her child's values": [patient("m"), about("Patient/m"), about("Patient/c")],
    "a mother who is another's relative": [
        patient("m", link=[{"other": {"reference": "RelatedPerson/r"}, "type": "seealso"}]),
        {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/c"}},
    ],
    "an appointment of two": [
        {"resourceType": "Appointment", "participant": [{"actor": {"reference": f"Patient/{n}"}} for n in "12"]}
    ],
}


def orders(resources: Sequence[Any]) -> list[Sequence[Any]]:
    """The resources in every order, if they are not too many."""
    return list(permutations(resources)) if len(resources) < 5 else [resources, resources[::-1]]


@pytest.mark.parametrize("name", ONE_PERSON)
def test_a_record_of_one_person_is_accepted(name: str) -> None:
    """In any order of the resources, and always as the same account."""
    assert len({person(resources).account_id for resources in orders(ONE_PERSON[name])}) == 1


@pytest.mark.parametrize("name", SEVERAL_PEOPLE)
def test_a_record_that_may_be_about_several_people_is_rejected(name: str) -> None:
    """In any order of the resources."""
    for resources in orders(SEVERAL_PEOPLE[name]):
        with pytest.raises(Broken, match="records of several people"):
            person(resources)


def test_an_account_does_not_depend_on_the_hospitals_in_the_file() -> None:
    """It is identified by name and date of birth if they are known, so a further hospital creates no second account."""
    one, two = patient("e1a", "Ana Maria"), patient("77", "Ana M.", gender="female")
    accounts = {person(resources).account_id for resources in ([one], [two], [one, two], [two, one], [patient(None)])}
    assert len(accounts) == 1
    assert accounts.isdisjoint(person([other]).account_id for other in (BO, patient(birthDate="1980-01-02")))
    assert person([patient("1", "Ana", "Abel", **linked("2", "replaced-by")), patient("2")]).account_id in accounts


def test_two_people_with_one_id_have_two_accounts() -> None:
    """Each hospital numbers its own patients."""
    assert person([patient("1")]).account_id != person([patient("1", "Bo", "Other")]).account_id


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([], Person(UNKNOWN, "Health record")),
        ([patient("p1", birthDate=None)], Person("p1", "Ana Moss")),
        ([patient("p1", name=None)], Person("p1", "Health record")),
        ([(patient(None, birthDate=None), "urn:uuid:0")], Person(UNKNOWN, "Ana Moss")),
        ([patient(None, birthDate=None), about("Patient/p1")], Person("p1", "Ana Moss")),
        ([about("Patient/p1")], Person("p1", "Health record")),
        ([about({"display": "Ana Moss"})], Person(UNKNOWN, "Health record")),
    ],
)
def test_without_name_and_birth_date_the_patients_id_identifies_the_account(
    resources: list[Any], expected: Person
) -> None:
    """Or the id to which other resources refer."""
    assert person(resources) == expected


def test_the_current_name_is_used() -> None:
    """Not that of a Patient that was replaced."""
    assert person([patient("1", "Ana", "Abel", **linked("2", "replaced-by")), patient("2")]).name == "Ana Moss"
    assert person([patient("1", name=None), patient("1")]).name == "Ana Moss"


def test_real_records_are_of_one_person() -> None:
    """Those of an independent generator, with and without the addresses of their entries."""
    for number in (1, 2):
        entries = json.loads(synthea(number))["entry"]
        with_urls = person([(entry["resource"], entry["fullUrl"]) for entry in entries])
        assert with_urls == person([entry["resource"] for entry in entries])
        assert with_urls.name != "Health record"


@pytest.mark.parametrize("make", [lambda n: about(f"Patient/{n}"), lambda n: patient(str(n), f"N{n}", **linked("x"))])
def test_memory_is_limited(make: Callable[[int], Json]) -> None:
    """A record of very many people is rejected before it fills the memory."""
    people = People()

    def see_many() -> None:
        for number in range(1000):
            people.add_resource(make(number))

    with pytest.raises(Broken, match="several people"):
        see_many()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "Patient/1", "#p", "urn:uuid:1", "http://[", "Ana"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["reference", "display", "identifier", "system", "value", "other", "target", "family", "given"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"resourceType": st.sampled_from(["Patient", "Person", "Linkage", "Observation", "Appointment", "Device"])},
            optional=dict.fromkeys(
                ["id", "subject", "patient", "name", "link", "item", "identifier", "contained", "participant", "meta"],
                values,
            ),
        ),
        max_size=4,
    ),
    values,
)
def test_any_resources_are_accepted_or_rejected(resources: list[Json], full_url: Any) -> None:
    """No structure of resources raises another error."""
    people = People()
    try:
        for resource in resources:
            people.add_resource(resource, full_url)
        assert people.person().account_id
    except Broken:
        pass
