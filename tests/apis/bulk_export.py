"""A FHIR server that exports the record of the patient who signed in, as FHIR Bulk Data Access 2.0 describes it.

People sign in there with OAuth, after the platform registered itself. The export has several files for a type, is ready
after some requests for its state, limits how often that is asked, and ends when the client says so. Faults are made by
`fail`, as of all local servers.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from privateshare.testing.api_server import Answer, Api, ApiServer, Call

TOKEN, PATIENT = "secret-token", "p1"
MOMENT = "2026-01-05T10:00:00.000+01:00"
TYPES = ("Patient", "Observation", "Condition", "ServiceRequest")
JOB, FILES = "/jobs/1", "/files"


def resource(kind: str, id_: str, **more: Any) -> dict[str, Any]:
    about = {} if kind == "Patient" else {"subject": {"reference": f"Patient/{PATIENT}"}}
    return {"resourceType": kind, "id": id_, "meta": {"lastUpdated": "2025-06-01T00:00:00Z"}} | about | more


def ndjson(*things: Any) -> bytes:
    return "".join(f"{json.dumps(thing)}\n" for thing in things).encode()


@dataclass
class ExportServer(ApiServer):
    """The server.

    Attributes:
        records: The resources on record.
        exported: The types that the export has; others are only found by searching.
        pending: How often the state is still "not ready".
        pause: The header Retry-After of such a state.
        page: How many resources a file has.
        counts: Whether the list of files has the number of resources.
        needs_token: Whether the files need the token.
        file_server: Where the files are, if that is not here.
        deleted: The references of what was deleted.
        errors: What could not be exported, as outcomes.
        ended: Whether the client ended the export.
        kick_offs: The requests that began an export.
        lists_export: Whether the capability statement names the operation.
        version: The version of FHIR.
        moment: When the export was made, as it says.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    exported: tuple[str, ...] = TYPES
    pending: int = 1
    pause: str | None = "1"
    page: int = 40
    counts: bool = True
    needs_token: bool = True
    file_server: str = ""
    deleted: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    ended: bool = False
    kick_offs: list[dict[str, str]] = field(default_factory=list)
    lists_export: bool = True
    version: str = "4.0.1"
    moment: str = MOMENT

    def answer(self, call: Call) -> Answer:
        if call.path.startswith((FILES, JOB)) or call.path.endswith("$export"):
            self.asked.append(call)
            failures = self.failures.get(call.path)
            if failures:
                return failures.pop(0)
            if (call.path.startswith(FILES) and not self.needs_token) != ("authorization" not in call.headers):
                return 400, {}, {"resourceType": "OperationOutcome"}
            return self._export(call) if self._is_known(call) else (401, {}, {})
        if call.path == "/metadata":
            return 200, {}, self._statement()
        if call.path == "/.well-known/smart-configuration":
            names = ("authorization", "token", "registration")
            return 200, {}, {f"{name}_endpoint": f"{self.address}/{name}" for name in names}
        if call.path == "/registration":
            client = {"client_id": "c1", "client_secret": "s1", "token_endpoint_auth_method": "client_secret_post"}
            self.clients["c1"] = "s1"
            return 201, {}, client
        if call.path in (self.api.authorize, self.api.token):
            return super().answer(call)
        self.asked.append(call)
        if not call.headers.get("authorization") or not self._is_known(call):
            return 401, {}, {}
        if call.path == f"/Patient/{PATIENT}":
            return 200, {}, next(one for one in self.records if one["resourceType"] == "Patient")
        found = [one for one in self.records if call.path == f"/{one['resourceType']}"]
        entries = [{"resource": one} for one in found]
        date = {"Date": "Mon, 05 Jan 2026 09:00:00 GMT"}
        return 200, date, {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries}

    def _is_known(self, call: Call) -> bool:
        """Return whether a call has no token, as for files that need none, or one that is valid."""
        _, _, token = call.headers.get("authorization", "").partition(" ")
        return not token or token in self.tokens

    def _statement(self) -> dict[str, Any]:
        resources: list[dict[str, Any]] = [{"type": kind, "searchParam": [{"name": "patient"}]} for kind in TYPES]
        if self.lists_export:
            resources[0]["operation"] = [{"name": "export", "definition": "OperationDefinition/patient-export"}]
        rest = [{"mode": "server", "resource": resources}]
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.version, "rest": rest}

    def _export(self, call: Call) -> Answer:
        if call.path == f"/Patient/{PATIENT}/$export":
            if call.headers.get("prefer") != "respond-async":
                return 403, {}, {"resourceType": "OperationOutcome"}
            self.kick_offs.append(call.query)
            self.ended = False
            return 202, {"Content-Location": f"{self.address}{JOB}"}, b""
        if self.ended:
            return 404, {}, {"resourceType": "OperationOutcome"}
        if call.path == JOB and call.method == "DELETE":
            self.ended = True
            return 202, {}, b""
        if call.path == JOB:
            if self.pending:
                self.pending -= 1
                return 202, {"X-Progress": "half"} | ({"Retry-After": self.pause} if self.pause else {}), b""
            return 200, {"Expires": "Mon, 22 Jul 2030 23:59:59 GMT"}, self._manifest()
        return 200, {}, self.file(call.path.removeprefix(f"{FILES}/"))

    def _wanted(self) -> list[dict[str, Any]]:
        asked = self.kick_offs[-1]
        since = asked.get("_since", "")
        types = set(asked["_type"].split(",")) & set(self.exported)
        return [one for one in self.records if one["resourceType"] in types and one["meta"]["lastUpdated"] >= since]

    def _manifest(self) -> dict[str, Any]:
        at = f"{self.file_server or self.address}{FILES}"
        output = []
        for kind in reversed(TYPES):
            found = [one for one in self._wanted() if one["resourceType"] == kind]
            for start in range(0, len(found), self.page):
                count = {"count": len(found[start : start + self.page])} if self.counts else {}
                output.append({"type": kind, "url": f"{at}/{kind}.{start}"} | count)
        deleted = [{"type": "Bundle", "url": f"{at}/deleted"}] if self.deleted else []
        errors = [{"type": "OperationOutcome", "url": f"{at}/errors"}] if self.errors else []
        told: dict[str, Any] = {"transactionTime": self.moment, "request": "…", "requiresAccessToken": self.needs_token}
        return told | {"output": output, "deleted": deleted, "error": errors}

    def file(self, name: str) -> bytes:
        if name == "errors":
            return ndjson(*self.errors)
        if name == "deleted":
            entries = [{"request": {"method": "DELETE", "url": one}} for one in self.deleted]
            return ndjson({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        kind, _, start = name.partition(".")
        found = [one for one in self._wanted() if one["resourceType"] == kind]
        return ndjson(*found[int(start) : int(start) + self.page])


def export_server() -> ExportServer:
    def of_patient(token: dict[str, Any]) -> dict[str, Any]:
        return token | {"patient": PATIENT, "scope": "launch/patient patient/*.read"}

    server = ExportServer(Api(authorize="/authorization", token="/token", wrap_token=of_patient))
    server.tokens.add(TOKEN)
    server.records = [resource("Patient", PATIENT), *(resource("Observation", f"o{one}") for one in range(100))]
    server.records += [resource("Condition", "c1")]
    return server
