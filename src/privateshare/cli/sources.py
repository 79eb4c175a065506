"""`privateshare source …`: the sources of this installation, and the tools of people who write one."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.provider_lists import tree as provider_lists
from privateshare.errors import ConfigurationError, PrivateShareError, printable

if TYPE_CHECKING:
    from privateshare.protocol.registrations import Registration
    from privateshare.sources.contract import Connection, Source
    from privateshare.sources.registry import Sources
    from privateshare.sources.trial import Trial

tree = typer.Typer(help="The sources of this installation, and tools to write one.", no_args_is_help=True)
tree.add_typer(provider_lists, name="brands")

Name = Annotated[str, typer.Argument(help="The source: its id, name or reference, or its folder, such as spotify.")]
CALLBACK = "http://127.0.0.1:8790/apps/saas/connected"


@tree.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """List the sources that people can connect, with their routes and object types."""
    from privateshare.protocol.catalogue import catalogue
    from privateshare.sources.installed import installed_packages

    sources, rows = _sources(), []
    for id_, source in sorted(sources.connectable.items()):
        rows.append(
            {
                "id": id_,
                "reference": sources.listed[id_].reference,
                "name": sources.listed[id_].name,
                "group": catalogue().service_groups[source.info.service_group].reference,
                "routes": [*_routes(source)] if as_json else ", ".join(_routes(source)),
                "types": [*source.info.object_types] if as_json else _ranges(source),
                "from": _origin(id_),
            }
        )
    show_table(rows, as_json)
    for refused in sources.refused:
        typer.echo(f"not used: {refused.name} ({refused.distribution}): {refused.reason}", err=True)
    for folder in installed_packages().accepted:
        if not _ids_of(folder) & sources.connectable.keys():
            typer.echo(f"needs settings: {folder.name}: {_what_is_missing(min(_ids_of(folder)))}", err=True)


@tree.command("show")
def show_source(name: Name, as_json: AsJson = False) -> None:
    """Show a source: how to connect it, its types, its samples, and its settings, without their values."""
    from privateshare.protocol.catalogue import catalogue

    sources = _sources()
    source = find_source(sources, name)
    info, types = source.info, catalogue().object_types
    facts: dict[str, Any] = {
        "id": info.id,
        "name": sources.listed[info.id].name,
        "reference": sources.listed[info.id].reference,
        "service_type": info.service_type,
        "group": catalogue().service_groups[info.service_group].name,
        "from": _origin(info.id),
        "routes": [*_routes(source)],
        "asks": [{"name": asked.name, "label": asked.label, "hint": asked.hint} for asked in info.asks],
        "types": [{"id": int(kind), "name": types[kind].name} for kind in info.object_types],
        "samples": [{"id": sample.id, "name": sample.name} for sample in info.samples],
        "files": info.upload.accept.split(",") if info.upload else [],
        "steps": [*info.upload.instructions] if info.upload else [],
        "settings": [*_settings_of(info.id)],
    }
    show(facts, as_json)
    if not as_json and not info.signs_in and any(setting["required"] for setting in facts["settings"]):
        typer.echo(
            f"People can sign in too, once [{facts['settings'][0]['table']}] is in the settings of the platform."
        )


@tree.command("test")
def try_one(
    name: Name,
    file: Annotated[list[Path] | None, typer.Option(help="An export; can be given several times.")] = None,
    sample: Annotated[str | None, typer.Option(help="The id of a sample. [default: all]", show_default=False)] = None,
    live: Annotated[bool, typer.Option(help="Sign in at the source with its settings, such as the client id.")] = False,
    callback: Annotated[
        str, typer.Option(help="The redirect address that is registered there, for --live.")
    ] = CALLBACK,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="A server of this machine, such as http://127.0.0.1:8000, in place of all of the provider's, for "
            "--live. The client id and secret are sent there.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a source as the platform would use it, and report what was found and what is wrong.

    Everything is read twice: nothing may be there twice. Nothing is stored. Ends with status 1 if anything is wrong.
    """
    source = find_source(_sources(), name)
    if base_url is not None and not live:
        raise ConfigurationError("--base-url is for trials with --live", hint="Add --live, or leave it out")
    with ExitStack() as stack:
        if live:
            reports = [_try_live(source, callback, base_url)]
        elif file:
            reports = [_try_file(source, path, stack) for path in file]
        else:
            chosen = [one.id for one in source.info.samples if sample in (None, one.id)]
            if not chosen:
                there = ", ".join(one.id for one in source.info.samples)
                hint = f"There are: {there}" if there else "Give a file with --file"
                raise ConfigurationError("this source has no such sample", hint=hint)
            reports = [_try_sample(source, id_) for id_ in chosen]
    if as_json:
        show_table(reports, as_json)
    else:
        for report in reports:
            show(report, as_json)
            typer.echo("This needs to be mended.\n" if report["faults"] else "Nothing is wrong.\n")
    if any(report["faults"] for report in reports):
        raise typer.Exit(1)


