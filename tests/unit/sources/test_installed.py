"""Sources that other people ship as packages: found, checked, and refused without harm."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.packages import REGISTRATION, SCHEMA, SOURCE, write_package

from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import registrations
from privateshare.sources.archive_sources import source_of
from privateshare.sources.installed import check_package, read_package


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let this process find the packages of a test, and forget their modules afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("pedometer_package")]:
        del sys.modules[name]


def test_a_package_that_keeps_the_contract_is_accepted(tmp_path: Path) -> None:
    folder = read_package(write_package(tmp_path))
    check_package(folder, registrations())
    assert (folder.name, folder.package, folder.ids) == ("pedometer", "pedometer_package", (20001,))


def changed(kind: str, **fields: Any) -> Mapping[str, Any]:
    """Return the registration with other fields of the only entry of a kind."""
    return {**REGISTRATION, kind: [{**REGISTRATION[kind][0], **fields}]}


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "not JSON": ({"registration": "{"}, "not JSON"),
    "not an object": ({"registration": "[]"}, "must be an object"),
    "an unknown field": ({"registration": {**REGISTRATION, "name": "x"}}, "unknown fields: name"),
    "ids that are texts": ({"registration": {**REGISTRATION, "ids": ["20001"]}}, "ids must be a list of numbers"),
    "no id": ({"registration": {**REGISTRATION, "ids": [], "sources": []}}, "registers no source"),
    "an id without source": ({"registration": {**REGISTRATION, "ids": [20001, 20009]}}, "20009, which is not among"),
    "an id of ours": ({"registration": changed("sources", id=9003)}, "9003 is below 10000"),
    "an id of digi.me": ({"registration": {**REGISTRATION, "ids": [16]}}, "16 is already Spotify"),
    "a reference of another": (
        {"registration": changed("serviceTypes", reference="spotify")},
        "already that of another",
    ),
    "a reference with a space": ({"registration": changed("sources", reference="my steps")}, "reference of sources"),
    "a name of control characters": ({"registration": changed("sources", name="a\nb")}, "name of sources is invalid"),
    "a number as truth": ({"registration": changed("sources", id=True)}, "id of sources is invalid"),
    "no group": ({"registration": changed("sources", groups=[])}, "groups of sources is invalid"),
    "an unknown group": ({"registration": changed("serviceTypes", group=77)}, "no service group 77"),
    "an unknown service": ({"registration": changed("sources", serviceType=20007)}, "no service type 20007"),
    "an unknown country": ({"registration": changed("sources", countries=[7777])}, "countries of the source 20001"),
    "a schema of another": ({"schema": {**SCHEMA, "x-object-type": 1}}, '"x-object-type": 20002'),
    "a schema that is not JSON": ({"schema": "{"}, "stroll.schema.json cannot be read"),
    "an error at import": ({"source": "1 / 0"}, "source cannot be imported: ZeroDivisionError"),
    "an exit at import": ({"source": "raise SystemExit(3)"}, "source cannot be imported: SystemExit"),
    "no syntax": ({"source": "def"}, "source cannot be imported: SyntaxError"),
    "no list": ({"source": "SOURCES = None"}, "cannot be imported: TypeError"),
    "other ids in the code": ({"source": SOURCE.replace("id=20001", "id=20003")}, r"SOURCES has \[20003\]"),
    "another service": ({"source": SOURCE.replace("service_type=20001", "service_type=19")}, "service type is 19"),
    "an unknown type": ({"source": SOURCE.replace("(20002,)", "(20002, 20005)")}, "no object type 20005"),
    "a type of another group": (
        {"source": SOURCE.replace("(20002,)", "(20002, 406)")},
        "406 is of the service group 5, and the source of 4",
    ),
    "no info": ({"source": SOURCE + "del Pedometer.info"}, r"SOURCES has \[None\]"),
    "no way to connect": ({"source": SOURCE.replace("samples=(", "samples=() and (")}, "nobody can connect it"),
    "no fetch": ({"source": SOURCE.replace("def fetch", "def get")}, "no method fetch"),
    "no sign-in": ({"source": SOURCE.replace("samples=(", "signs_in=True, samples=(")}, "no method sign_in"),
    "a description without end": ({"source": SOURCE.replace("person.", "person")}, "ends with a full stop"),
    "another standard": ({"source": SOURCE.replace('"digime"', '"mine"')}, "standard of schema"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_package_with_a_fault_is_refused_with_a_reason(fault: str, tmp_path: Path) -> None:
    changes, reason = REFUSED[fault]
    entry = write_package(tmp_path, **changes)
    with pytest.raises(ValueError, match=reason):
        check_package(read_package(entry), registrations())


def test_a_package_without_registration_is_refused(tmp_path: Path) -> None:
    entry = write_package(tmp_path)
    (tmp_path / "pedometer_package" / "registration.json").unlink()
    with pytest.raises(ValueError, match=r"registration\.json cannot be read: FileNotFoundError"):
        read_package(entry)


def test_an_id_without_a_source_is_named_with_what_to_do() -> None:
    """The author of a folder that needs settings easily lists its id among those of SOURCES."""
    with pytest.raises(ConfigurationError, match=r"sources\.oura: registration\.json has 9023 in ids.*configured"):
        source_of("privateshare.sources.oura", 9023)


PROGRAM = """
import json
from privateshare.cli.sources import find_source
from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import load_settings
from privateshare.sources.contract import Connection
from privateshare.sources.registry import Sources
from privateshare.protocol.catalogue import catalogue
settings = load_settings()
sources = Sources(settings.fhir_servers, settings.sources)
try:
    find_source(sources, "second")
