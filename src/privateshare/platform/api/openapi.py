"""The description of the API: what FastAPI knows of it, and what the protocol says of authentication and errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from privateshare.errors import ApiError

DESCRIPTION = (
    "People lend their data to apps, for a stated purpose, until they say stop. "
    "Every call but the public ones carries `Authorization: Bearer <JWT>`, signed with the contract's RSA key (PS512), "
    "with the claims `client_id`, `nonce`, `timestamp` and, where it acts for a person, `access_token`. "
    "Under `/v1.6/` the same calls are answered, but for those that are described here under it."
)
PUBLIC = (
    "/jwks/oauth",
    "/discovery/services",
    "/permission-access/session",
    "/healthz",
    "/readyz",
    "/{application_id}",
    "/tracking/sdk",
)
JSON = "application/json"
CONTRACT, STORAGE = "ContractJWT", "StorageJWT"
TEXT = {"type": "string"}
CODE = {"type": "string", "enum": sorted(kind.code for kind in ApiError.__subclasses__())}

ERROR_SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "description": "Why a call was refused; the same three are in the headers X-Error-Code, -Message, -Reference.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "reference"],
                "properties": {"code": CODE, "message": TEXT, "reference": TEXT},
            }
        },
    },
    "StorageError": {
        "type": "object",
        "description": "Why a storage call was refused.",
        "required": ["error", "message"],
        "properties": {"error": CODE, "message": TEXT},
    },
}
SECURITY_SCHEMES: dict[str, Any] = {
    CONTRACT: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "PS512 by the contract's private key, with client_id, nonce, timestamp, access_token.",
    },
    STORAGE: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "PS512 by the contract's private key, with sub, iss, aud (cloud), iat, exp.",
    },
}


PARAMETERS: dict[str, str] = {
    "session_key": "The key of a session.",
    "file_name": "The name of a file, as the session lists it; or accounts.json.",
    "wait": "Seconds that the answer is held for until it differs from that of If-None-Match.",
    "if-none-match": "The ETag of the list that the caller has.",
    "accountId": "The id of one of the person's accounts.",
    "redirectUri": "Where the person goes afterwards: registered with the contract.",
    "includeSampleDataOnlySources": "Also what has nothing but sample data.",
    "contractId": "Only what this contract may ask for.",
    "kind": "categories, countries, platforms or sourceTypes.",
    "standard": "The standard of the body: fhir.",
    "version": "Its version: stu3 or 3.0.2.",
    "type": "The form of the certificate: X.509, or the document as it is.",
    "contract_id": "The id of a contract.",
    "application_id": "The id of its application.",
    "schemaVersion": "The version of the contract document.",
    "service_type": "The reference of a service type, such as spotify.",
    "format": "The form of the report; fhir is a Bundle of what is FHIR.",
    "from": "The first second, since the epoch; `undefined` or nothing for no bound.",
    "to": "The last second, since the epoch; `undefined` or nothing for no bound.",
    "source_id": "The id of a source.",
    "postbox_id": "The id of a postbox.",
    "storage_id": "The id of a storage.",
    "path": "The path of a file, or with a slash at its end of a folder.",
    "recursive": "Of a folder: also what is in its folders.",
    "range": "Of a file: the bytes that are wanted.",
}
CLAIMS: dict[str, str] = {  # beside those of all calls
    "v1_7_authorize": "redirect_uri, response_type (code), response_mode (query), code_challenge, "
    "code_challenge_method (S256); state and access_token may be left out",
    "v1_7_token": "grant_type; for authorization_code also code and code_verifier, for refresh_token refresh_token",
    "v1_7_token_reference": "redirect_uri; state, code_challenge and code_challenge_method may be left out",
    "v1_6_push_to_postbox": "iv, metadata, symmetrical_key",
}
HEADERS: dict[str, str] = {
    "X-Request-Id": "The id of this request.",
    "X-Error-Code": "The error's code.",
    "X-Error-Message": "The error's message.",
    "X-Error-Reference": "The id of this request.",
    "Retry-After": "Seconds to wait before the call may work.",
    "X-Metadata": "base64url of JSON: metadata, compression, size and sha256 of the plain data.",
    "Last-Modified": "When the content last changed.",
    "ETag": "Names this state of the list.",
    "Accept-Ranges": "bytes",
    "Content-Range": "Which bytes of the file these are.",
}
ERROR_HEADERS = ("X-Error-Code", "X-Error-Message", "X-Error-Reference", "Retry-After")
ANSWER_HEADERS: dict[str, tuple[str, ...]] = {
    "v1_7_query": ("ETag",),
    "v1_7_read_file": ("X-Metadata", "Last-Modified"),
    "v1_7_read_file_metadata": ("X-Metadata", "Last-Modified"),
    "v1_6_read_file": ("X-Metadata",),
    "cloud_read": ("Accept-Ranges", "Content-Range"),
}


def describe(app: FastAPI, address: str | None) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of an application, once. Without an `address` calls go where the document is."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            openapi_version="3.1.0",
            servers=[{"url": address}] if address else None,
        )
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas.update(ERROR_SCHEMAS)
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        document["components"]["headers"] = {
            name: {"description": told, "schema": TEXT} for name, told in HEADERS.items()
        }
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    storage, name = path.startswith("/cloud/"), operation["operationId"]
    schema = "StorageError" if storage else "Error"
    operation["summary"] = operation["description"].split("\n")[0].split(". ")[0].rstrip(".")
    operation["responses"].pop("422", None)
    for answer in operation["responses"].values():
        answer["headers"] = _headers("X-Request-Id", *ANSWER_HEADERS.get(name, ()))
    operation["responses"]["default"] = {
        "description": "Refused, with the status of protocol 13",
        "headers": _headers("X-Request-Id", *ERROR_HEADERS),
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    for parameter in operation.get("parameters", []):
        if parameter["name"] in PARAMETERS:
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
    if name in CLAIMS:
        operation["description"] += f" The JWT also holds: {CLAIMS[name]}."
    legacy_reading = path.startswith("/v1.6/permission-access/query")
    if not legacy_reading and (storage or not path.endswith(PUBLIC)):
        operation["security"] = [{STORAGE if storage else CONTRACT: []}]


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def operation_id(route: APIRoute) -> str:
    """A short stable name: the version, the function, and the method where one function has several."""
    version = route.path_format.split("/")[1].replace(".", "_")
    methods = "" if len(route.methods or ()) == 1 else "_or_".join(sorted(route.methods or ())).lower() + "_"
    return f"{version}_{methods}{route.name}"