@tree.command("new")
def new_source(
    name: Annotated[str, typer.Argument(help="The name of the source in code, such as my_pedometer.")],
    into: Annotated[Path | None, typer.Option(help="The folder of the package. [default: privateshare-NAME]")] = None,
    title: Annotated[str | None, typer.Option(help="The name that people see. [default: made of NAME]")] = None,
    kind: Annotated[
        str, typer.Option(help="Where its data comes from: json or csv, which are exports, or sign-in (OAuth 2).")
    ] = "json",
    as_json: AsJson = False,
) -> None:
    """Lay out a package with a source, as a beginning for a real one. Its tests pass."""
    from privateshare.sources.new_package import write_package

    folder = into or Path(f"privateshare-{name.replace('_', '-')}")
    written = write_package(name, folder, title, kind)
    show({"folder": str(folder), "files": [str(path.relative_to(folder)) for path in written]}, as_json)
    if not as_json:
        typer.echo(f"Next: cd {folder} && pip install -e '.[test]' && pytest")


def _sources() -> "Sources":
    from privateshare.platform.operating.settings import load_settings
    from privateshare.sources.registry import Sources

    settings = load_settings()
    return Sources(settings.fhir_servers, settings.sources)


def find_source(sources: "Sources", name: str) -> "Source":
    """Return the source that a person at the command line means.

    Raises:
        ConfigurationError: There is none, or it is not used, or its settings are missing; the text says which.
    """
    wanted = name.casefold()
    meant = [id_ for id_ in sources.listed if wanted in _names_of(id_, sources)]
    for id_ in meant:
        if id_ in sources.connectable:
            return sources.connectable[id_]
    refused = next((one for one in sources.refused if wanted in (one.name, one.name.replace("_", ""))), None)
    if refused is not None:
        raise ConfigurationError(
            f"the package {refused.name} is not used: {refused.reason}", hint="Correct it, and try again"
        )
    missing = next(filter(None, map(_what_is_missing, meant)), "")
    if missing:
        raise ConfigurationError(
            f"nobody can connect {printable(name)} here yet, because its settings are missing", hint=missing
        )
    known = {text for id_ in sources.connectable for text in (sources.listed[id_].reference, sources.listed[id_].name)}
    close = get_close_matches(name, sorted(known), n=1)
    hint = f"Did you mean {close[0]}?" if close else "List them with: privateshare source list"
    raise ConfigurationError(f"there is no source {printable(name)}", hint=hint)


def _what_is_missing(id_: int) -> str:
    """Return which setting must be set before anybody can connect a source; empty if none is required."""
    for option in _settings_of(id_):
        if option["required"]:
            variable = f"PRIVATESHARE_{option['table'].replace('.', '_')}_{option['option']}".upper()
            return f"Set {option['option']} in [{option['table']}] of the file of settings, or {variable}"
    return ""


def _names_of(id_: int, sources: "Sources") -> Iterator[str]:
    """Yield what a source is called: its id, reference, name, and the name of its folder if that has no other."""
    from privateshare.protocol.catalogue import registrations

    listed = sources.listed[id_]
    yield from (str(id_), listed.reference, listed.name.casefold())
    yield from (folder.name for folder in registrations() if _ids_of(folder) == {id_})


def _ids_of(folder: "Registration") -> set[int]:
    return {*folder.ids, *(entry["id"] for entry in folder.sources)}


def _routes(source: "Source") -> Iterator[str]:
    if source.info.upload is not None:
        yield "file"
    if source.info.signs_in:
        yield "sign-in"
    elif source.info.asks:
        yield "password"
    if source.info.samples:
        yield "sample"