except ConfigurationError as error:
    missing = str(error)
print(json.dumps({
    "missing": missing,
    "names": [sources.listed[id_].name for id_ in sources.connectable if id_ >= 10_000],
    "types": catalogue().object_types[20002].name,
    "goal": sources.connectable[20001].goal,
    "spotify": 16 in sources.connectable,
    "refused": [[package.name, package.distribution, package.reason] for package in sources.refused],
    "shown": repr(settings.sources),
}))
"""


def test_good_packages_work_beside_broken_ones(tmp_path: Path) -> None:
    """A platform with three packages has the good one with its settings, and says what is wrong with the others."""
    write_package(tmp_path, "pedometer")
    write_package(tmp_path, "second")  # It has the ids of the first.
    others = json.dumps(REGISTRATION).replace("2000", "3000").replace("pedometer", "other").replace("stroll", "other")
    write_package(
        tmp_path, "third", registration={**json.loads(others), "objectTypes": []}, source="import no_such_module"
    )
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "privateshare.toml").write_text(
        f'[sources.pedometer]\nclient_id = "abc"\nclient_secret_file = "{tmp_path}/secret"\ngoal = 5\n'
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "PRIVATESHARE_SOURCES_PEDOMETER_GOAL": "7",
        "COVERAGE_PROCESS_START": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["names"], found["types"], found["goal"], found["spotify"]) == (["Pedometer"], "Stroll", 7, True)
    assert [one[:2] for one in found["refused"]] == [["second", "second 1.2"], ["third", "third 1.2"]]
    assert "20001 is already Pedometer" in found["refused"][0][2]
    assert "no_such_module" in found["refused"][1][2]
    assert "the package second is not used: the source 20001 is already Pedometer" in found["missing"]
    assert "hunter2" not in done.stdout + done.stderr


HOSTILE = """

class Replacing(Pedometer):
    info = SourceInfo(
        id=16,
        service_type=19,
        service_group=5,
        object_types=(406,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A walker", "Some steps of an invented person."),),
    )


def configured(settings):
    return [Replacing()]
"""


def test_settings_of_a_package_cannot_replace_a_source_of_others(tmp_path: Path) -> None:
    """What a package makes of its settings has ids of its own, or is left out."""
    write_package(tmp_path, source=SOURCE + HOSTILE)
    (tmp_path / "privateshare.toml").write_text('[sources.pedometer]\nclient_id = "abc"\n')
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COVERAGE_PROCESS_START": ""}
    program = PROGRAM.replace("sources.connectable[20001].goal", "type(sources.connectable[16]).__name__")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["goal"] != "Replacing"
    assert "the source 16, which pedometer does not register" in str(found["refused"])
