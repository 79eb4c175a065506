"""The hospital's FHIR server, on fhirstarter, which speaks the version that FHIR_SEQUENCE names."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any
from uuid import uuid4

from fhirstarter import FHIR_SEQUENCE, FHIRProvider, FHIRStarter, InteractionContext
from fhirstarter.exceptions import FHIRResourceNotFoundError
from fhirstarter.resources import Bundle
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.hospital import TYPES
from tests.hospital.authorization import LOOK_SECONDS, Desk

Records = dict[str, dict[str, dict[str, Any]]]
"""Resources by type and id."""


class Hospital:
    """What is on record of each patient, and what goes wrong next."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.patients: dict[str, Records] = {}
        self.requests: list[str] = []
        self.failures: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        self.page_size = 100
        self.foreign_links = False
        self.holds_answers = False  # to what is sent, once it is on record
        self.waiting = 0  # for these answers

    def keep(self, patient: str, resource: dict[str, Any]) -> str:
        """Puts a resource on record; its id."""
        resource = {"id": str(uuid4())} | resource
        self.patients.setdefault(patient, {}).setdefault(resource["resourceType"], {})[resource["id"]] = resource
        return str(resource["id"])

    def of(self, patient: str, resource_type: str) -> dict[str, dict[str, Any]]:
        """What is on record of one type."""
        return self.patients.get(patient, {}).get(resource_type, {})


def fhir_app(hospital: Hospital, configuration: dict[str, Any]) -> FHIRStarter:
    """The server; `configuration` is what it says of signing in."""
    app = FHIRStarter(openapi_url=None)
    # Devices are not found by their patient in R5.
    app.add_providers(*(_provider(hospital, name) for name in TYPES if name != "Device" or FHIR_SEQUENCE != "R5"))
    app.add_api_route("/.well-known/smart-configuration", lambda: configuration)

    @app.middleware("http")
    async def check_token(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path in ("/.well-known/smart-configuration", "/metadata"):
            return await answer(request)
        resource_type = request.url.path.split("/")[1]
        hospital.requests.append(f"{request.method} {request.url.path}?{request.url.query}")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = hospital.desk.grant_of(token)
        if scheme != "Bearer" or grant is None:
            return _outcome(401, "login", "Who are you?")
        readable = ("patient/*.", f"patient/{resource_type}.")
        if not any(scope.startswith(readable) for scope in grant.scope.split()):
            return _outcome(403, "forbidden", "This token may not read that")
        if request.method == "POST" and "patient/*.write" not in grant.scope:
            return _outcome(403, "forbidden", "This token may not write")
        if failures := hospital.failures.get(resource_type):
            status, headers, text = failures.pop(0)
            return _outcome(status, "processing", text, headers)
        request.state.patient = grant.patient
        response = await answer(request)
        if request.method == "POST":
            hospital.waiting += 1
            try:
                while hospital.holds_answers:
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                hospital.waiting -= 1
        return response

    return app


def _outcome(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, status, headers)


def _provider(hospital: Hospital, name: str) -> FHIRProvider:
    models = "fhir.resources." + ("" if FHIR_SEQUENCE == "R5" else f"{FHIR_SEQUENCE}.")
    model: Any = getattr(import_module(models + name.lower()), name)
    provider = FHIRProvider()

    @provider.read(model)
    async def read(context: InteractionContext, id_: str) -> Any:
        found = hospital.of(context.request.state.patient, name).get(id_)
        if found is None:
            raise FHIRResourceNotFoundError
        return model.model_validate_json(json.dumps(found))

    if name == "Patient":
        return provider

    @provider.create(model)
    async def create(context: InteractionContext, resource: Any) -> str:
        kept = json.loads(resource.model_dump_json())
        return hospital.keep(context.request.state.patient, kept | {"id": str(uuid4())})

    @provider.search_type(model)
    async def search(context: InteractionContext, patient: str | None) -> Any:
        return _page(hospital, context.request, name, str(patient))

    return provider


def _page(hospital: Hospital, request: Request, name: str, patient: str) -> Any:
    query = request.query_params
    since = query.get("_lastUpdated", "ge").removeprefix("ge")
    kept = hospital.of(patient, name).values() if patient == request.state.patient else ()
    found = [one for one in kept if one.get("meta", {}).get("lastUpdated", "9999") >= since]
    start, size = int(query.get("page", 0)), min(hospital.page_size, int(query.get("_count", 1000)))
    links = []
    if start + size < len(found):
        following = request.url.include_query_params(page=start + size)
        if hospital.foreign_links:
            following = following.replace(hostname="localhost")
        links.append({"relation": "next", "url": str(following)})
    entries = [{"resource": one} for one in found[start : start + size]]
    told = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links, "entry": entries}
    return Bundle.model_validate_json(json.dumps({key: value for key, value in told.items() if value != []}))
