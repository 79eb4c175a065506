"""The annotations of the public API can be resolved at run time, as tools that read them do."""

import builtins
import inspect
import re
import subprocess
import sys
import typing
from importlib import import_module

import pytest

import privateshare
from privateshare import AsyncPrivateShare, File, PrivateShare, Session, User
from privateshare.sdk.concurrency import on_asyncio, on_threads

PUBLIC_NAMES: list[str] = import_module("privateshare").__all__
CLASSES = [name for name in PUBLIC_NAMES if inspect.isclass(getattr(privateshare, name))]


@pytest.mark.parametrize("name", CLASSES)
def test_the_type_hints_of_every_public_method_are_resolved(name: str) -> None:
    """No name is there for type checkers only."""
    kind = getattr(privateshare, name)
    typing.get_type_hints(kind)
    for member in dir(kind):
        value = inspect.getattr_static(kind, member)
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and function.__module__.startswith("privateshare."):
            hints = typing.get_type_hints(function)
            assert member.startswith("_") or "return" in hints, f"{name}.{member}"


def test_type_hints_are_the_types_themselves() -> None:
    """Of both clients, and of what is imported lazily."""
    assert typing.get_type_hints(PrivateShare.read_session)["return"] is Session
    assert typing.get_type_hints(AsyncPrivateShare.read_file)["return"] is File
    assert typing.get_type_hints(PrivateShare.user)["return"] is User
    assert typing.get_type_hints(PrivateShare.read_all_files)["return"] is privateshare.Reading


def test_type_hints_are_resolved_before_a_client_is_made() -> None:
    """In a fresh process."""
    script = "import typing; from privateshare import PrivateShare as P; print(typing.get_type_hints(P.read_file))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "files.file.File" in done.stdout


def signatures(kind: type) -> dict[str, list[tuple[str, object]]]:
    """Return the parameters and defaults of each public method."""
    members = {name: value for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    return {
        name: [(parameter.name, parameter.default) for parameter in inspect.signature(value).parameters.values()]
        for name, value in members.items()
    }


def test_every_call_documents_its_arguments_and_its_result() -> None:
    """An editor shows for each what it means, in which unit."""
    for name, parameters in signatures(PrivateShare).items():
        text, call = inspect.getdoc(getattr(PrivateShare, name)) or "", getattr(PrivateShare, name)
        missing = [argument for argument, _ in parameters[1:] if f"    {argument}: " not in text]
        assert not missing, f"{name}: {missing}"
        has_result = typing.get_type_hints(call)["return"] is not type(None)
        assert has_result == ("Returns:" in text), name


def test_both_clients_have_the_same_calls_and_documentation() -> None:
    """They are made from one source."""
    assert signatures(PrivateShare) == signatures(AsyncPrivateShare)
    for name in signatures(PrivateShare):
        document = getattr(PrivateShare, name).__doc__
        assert document
        assert name in ("close", "read_return") or "Protocol " in document or name == "user", name
        assert "Async" not in document
        assert ("Args:" in document) == ("Args:" in getattr(AsyncPrivateShare, name).__doc__)
        assert ("Raises:" in document) == ("Raises:" in getattr(AsyncPrivateShare, name).__doc__)


def test_what_differs_between_asyncio_and_threads_has_the_same_names() -> None:
    """The generator replaces one module by the other."""

    def offered(module: object) -> set[str]:
        return {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}  # type: ignore[attr-defined]

    assert {name for name in offered(on_threads) if not name.startswith("_")} == {
        name for name in offered(on_asyncio) if not name.startswith("_") and name != "finished"
    }


@pytest.mark.parametrize("kind", [PrivateShare, AsyncPrivateShare, privateshare.Reading, privateshare.AsyncReading])
def test_the_errors_in_docstrings_are_errors_of_the_sdk(kind: type) -> None:
    """Each can be imported from `privateshare`, or is a builtin."""
    count = 0
    for name in dir(kind):
        document = inspect.getdoc(getattr(kind, name)) or ""
        section = document.partition("\nRaises:\n")[2].partition("\n\n")[0]
        for error in re.findall(r"^ {4}(\w+): ", section, re.MULTILINE):
            found = getattr(privateshare, error, None) or getattr(builtins, error)
            assert issubclass(found, Exception), f"{name}: {error}"
            count += 1
    assert count > 5


@pytest.mark.parametrize("kind", [PrivateShare, AsyncPrivateShare])
def test_every_parameter_is_documented(kind: type) -> None:
    """In the section Args, in the order of the signature."""
    for name, parameters in signatures(kind).items():
        section = (inspect.getdoc(getattr(kind, name)) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
        documented = re.findall(r"^ {4}(\w+): ", section, re.MULTILINE)
        assert documented == [parameter for parameter, _ in parameters if parameter != "self"], name
