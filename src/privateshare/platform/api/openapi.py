"""The OpenAPI description of the API: FastAPI's own, completed with the protocol's authentication and errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from privateshare.errors import ApiError

DESCRIPTION = (
    "People share their data with apps, for a stated purpose, until they withdraw. "
    "All requests except public ones need `Authorization: Bearer <JWT>`, signed with the contract's RSA key (PS512), "
    "with the claims `client_id`, `nonce`, `timestamp` and, for requests on behalf of a person, `access_token`. "
    "The same endpoints exist under `/v1.6/`, except those that are described here with that prefix."
)
PUBLIC = (
    "/jwks/oauth",
    "/discovery/services",
    "/permission-access/session",
    "/healthz",
    "/.well-known/privateshare-log",
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
        "description": "An error. The headers X-Error-Code, X-Error-Message and X-Error-Reference repeat it.",
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
        "description": "An error of a storage request.",
        "required": ["error", "message"],
        "properties": {"error": CODE, "message": TEXT},
    },
}
SECURITY_SCHEMES: dict[str, Any] = {
    CONTRACT: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Signed with PS512 and the contract's private key; client_id, nonce, timestamp, access_token.",
    },
    STORAGE: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Signed with PS512 and the contract's private key; sub, iss, aud (cloud), iat, exp.",
    },
}


PARAMETERS: dict[str, str] = {
    "session_key": "The key of a session.",
    "file_name": "The name of a file in the session's list, or accounts.json.",
    "wait": "The seconds to wait until the list differs from the one that If-None-Match names.",
    "if-none-match": "The ETag of the caller's list.",
    "accountId": "The id of one of the person's accounts.",
    "redirectUri": "A redirect URI of the contract, where the person goes afterwards.",
    "includeSampleDataOnlySources": "Whether to include sources with only sample data.",
    "contractId": "Return only what this contract may ask for.",
    "kind": "categories, countries, platforms or sourceTypes.",
    "standard": "The standard of the body: fhir.",
    "version": "Its version: stu3 or 3.0.2.",
    "type": "The form of the certificate: X.509, or the plain document.",
    "contract_id": "The id of a contract.",
    "consent_id": "The id of a consent, `consentid` of protocol 4.2.",
    "application_id": "The id of its application.",
    "schemaVersion": "The version of the contract document.",
    "service_type": "The reference of a service type, such as spotify.",
    "format": "The format of the report; fhir is a Bundle of all data that is FHIR.",
    "from": "The start in seconds since the epoch; `undefined` or empty for no limit.",
    "to": "The end in seconds since the epoch; `undefined` or empty for no limit.",
    "source_id": "The id of a source.",
    "postbox_id": "The id of a postbox.",
    "storage_id": "The id of a storage.",
    "path": "The path of a file, or of a folder with a slash at its end.",
    "recursive": "For a folder: whether to list its subfolders too.",
    "range": "For a file: the range of bytes to return.",
}
ADDITIONAL_CLAIMS: dict[str, str] = {
    "v1_7_preauthorize": "redirect_uri, response_type (code), response_mode (query), code_challenge, "
    "code_challenge_method (S256); optionally state and access_token",
    "v1_7_issue_tokens": "grant_type; for authorization_code also code and code_verifier, "
    "for refresh_token also refresh_token",
    "v1_7_issue_reference_code": "redirect_uri; optionally state, code_challenge and code_challenge_method",
    "v1_6_push_to_postbox": "iv, metadata, symmetrical_key",
}
HEADERS: dict[str, str] = {
    "X-Request-Id": "The id of this request.",
    "X-Error-Code": "The code of the error.",
    "X-Error-Message": "The message of the error.",
    "X-Error-Reference": "The id of this request.",
    "Retry-After": "The seconds to wait before a retry.",
    "X-Metadata": "base64url of JSON: metadata, compression, size and sha256 of the plain data.",
    "Last-Modified": "When the content last changed.",
    "ETag": "The version of the list.",
    "Accept-Ranges": "bytes",
    "Content-Range": "The range of bytes in the response.",
}
ERROR_HEADERS = ("X-Error-Code", "X-Error-Message", "X-Error-Reference", "Retry-After")
RESPONSE_HEADERS: dict[str, tuple[str, ...]] = {
    "v1_7_get_session_files": ("ETag",),
    "v1_7_get_file": ("X-Metadata", "Last-Modified"),
    "v1_7_get_file_headers": ("X-Metadata", "Last-Modified"),
    "v1_6_get_legacy_file": ("X-Metadata",),
    "cloud_get_stored_file": ("Accept-Ranges", "Content-Range"),
}


def build_openapi(app: FastAPI, address: str | None) -> dict[str, Any]:
    """Make the OpenAPI 3.1 document of an application, and cache it.

    Without an `address`, requests go to the server of the document.
    """
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
            name: {"description": description, "schema": TEXT} for name, description in HEADERS.items()
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
    for response in operation["responses"].values():
        response["headers"] = _headers("X-Request-Id", *RESPONSE_HEADERS.get(name, ()))
    operation["responses"]["default"] = {
        "description": "An error, with the status of protocol 13",
        "headers": _headers("X-Request-Id", *ERROR_HEADERS),
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    for parameter in operation.get("parameters", []):
        if parameter["name"] in PARAMETERS:
            parameter.setdefault("description", PARAMETERS[parameter["name"]])
    if name in ADDITIONAL_CLAIMS:
        operation["description"] += f" The JWT also has the claims: {ADDITIONAL_CLAIMS[name]}."
    legacy_reading = path.startswith("/v1.6/permission-access/query")
    if not legacy_reading and (storage or not path.endswith(PUBLIC)):
        operation["security"] = [{STORAGE if storage else CONTRACT: []}]


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def operation_id(route: APIRoute) -> str:
    """Make a short, stable operation id: the version, the method if a function has several, and the function."""
    version = route.path_format.split("/")[1].replace(".", "_")
    methods = "" if len(route.methods or ()) == 1 else "_or_".join(sorted(route.methods or ())).lower() + "_"
    return f"{version}_{methods}{route.name}"
