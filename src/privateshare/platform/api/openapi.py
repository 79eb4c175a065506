"""The description of the API: what FastAPI knows of it, and what the protocol says of authentication and errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

DESCRIPTION = (
    "People lend their data to apps, for a stated purpose, until they say stop. "
    "Every call but the public ones carries `Authorization: Bearer <JWT>`, signed with the contract's RSA key (PS512), "
    "with the claims `client_id`, `nonce`, `timestamp` and, where it acts for a person, `access_token`."
)
PUBLIC = (
    "/jwks/oauth",
    "/discovery/services",
    "/permission-access/session",
    "/healthz",
    "/readyz",
    "/{application_id}",
)
JSON = "application/json"
CONTRACT, STORAGE = "ContractJWT", "StorageJWT"
TEXT = {"type": "string"}

ERROR_SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "description": "Why a call was refused; the same three are in the headers X-Error-Code, -Message, -Reference.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "reference"],
                "properties": {"code": TEXT, "message": TEXT, "reference": TEXT},
            }
        },
    },
    "StorageError": {
        "type": "object",
        "description": "Why a storage call was refused.",
        "required": ["error", "message"],
        "properties": {"error": TEXT, "message": TEXT},
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


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
        )
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas.update(ERROR_SCHEMAS)
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    storage = path.startswith("/cloud/")
    schema = "StorageError" if storage else "Error"
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "Refused",
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    legacy_reading = path.startswith("/v1.6/permission-access/query")
    if not legacy_reading and (storage or not path.endswith(PUBLIC)):
        operation["security"] = [{STORAGE if storage else CONTRACT: []}]


def operation_id(route: APIRoute) -> str:
    """A short stable name: the version, the function, and the method where one function has several."""
    version = route.path_format.split("/")[1].replace(".", "_")
    methods = "" if len(route.methods or ()) == 1 else "_or_".join(sorted(route.methods or ())).lower() + "_"
    return f"{version}_{methods}{route.name}"
