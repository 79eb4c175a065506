"""The scopes that are requested of a FHIR server, and what is missing in those that it grants."""

import pytest

from privateshare.sources.fhir_server.granted_scopes import MissingType, missing_types
from privateshare.sources.health_provider.discovery import SmartServer
from privateshare.sources.health_provider.scopes import wanted_scope

TYPES = ("Patient", "Observation", "Condition")


def server(*scopes: str, capabilities: tuple[str, ...] = ()) -> SmartServer:
    return SmartServer(
        "https://a.example",
        "4.0.1",
        "https://a.example/a",
        "https://a.example/t",
        scopes=frozenset(scopes),
        capabilities=frozenset(capabilities),
    )


@pytest.mark.parametrize(
    ("named", "capabilities", "data"),
    [
        ((), (), "patient/*.read"),
        ((), ("permission-v1", "permission-v2"), "patient/*.read"),
        ((), ("permission-v2",), "patient/*.rs"),
        (("patient/*.rs", "patient/*.read"), (), "patient/*.rs"),
        (("patient/*.read",), ("permission-v2",), "patient/*.read"),
        (("patient/Observation.rs", "patient/Observation.read", "patient/Slot.rs"), (), "patient/Observation.rs"),
        (("patient/Patient.r", "patient/Observation.c"), (), "patient/Patient.r"),
        (
            ("patient/Observation.rs?category=laboratory", "patient/Patient.read"),
            (),
            "patient/Observation.rs?category=laboratory patient/Patient.read",
        ),
        (("patient/Observation.rs?category=laboratory", "patient/Observation.rs"), (), "patient/Observation.rs"),
        (("openid", "user/*.write"), (), "patient/*.read"),
    ],
)
def test_scopes_are_requested_in_the_form_that_the_server_knows(
    named: tuple[str, ...], capabilities: tuple[str, ...], data: str
) -> None:
    asked = wanted_scope(server(*named, capabilities=capabilities), TYPES)
    assert asked.startswith("launch/patient")
    assert " ".join(scope for scope in asked.split() if scope.startswith("patient/")) == data


def test_only_named_scopes_are_requested_for_the_launch() -> None:
    """A server that names its scopes rejects others. Refresh tokens are requested where they are offered."""
    assert "offline_access" in wanted_scope(server(), TYPES)
    assert "offline_access" in wanted_scope(server("offline_access", "patient/*.rs"), TYPES)
    assert wanted_scope(server("patient/*.rs"), TYPES) == "launch/patient patient/*.rs"


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (None, []),
        ("", []),
        (7, []),
        ("launch/patient patient/*.read", []),
        ("patient/*.rs", []),
        ("patient/*.*", []),
        ("user/*.cruds", []),
        ("patient/Patient.r patient/Observation.rs", [MissingType("Condition")]),
        ("patient/Patient.read patient/Condition.read", [MissingType("Observation")]),
        (
            "patient/Patient.rs patient/Condition.s patient/Observation.rs?category=laboratory",
            [MissingType("Observation", is_partial=True)],
        ),
        ("patient/*.write", [MissingType(kind) for kind in TYPES]),
        ("patient/Observation.r", [MissingType(kind) for kind in TYPES]),
        ("openid", [MissingType(kind) for kind in TYPES]),
        ("patient/*.rs?_security=x", [MissingType(kind, is_partial=True) for kind in TYPES]),
        ("patient/observation.rs system/*.read <script>", [MissingType(kind) for kind in TYPES]),
    ],
)
def test_what_was_not_granted_is_known(granted: object, missing: list[MissingType]) -> None:
    assert [*missing_types(granted, TYPES)] == missing
