"""Reading a patient's record from an export, where a server provides one to the person whose record it is.

What an export does not have is searched afterwards, so `done` names only the types of which it was complete.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import structlog

from privateshare.sources.contract import PAGE_BYTES, PAGE_OBJECTS, Broken, Connection, Covered, JsonObject, Page
from privateshare.sources.failures import UNKNOWN, LeftOut, Reason
from privateshare.sources.fhir_file.history import deleted_resource
from privateshare.sources.fhir_file.references import read_reference
from privateshare.sources.fhir_server.bulk import (
    OK,
    ExportedFile,
    ExportManifest,
    begin_export,
    end_export,
    finish_export,
    open_files,
    read_file,
)
from privateshare.sources.fhir_server.requests import Refused
from privateshare.sources.fhir_server.search import SearchPosition, read_position
from privateshare.sources.health_provider.compartment import COMPARTMENT, PATIENT, searches_of
from privateshare.sources.health_provider.discovery import SmartServer
from privateshare.sources.identity import Deletion, ObjectProvenance
from privateshare.sources.object_building import dict_of, list_of, text_of
from privateshare.sources.web import ServerReach

MAX_DELETED = 100_000
HARMLESS = ("information", "warning")
# The fields that say whom a resource is about; the last ones are parts of a list's entries.
ABOUT = ("patient", "subject", "beneficiary", "for", "individual", "candidate", "actor")
ABOUT_PARTS = (("participant", "actor"), ("member", "entity"))
NOT_EXPORTED = Reason(
    "NotExported",
    "%(num)s of %(total)s entries could not be exported by the hospital, and is fetched again next time.",
    "%(num)s of %(total)s entries could not be exported by the hospital, and are fetched again next time.",
    Broken("The hospital could not export the record. Try again later."),
)

log = structlog.get_logger()


@dataclass(slots=True)
class PatientExport:
    """The export of the record that a connection is for. `done` has the types that were read from it completely."""

    client: httpx2.Client
    server: SmartServer
    connection: Connection
    reach: ServerReach
    sleep: Callable[[float], None]
    done: set[str] = field(default_factory=set)

    @property
    def is_offered(self) -> bool:
        """Whether the server says that it exports the records of patients."""
        ability = self.server.types.get(PATIENT)
        return ability is not None and ability.exports

    def pages(self, cursors: Mapping[str, str | None]) -> Iterator[Page]:
        """Yield the pages of an export of some types: of everything, or of what has changed since their cursors.

        Types that an earlier export did not have are searched while the others have changes only. It ends without an
        error if the server does not export the record. What came before is about this patient.
        """
        positions = {name: read_position(cursor) for name, cursor in cursors.items()}
        known = [name for name, one in positions.items() if one.is_exported and not one.needs_full_read]
        wanted = known or [name for name, one in positions.items() if one.needs_full_read]
        if not wanted or not self.is_offered:
            return
        since = min(positions[name].since or "" for name in known) if known else None
        try:
            yield from self._export(wanted, positions, since)
        except Refused as refused:
            log.info("a record is not exported, and searched instead", code=refused.code, status=refused.status)

    def _export(
        self, wanted: Sequence[str], positions: Mapping[str, SearchPosition], since: str | None
    ) -> Iterator[Page]:
        token, base = self.connection.token or {}, self.server.base
        names = {there: name for name in wanted for there in self._names_there(name)}
        status = begin_export(self.client, base, str(token["patient"]), [*names], since)
        try:
            manifest = finish_export(self.client, status, base, self.sleep)
            with open_files(token, manifest, self.reach) as files:
                yield from _Reading(self, files, manifest, names, str(token["patient"]), positions, since).pages(wanted)
        finally:
            end_export(self.client, status)

    def _names_there(self, name: str) -> Sequence[str]:
        return (PATIENT,) if name == PATIENT else [there for there, _ in searches_of(self.server, name)]


@dataclass(slots=True)
class _Reading:
    """The reading of the files of an export."""

    export: PatientExport
    files: httpx2.Client
    manifest: ExportManifest
    names: Mapping[str, str]
    patient: str
    positions: Mapping[str, SearchPosition]
    since: str | None

    @property
    def left_out(self) -> LeftOut:
        return self.export.connection.left_out

    def pages(self, wanted: Sequence[str]) -> Iterator[Page]:
        failures = self._failures()
        deleted = self._deleted()
        for name in wanted:
            files = [file for file in self.manifest.output if self.names.get(file.resource_type) == name]
            # A type of which nothing came may be one that the server does not export.
            if files or self.since is not None:
                yield from self._of_type(name, files, deleted.get(name, ()), failures)
                self.export.done.add(name)

    def _of_type(
        self, name: str, files: Sequence[ExportedFile], deleted: Collection[str], failures: int
    ) -> Iterator[Page]:
        object_type, ids, before = COMPARTMENT[name], set[str](), self.left_out.count
        for file in files:
            waiting, texts, size = list[JsonObject](), list[bytes](), 0
            for resource, text in self._resources(file, object_type):
                waiting.append(resource)
                texts.append(text)
                ids.add(str(resource.get("id")))
                size += len(text)
                if len(waiting) == PAGE_OBJECTS or size > PAGE_BYTES:
                    yield Page(object_type, waiting, texts=texts)
                    waiting, texts, size = [], [], 0
            if waiting:
                yield Page(object_type, waiting, texts=texts)
        is_complete = self.since is None and not failures and self.left_out.count == before
        is_certain = is_complete and bool(ids) and _promised(files) == len(ids)
        gone = [Deletion(object_type, f"{name}/{id_}", ObjectProvenance()) for id_ in deleted if id_ not in ids]
        for start in range(0, len(gone), PAGE_OBJECTS):
            yield Page(object_type, (), deletions=gone[start : start + PAGE_OBJECTS])
        yield Page(object_type, (), self._cursor(name, failures), covered=Covered() if is_certain else None)

    def _cursor(self, name: str, failures: int) -> str:
        """Return the new cursor. After an export that lacks something, everything is read again."""
        moment, position = self.manifest.moment, self.positions[name]
        fully = moment if self.since is None and not failures else position.read_fully_at
        return str(SearchPosition(moment, fully, is_exported=not failures))

    def _resources(self, file: ExportedFile, object_type: int) -> Iterator[tuple[JsonObject, bytes]]:
        """Yield the resources of a file with their texts. Raises Refused if one is about somebody else."""
        for found in self._lines(file):
            if found is None or found[0]["resourceType"] != file.resource_type:
                self.left_out.leave_out(UNKNOWN, object_type)
            elif is_of_another(found[0], self.patient):
                raise Refused(OK, "AnotherPatient")
            else:
                yield found

    def _lines(self, file: ExportedFile) -> Iterator[tuple[JsonObject, bytes] | None]:
        self.export.connection.admit()  # A server may name files without end, and send each slowly.
        yield from read_file(self.files, file)

    def _failures(self) -> int:
        """Count what the server could not export, which it says in files of their own."""
        count = 0
        for file in self.manifest.errors:
            for outcome in self._lines(file):
                issues = list_of((outcome[0] if outcome else {}).get("issue")) or [{}]
                count += any(text_of(dict_of(issue).get("severity")) not in HARMLESS for issue in issues)
        self.left_out.leave_out(NOT_EXPORTED, None, count)
        return count

    def _deleted(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of what was deleted, by type. The server names it in Bundles, as entries of deletions."""
        found: dict[str, list[str]] = {}
        for file in self.manifest.deleted:
            for bundle in self._lines(file):
                for entry in list_of((bundle[0] if bundle else {}).get("entry")):
                    one = deleted_resource(dict_of(entry))
                    name = self.names.get(one.type or "") if one is not None else None
                    if one is not None and name is not None:
                        found.setdefault(name, []).append(one.id)
            if sum(map(len, found.values())) > MAX_DELETED:
                raise Refused(OK, "TooManyDeletions")
        return found


def _promised(files: Sequence[ExportedFile]) -> int | None:
    """Return how many resources some files have together; None if the server does not say it of each."""
    counts = [file.count for file in files if file.count is not None]
    return sum(counts) if len(counts) == len(files) else None


def is_of_another(resource: JsonObject, patient: str) -> bool:
    """Return whether a resource is about another patient than this one.

    A field that names several, such as the participants of an appointment, may name others beside this one.
    """
    if resource["resourceType"] == PATIENT:
        return resource.get("id") != patient
    named = [_patients(list_of(found) or [found]) for name in ABOUT if (found := resource.get(name)) is not None]
    for name, part in ABOUT_PARTS:
        named.append(_patients([dict_of(one).get(part) for one in list_of(resource.get(name))]))
    return any(patients and patient not in patients for patients in named)


def _patients(references: Sequence[object]) -> set[str]:
    """Return the ids of the patients to which some references lead."""
    found = (read_reference(dict_of(one).get("reference")) for one in references)
    return {about.id for about in found if about is not None and about.type == PATIENT}