def _ranges(source: "Source") -> str:
    """Return the object types in order, with three or more in a row as a range: `1, 2, 127 to 138`."""
    kinds = sorted({int(kind) for kind in source.info.object_types})
    runs = [[kind for _, kind in run] for _, run in groupby(enumerate(kinds), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _origin(id_: int) -> str:
    from privateshare.sources.installed import installed_packages

    own = (folder for folder in installed_packages().accepted if id_ in _ids_of(folder))
    return next((f"package {folder.package}" for folder in own), "privateshare")


def _settings_of(id_: int) -> Iterator[dict[str, Any]]:
    from privateshare.sources.configuration import settings_of_source

    for name, model in settings_of_source(id_):
        for field, about in model.model_fields.items():
            yield {
                "table": f"sources.{name}",
                "option": field,
                "required": about.is_required(),
                "meaning": about.description or "",
            }


def _try_sample(source: "Source", sample: str) -> dict[str, Any]:
    from privateshare.cli.live_trial import explained_failures
    from privateshare.sources.contract import Connection

    with explained_failures(source):
        return {"sample": sample, **_tried(source, lambda: Connection(sample=sample))}


def _try_file(source: "Source", path: Path, stack: ExitStack) -> dict[str, Any]:
    from privateshare.sources.contract import Broken, Connection

    opened = stack.enter_context(path.open("rb"))
    facts: dict[str, Any] = {"file": str(path), "recognised": _recognised(opened)}
    try:
        return facts | _tried(source, lambda: Connection(archive=opened))
    except Broken as error:
        left_out = [*_left_out(error.left_out)] if error.left_out is not None else []
        return facts | {"left_out": left_out, "faults": [f"the file is refused: {error}"]}


def _recognised(archive: BinaryIO) -> list[str]:
    """Say as what a file would be recognised if a person uploaded it without saying what it is."""
    from privateshare.sources.contract import Broken
    from privateshare.sources.recognition import recognise

    sources = _sources()
    uploads = {id_: one.info.upload for id_, one in sources.connectable.items()}
    try:
        found = recognise(archive, {id_: upload.marks for id_, upload in uploads.items() if upload is not None})
    except Broken as error:
        return [str(error)]
    return [
        f"{sources.listed[id_].name}: {number} {'file' if number == 1 else 'files'}"
        for id_, number in found.files.items()
    ]


def _tried(
    source: "Source", connect: Callable[[], "Connection"], progress: Callable[[int], object] = lambda _: None
) -> dict[str, Any]:
    """Try a source, and report an error that no source may raise as a fault of it."""
    from privateshare.sources.contract import SourceFailure
    from privateshare.sources.trial import try_source, unexpected_error

    try:
        return _report(try_source(source, connect, progress))
    except (SourceFailure, PrivateShareError):
        raise
    except Exception as error:  # noqa: BLE001 - It is the source's code, and may raise anything.
        return {"faults": [unexpected_error(source, error)]}


def _report(trial: "Trial") -> dict[str, Any]:
    from privateshare.protocol.catalogue import catalogue

    return {
        "account": trial.identity.display_name,
        "named": trial.identity.named,
        "objects": [
            {
                "type": int(report.object_type),
                "name": catalogue().object_types[report.object_type].name,
                "objects": report.objects,
                "first": _day(report.first),
                "last": _day(report.last),
                "undated": report.undated,
                "replaced": report.replaced,
            }
            for report in trial.types
        ],
        "entries_read": trial.left_out.read,
        "left_out": [*_left_out(trial.left_out)],
        "seconds": {
            what: round(seconds, 2)
            for what, seconds in zip(("identify", "first_pass", "second_pass"), trial.seconds, strict=True)
        },
        "peak_memory_mb": _peak_memory_megabytes(),
        "faults": [*trial.faults],
    }


def _left_out(left_out: Any) -> Iterator[str]:
    for reason, number in left_out.by_reason().items():
        text: str = reason.one if number == 1 else reason.many
        yield text % {"num": number, "total": left_out.total}
    yield from (f"damaged: {problem}" for problem in left_out.damaged.values())
    yield from (f"not used: {problem}" for problem in left_out.unused.values())
    more: Mapping[str, int] = {"damaged": left_out.more_damaged, "not used": left_out.more_unused}
    yield from (f"{what}: {number} more files" for what, number in more.items() if number)


def _day(moment: int | None) -> str | None:
    if moment is None:
        return None
    try:
        return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return str(moment)


def _peak_memory_megabytes() -> int | None:
    """Return the peak memory of this process."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # In KiB, and on macOS in bytes.
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


def _try_live(source: "Source", callback: str, base_url: str | None) -> dict[str, Any]:
    from privateshare.cli.live_trial import explained_failures, signed_in
    from privateshare.cli.progress import count_lines
    from privateshare.sources.failures import LeftOut
    from privateshare.sources.local_servers import moved

    if base_url is not None:
        source = moved(source, base_url)
    with explained_failures(source):
        connection = signed_in(source, callback)
        counted = count_lines("{} objects were fetched")
        return {"signed_in": True, **_tried(source, lambda: replace(connection, left_out=LeftOut()), counted)}
